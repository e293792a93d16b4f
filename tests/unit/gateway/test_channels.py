"""What a channel's rules make of a raw event, beyond what scenarios show."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from gateway import channels as module
from gateway.boundary import Rule
from gateway.channels import Channel
from gateway.domain import (
    Action,
    Address,
    Attachment,
    Conversation,
    ConversationKind,
    Delivery,
    Inbound,
    Moved,
    Participant,
    Question,
    QuestionKind,
)
from gateway.ports.adapter import Part, Receive, Sent
from gateway.presentation import numbered


class Platform:
    """An adapter whose events say what they are."""

    settings = None

    def routes(self) -> list[Any]:
        return []

    async def run(self, receive: Receive) -> None:
        await asyncio.get_running_loop().create_future()

    async def send(self, delivery: Delivery) -> Sent:
        return Sent()

    def parse(self, raw: bytes) -> Inbound | Moved:
        fields = orjson.loads(raw)
        if "new" in fields:
            return Moved(event_id="1", old_id="g", new_id=fields["new"])
        return Inbound(
            event_id="1",
            conversation=Conversation(kind=ConversationKind.GROUP, id=fields.get("place", "g")),
            participant=Participant(id="ada"),
            address=Address(destination="g"),
            text="x",
            action=Action(fields.get("action", "message")),
            addressed=fields.get("addressed", False),
            follows=fields.get("follows", False),
            album=fields.get("album", ""),
        )


@pytest.fixture
def channel() -> Channel:
    return Channel(
        name="c",
        adapter=Platform(),
        agent="a",
        rules={ConversationKind.GROUP: Rule.PER_GROUP},
        respond={ConversationKind.GROUP: "mentions"},
    )


def outcome(channel: Channel, **fields: object) -> str:
    return channel.judge(orjson.dumps(fields)).outcome


def test_the_whole_album_is_meant_when_one_part_says_so(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome(channel, album="x") == "ignored"
    assert outcome(channel, album="x", addressed=True) == "accepted"
    assert outcome(channel, album="x") == "accepted"
    assert outcome(channel, album="x", place="another") == "ignored"
    assert outcome(channel, album="y") == "ignored"
    assert outcome(channel) == "ignored"
    monkeypatch.setattr(module, "_ALBUMS", 2)
    for album in "abc":
        outcome(channel, album=album, addressed=True)
    assert outcome(channel, album="x") == "ignored"


def test_that_a_group_moved_needs_no_boundary(channel: Channel) -> None:
    verdict = channel.judge(b'{"new": "h"}')
    assert verdict.outcome == "accepted"
    assert verdict.moved == Moved(event_id="1", old_id="g", new_id="h")
    assert verdict.boundary is None


def test_a_platform_without_files_or_limits(channel: Channel) -> None:
    assert not channel.carries(Attachment(name="a.png", id="1"))
    assert channel.split("long " * 9999, markdown=True) == (Part(text="long " * 9999),)


def test_what_follows_is_left_to_whoever_knows_the_lane(channel: Channel) -> None:
    verdict = channel.judge(b'{"follows": true}')
    assert (verdict.outcome, verdict.follows) == ("ignored", True)
    assert verdict.boundary is not None
    meant = channel.judge(b'{"follows": true, "addressed": true}')
    assert (meant.outcome, meant.follows) == ("accepted", False)


def test_a_deletion_needs_no_place_on_the_list(channel: Channel) -> None:
    """Platforms do not say whose it is."""
    listed = Channel(
        name="c",
        adapter=channel.adapter,
        agent="a",
        rules=channel.rules,
        respond={},
        allow=["bob"],
    )
    assert outcome(listed) == "refused"
    assert outcome(listed, action="delete") == "accepted"


class Texting(Platform):
    """A platform without buttons."""

    def spell(self, text: str, question: Question, address: Address) -> str:
        return f"{text}\n\n{address.destination}:\n\n{numbered(question.options)}"


def test_what_has_no_buttons_is_written_below_its_question() -> None:
    asked = Question(
        id="q",
        session_id="s",
        task_id="t",
        addressee="ada",
        kind=QuestionKind.CHOICE,
        text="Which?",
        options=("Tea", "*Milk*  or\nnone"),
    )
    channel = Channel(
        name="c",
        adapter=Texting(),
        agent="a",
        rules={ConversationKind.GROUP: Rule.PER_GROUP},
        respond={},
    )
    here = Address(destination="here")
    spelled = channel.spell("Which?", asked, here)
    assert spelled == "Which?\n\nhere:\n\n1. Tea\n2. \\*Milk\\* or none"
    assert channel.spell("Which?", None, here) == "Which?"
