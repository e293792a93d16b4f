"""What becomes of the files of a message before its turn runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway import fetching
from gateway.boundary import Rule
from gateway.channels import Channel
from gateway.domain import (
    Address,
    Attachment,
    Conversation,
    ConversationKind,
    Delivery,
    Ignored,
    Inbound,
    Participant,
    Session,
)
from gateway.errors import LimitExceeded, Unavailable
from gateway.fetching import fetched
from gateway.ports.adapter import Receive, Sent
from gateway.ports.records import Hold
from gateway.seen import Seen

PLACE = Conversation(kind=ConversationKind.DIRECT, id="7")
PHOTO = Attachment(name="sun.jpg", media_type="image/jpeg", size=3, ref="there")


class Platform:
    """An adapter that hands out three bytes, or does what it was told to."""

    settings = None
    wrong: Exception | None = None
    hangs = False

    def routes(self) -> list[Any]:
        return []

    async def run(self, receive: Receive) -> None:
        await asyncio.get_running_loop().create_future()

    def parse(self, raw: bytes) -> Ignored:
        return Ignored(reason="nothing comes in here")

    async def send(self, delivery: Delivery) -> Sent:
        return Sent()

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        if self.wrong is not None:
            raise self.wrong
        for byte in attachment.ref[:3].encode():
            yield bytes([byte])
        if self.hangs:
            await asyncio.get_running_loop().create_future()


class Shelf:
    """Keeps files in memory."""

    def __init__(self) -> None:
        self.limit = 10
        self.kept: dict[str, bytes] = {}

    async def keep(
        self, session: Session, name: str, content: AsyncIterator[bytes], *, media_type: str = ""
    ) -> Attachment:
        self.kept[name] = b"".join([piece async for piece in content])
        return Attachment(name=name, media_type=media_type, size=3, id=f"{session.id}/{name}")

    async def find(self, session: Session, file_id: str) -> Attachment | None:
        raise AssertionError("nothing is looked up here")

    async def read(self, attachment: Attachment) -> bytes:
        raise AssertionError("nothing is read here")

    def link(self, attachment: Attachment) -> str:
        raise AssertionError("nothing is linked to here")


def seen(channel: Channel, *attachments: Attachment) -> Seen:
    return Seen(
        turn_id="turn",
        task_id="t1",
        row_id="r1",
        folded=(),
        hold=Hold(lane_id="l", fence=4),
        channel="c",
        inbound=Inbound(
            event_id="1",
            conversation=PLACE,
            participant=Participant(id="ada"),
            address=Address(destination="7"),
            text="look",
            attachments=attachments,
        ),
        session=Session(
            id="s",
            lane_id="l",
            channel="c",
            agent="a",
            owner="o",
            conversation=PLACE,
            created_at=0.0,
            last_activity=0.0,
        ),
        now=0.0,
        said_at=0.0,
        way=channel,
    )


def channel(platform: Platform) -> Channel:
    rules = {ConversationKind.DIRECT: Rule.PER_USER}
    return Channel(name="c", adapter=platform, agent="a", rules=rules, respond={})


async def test_files_are_stored_in_their_session_and_stored_ones_left_alone() -> None:
    shelf, at = Shelf(), channel(Platform())
    stored = replace(PHOTO, id="here", ref="")
    found = await fetched(shelf, at, seen(at, PHOTO, stored))
    assert [one.id for one in found.inbound.attachments] == ["s/sun.jpg", "here"]
    assert shelf.kept == {"sun.jpg": b"the"}
    assert found.inbound.text == "look"


async def test_what_is_too_large_is_told_and_never_asked_for() -> None:
    shelf, platform = Shelf(), Platform()
    at = channel(platform)
    found = await fetched(shelf, at, seen(at, replace(PHOTO, size=11)))
    assert found.inbound.attachments == ()
    assert found.inbound.text == "look\n[sun.jpg is larger than 10 bytes]"
    assert shelf.kept == {}
    platform.wrong = LimitExceeded("the platform keeps it")
    found = await fetched(shelf, at, seen(at, PHOTO))
    assert found.inbound.text == "look\n[the platform keeps it]"


async def test_a_platform_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform()
    at = channel(platform)
    platform.wrong = Unavailable("away")
    with pytest.raises(Unavailable, match="away"):
        await fetched(Shelf(), at, seen(at, PHOTO))
    platform.wrong, platform.hangs = None, True
    monkeypatch.setattr(fetching, "TIMEOUT", 0.05)
    with pytest.raises(Unavailable, match="not fetched within"):
        await fetched(Shelf(), at, seen(at, PHOTO))
