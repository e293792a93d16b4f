"""Chats of business accounts: places, people and sessions of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.telegram.adapter import TelegramAdapter
from adapters.telegram.inbound import ALLOWED_UPDATES, Me, parse
from gateway import Action, ConversationKind, Ignored, Inbound, UnreadableUpdate
from gateway.boundary import ALLOWED, place

SAMPLES = Path(__file__).parents[3] / "samples" / "telegram"
ME = Me(id=1000, username="helper_bot")
OF_ACCOUNT = ["text", "photo", "edited", "press", "deleted", "reply_to_bot"]


def raw_sample(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    return raw


def heard(raw: dict[str, Any]) -> Inbound:
    event = parse(orjson.dumps(raw), ME)
    assert isinstance(event, Inbound), event
    return event


@pytest.mark.parametrize("name", OF_ACCOUNT)
def test_one_chat_is_one_place_and_one_person(name: str) -> None:
    event = heard(raw_sample(f"business_{name}"))
    assert event.conversation.kind is ConversationKind.DIRECT
    assert event.conversation.id == event.address.destination == "bc-Abc_123:5001"
    assert event.address.data == {"chat_id": 5001, "business_connection_id": "bc-Abc_123"}
    assert (event.participant.id, event.participant.aliases) == ("5001@bc-Abc_123", ("5001",))
    assert event.participant.name == "Ann Lee"
    assert event.addressed


@pytest.mark.parametrize("rule", sorted(ALLOWED[ConversationKind.DIRECT]))
def test_no_rule_lets_it_meet_the_bot_s_own_chat_or_another_account_s(rule: Any) -> None:
    alone = raw_sample("private_text")
    one = raw_sample("business_text")
    other = raw_sample("business_text")
    other["business_message"]["business_connection_id"] = "bc-other"
    lanes = [
        place({ConversationKind.DIRECT: rule}, "c", event.conversation, event.participant)
        for event in map(heard, (alone, one, other))
    ]
    assert len({lane.key for lane in lanes}) == 3
    assert len({lane.owner for lane in lanes}) == 3
    assert rule is TelegramAdapter.boundary[ConversationKind.DIRECT] or rule == "per-channel"


def test_what_is_deleted_is_named() -> None:
    event = heard(raw_sample("business_deleted"))
    assert (event.action, event.deleted) == (Action.DELETE, ("110", "111"))
    assert (event.message_id, event.order) == ("", 0)


def test_edits_are_edits() -> None:
    assert heard(raw_sample("business_edited")).action is Action.EDIT


@pytest.mark.parametrize("name", ["business_owner", "business_bot", "business_press_of_owner"])
def test_the_account_s_own_side_is_not_heard(name: str) -> None:
    assert isinstance(parse(orjson.dumps(raw_sample(name)), ME), Ignored)


def test_what_another_bot_writes_for_the_account_is_not_heard() -> None:
    raw = raw_sample("business_text")
    raw["business_message"]["sender_business_bot"] = {"id": 2000, "is_bot": True}
    assert isinstance(parse(orjson.dumps(raw), ME), Ignored)


def test_a_bot_that_writes_to_the_account_is_not_heard() -> None:
    raw = raw_sample("business_text")
    raw["business_message"]["from"]["is_bot"] = True
    assert isinstance(parse(orjson.dumps(raw), ME), Ignored)


def test_telegram_is_asked_for_all_of_it() -> None:
    wanted = {
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "stopped_message_generation",
    }
    assert wanted <= set(ALLOWED_UPDATES)


@pytest.mark.parametrize(
    ("name", "field", "junk", "words"),
    [
        ("text", "business_connection_id", None, "business_connection_id is missing"),
        ("text", "business_connection_id", "", "business_connection_id is missing"),
        ("text", "business_connection_id", 5, "business_connection_id is not an id"),
        ("text", "business_connection_id", "a\0b", "business_connection_id is not an id"),
        ("deleted", "business_connection_id", None, "business_connection_id is missing"),
        ("deleted", "message_ids", None, "message_ids is not a list"),
        ("deleted", "message_ids", ["1"], "message_ids is not a list"),
        ("deleted", "message_ids", [-1], "message_ids is not a list"),
        ("text", "chat", {"id": -5, "type": "group"}, "and not private"),
    ],
)
def test_the_wrong_field_is_named(name: str, field: str, junk: object, words: str) -> None:
    raw = raw_sample(f"business_{name}")
    (kind,) = raw.keys() - {"update_id"}
    raw[kind][field] = junk
    with pytest.raises(UnreadableUpdate, match=words):
        parse(orjson.dumps(raw), ME)


def test_nothing_deleted_is_nothing() -> None:
    raw = raw_sample("business_deleted")
    raw["deleted_business_messages"]["message_ids"] = []
    assert isinstance(parse(orjson.dumps(raw), ME), Ignored)
