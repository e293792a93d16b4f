"""What is said in groups, which are Conversations."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.twilio import inbound
from gateway import (
    Action,
    Address,
    Attachment,
    Conversation,
    ConversationKind,
    Ignored,
    Inbound,
    Participant,
    UnreadableUpdate,
)
from tests.unit.adapters.twilio.forms import (
    ANN,
    ANNS_NUMBER,
    GROUP,
    OUR_NUMBER,
    OURS,
    disrupts,
    group_message,
    heard,
    parse,
    reason,
    sms,
    whatsapp,
)

MESSAGE = "IM" + "3" * 32
MEDIA = "ME" + "4" * 32


def test_a_message_in_a_group_is_the_groups() -> None:
    assert parse(group_message("hello all", MessageSid=MESSAGE)) == Inbound(
        event_id=f"{GROUP}:{MESSAGE}",
        conversation=Conversation(kind=ConversationKind.GROUP, id=GROUP),
        participant=Participant(id=ANN, name=ANNS_NUMBER, aliases=(ANNS_NUMBER, ANNS_NUMBER[1:])),
        address=Address(destination=GROUP, data={"conversation": GROUP}),
        text="hello all",
        order=7,
        addressed=False,
        message_id=MESSAGE,
    )


def test_it_is_the_same_when_it_is_told_again() -> None:
    said = group_message()
    assert parse({**said, "RetryCount": "1"}) == parse(said)


def test_a_hidden_number_is_a_participant_too() -> None:
    event = heard(group_message(Author="whatsapp:US.ABC123"))
    assert event.participant == Participant(id="whatsapp:US.ABC123", name="US.ABC123")


def test_without_conversations_groups_are_not_heard() -> None:
    assert "set conversations = true" in reason(group_message(), whatsapp())
    assert "set conversations = true" in reason(group_message(), sms())


@pytest.mark.parametrize(
    "own",
    [
        {"Author": "chat-gateway", "Source": "API", "ParticipantSid": ...},
        {"Author": "chat-gateway"},
        {"Author": OURS},
        {"Author": OUR_NUMBER},
        {"Author": "bot", "Source": "API", "ParticipantSid": ...},
        {"Author": "bot", "Source": "sdk", "ParticipantSid": ...},
        {"Author": ANN, "Source": "API", "ParticipantSid": ...},
        {"Author": "bot", "Source": ..., "ParticipantSid": ...},
    ],
)
def test_the_gateway_does_not_hear_itself(own: dict[str, Any]) -> None:
    assert reason(group_message(**own)) == "the gateway's own message"


@pytest.mark.parametrize(
    "other",
    [
        {"Source": ..., "ParticipantSid": ...},
        {"Author": "ada@example.com", "Source": "SDK"},
        {"Author": "ada", "Source": ..., "ParticipantSid": "MB1"},
        {"Source": "SMS", "ParticipantSid": ...},
    ],
)
def test_everybody_else_is_heard(other: dict[str, Any]) -> None:
    assert heard(group_message(**other)).text == "Hello"


def test_another_accounts_or_services_groups_are_not_heard() -> None:
    assert "another account" in reason(group_message(AccountSid="AC" + "9" * 32))
    mine, theirs = "IS" + "1" * 32, "IS" + "2" * 32
    settings = whatsapp(conversations=True, conversation_service=mine)
    said = group_message(ChatServiceSid=theirs)
    assert reason(said, settings) == "a message in another conversation service"
    assert heard(group_message(ChatServiceSid=mine), settings).text == "Hello"
    assert heard(said).text == "Hello"


def test_what_was_changed_is_an_edit() -> None:
    changed = group_message(
        "better",
        EventType="onMessageUpdated",
        MessageSid=MESSAGE,
        DateUpdated="2026-11-21T08:01:00.000Z",
        Source=...,
        ParticipantSid=...,
    )
    event = heard(changed)
    assert event.event_id == f"edit:{GROUP}:{MESSAGE}:2026-11-21T08:01:00.000Z"
    assert (event.action, event.text, event.message_id) == (Action.EDIT, "better", MESSAGE)
    assert event.follows
    assert reason({**changed, "Author": "chat-gateway"}) == "the gateway's own message"
    assert parse({**changed, "DateUpdated": "later"}) != event


def test_what_was_removed_is_deleted() -> None:
    removed = group_message("gone", EventType="onMessageRemoved", MessageSid=MESSAGE)
    event = heard(removed)
    assert event.event_id == f"delete:{GROUP}:{MESSAGE}"
    assert (event.action, event.deleted, event.text) == (Action.DELETE, (MESSAGE,), "")
    assert event.follows
    assert heard({**removed, "Body": ""}).deleted == (MESSAGE,)


@pytest.mark.parametrize(
    "what", ["onConversationAdded", "onParticipantAdded", "onUserUpdated", "on"]
)
def test_nothing_is_done_with_other_news(what: str) -> None:
    assert reason({"EventType": what}) == f"nothing is done with {what} events"


def test_deliveries_are_reported_elsewhere() -> None:
    told = {"EventType": "onDeliveryUpdated", "ConversationSid": GROUP}
    assert reason(told) == "what became of a message in a group"


def media(**more: Any) -> str:
    file = {"Sid": MEDIA, "Filename": "a.jpg", "ContentType": "image/jpeg", "Size": 1234, **more}
    return orjson.dumps([{k: v for k, v in file.items() if v is not ...}]).decode()


def test_a_file_is_got_by_its_sids() -> None:
    event = heard(group_message(..., MessageSid=MESSAGE, Media=media()))
    assert event.text == "[image: a.jpg]"
    assert event.attachments == (
        Attachment(
            name="a.jpg",
            media_type="image/jpeg",
            size=1234,
            ref=f"conv:{GROUP}:{MESSAGE}:{MEDIA}",
        ),
    )
    assert heard(group_message("look", Media=media())).text == "look"


@pytest.mark.parametrize(
    "listed", ["", "x", "{}", "[1]", "[" * 5000, '[{"Sid": 5}]', "null", '"a"', 7, None]
)
def test_a_list_that_is_none_has_no_files(listed: Any) -> None:
    event = heard(group_message("look", Media=listed))
    assert event.attachments == ()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("ConversationSid", ..., "ConversationSid is missing"),
        ("ConversationSid", "CH", "ConversationSid is not a SID"),
        ("MessageSid", "SM" + "1" * 32, "MessageSid is not a SID"),
        ("AccountSid", ..., "AccountSid is missing"),
        ("Author", "", "Author is not a participant"),
        ("Author", "a\0", "Author is not a participant"),
        ("Author", "a" * 129, "Author is not a participant"),
    ],
)
def test_what_is_missing_or_wrong_is_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        parse(group_message(**{field: value}))


def test_a_message_of_nothing_is_none() -> None:
    assert reason(group_message(" \n")) == "a message without content"


@given(
    st.dictionaries(
        st.sampled_from([*group_message(), "Media", "DateUpdated", "ChatServiceSid"]),
        st.text(max_size=20)
        | st.none()
        | st.integers(-(2**60), 2**60)
        | st.lists(st.text(max_size=3)),
        max_size=5,
    ),
    st.sampled_from(["onMessageAdded", "onMessageUpdated", "onMessageRemoved"]),
)
def test_any_event_is_read_or_refused_by_name(fields: dict[str, Any], what: str) -> None:
    form = {**group_message(), "EventType": what, **fields}
    raw = orjson.dumps({"form": form}, option=orjson.OPT_NON_STR_KEYS)
    try:
        event = inbound.parse(raw, whatsapp(conversations=True))
    except UnreadableUpdate:
        return
    if isinstance(event, Ignored):
        assert event.reason
        return
    orjson.dumps(event)
    assert event.event_id
    assert "\0" not in event.event_id + event.participant.id
    assert not disrupts(event.participant.name)
    assert 0 <= event.order < 2**63
