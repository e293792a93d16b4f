"""One raw event, written and read."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.web import inbound
from gateway import (
    Action,
    Attachment,
    Conversation,
    ConversationKind,
    Ignored,
    Inbound,
    Press,
    Session,
    UnreadableUpdate,
)


def session(name: str = "s1") -> Session:
    return Session(
        id=name, lane_id="lane", channel="web", agent="demo", owner="participant:place",
        conversation=Conversation(kind=ConversationKind.DIRECT, id="place"), created_at=0.0,
        last_activity=0.0,
    )  # fmt: skip


@given(st.text(min_size=1).filter(str.strip))
def test_what_was_said_is_read_again(text: str) -> None:
    raw = inbound.event(session(), text, message_id="m")
    assert raw == inbound.event(session(), text, message_id="m")
    read = inbound.read(raw)
    if isinstance(read, Ignored):
        assert not text.replace("\0", "").strip()
        return
    assert read.text == text.replace("\0", "")
    assert (read.event_id, read.agent, read.action) == ("s1:m", "demo", Action.MESSAGE)
    assert (read.conversation.id, read.participant.id) == ("place", "anon:place")
    assert read.address.destination == "place"


def test_files_are_named_in_the_event() -> None:
    files = (Attachment(id="f1", name="é.png", media_type="image/png", size=7),)
    raw = inbound.event(session(), "", message_id="m", attachments=files)
    assert raw == inbound.event(session(), "", message_id="m", attachments=files)
    read = inbound.read(raw)
    assert isinstance(read, Inbound)
    assert (read.text, read.attachments) == ("", files)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        ["f1"],
        [{"id": "", "name": "n", "media_type": "m", "size": 1}],
        [{"id": "f", "name": 5, "media_type": "m", "size": 1}],
        [{"id": "f", "name": "n", "media_type": "m", "size": -1}],
        [{"id": "f", "name": "n", "media_type": "m", "size": True}],
    ],
)
def test_files_that_cannot_be_read(wrong: object) -> None:
    fields = orjson.loads(inbound.event(session(), "x")) | {"attachments": wrong}
    with pytest.raises(UnreadableUpdate, match=r"attachments|is not a text"):
        inbound.read(orjson.dumps(fields))


def test_equal_message_ids_of_two_sessions_are_two_events() -> None:
    one, two = (inbound.event(session(name), "x", message_id="m") for name in ("s1", "s2"))
    assert orjson.loads(one)["event_id"] != orjson.loads(two)["event_id"]


def test_without_a_message_id_every_post_is_new() -> None:
    one, two = (inbound.event(session(), "x") for _ in range(2))
    assert orjson.loads(one)["event_id"] != orjson.loads(two)["event_id"]


def test_a_button_needs_no_text() -> None:
    press = Press(question_id="q", option=2)
    read = inbound.read(inbound.event(session(), "", press=press))
    assert isinstance(read, Inbound)
    assert (read.action, read.press) == (Action.PRESS, press)


def test_silence_is_ignored() -> None:
    assert isinstance(inbound.read(inbound.event(session(), " \n")), Ignored)


GOOD = {"event_id": "e", "conversation": "c", "participant": "p", "text": "x", "agent": "demo"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"event_id": None}, "event_id"),
        ({"conversation": ""}, "conversation"),
        ({"participant": 7}, "participant"),
        ({"text": ["x"]}, "text"),
        ({"agent": 1}, "agent"),
        ({"question": 1, "option": 0}, "question"),
        ({"question": "q"}, "option"),
        ({"question": "q", "option": -1}, "option"),
        ({"question": "q", "option": True}, "option"),
    ],
)
def test_what_cannot_be_read_is_named(change: dict[str, object], named: str) -> None:
    assert isinstance(inbound.read(orjson.dumps(GOOD)), Inbound)
    with pytest.raises(UnreadableUpdate, match=named):
        inbound.read(orjson.dumps(GOOD | change))


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(orjson.dumps))
def test_no_event_breaks_the_reader(raw: bytes) -> None:
    with pytest.raises(UnreadableUpdate):
        inbound.read(raw)
