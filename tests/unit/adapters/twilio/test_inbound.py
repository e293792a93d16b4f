"""What a message at a number means to the gateway."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.twilio import inbound
from adapters.twilio.settings import STAND_IN
from gateway import (
    Action,
    Address,
    Conversation,
    ConversationKind,
    Ignored,
    Inbound,
    Participant,
    Press,
    UnreadableUpdate,
)
from tests.unit.adapters.twilio.forms import (
    ACCOUNT,
    ANN,
    ANNS_NUMBER,
    AT,
    OUR_NUMBER,
    OURS,
    disrupts,
    form,
    heard,
    parse,
    reason,
    sid,
    sms,
    text_message,
    whatsapp,
)

BSUID = "whatsapp:US.1234567890123456"
BEN, CY = "+15005550007", "+15005550008"


def unreadable(form: object, **settings: Any) -> str:
    with pytest.raises(UnreadableUpdate) as caught:
        inbound.parse(orjson.dumps({"form": form}), whatsapp(**settings))
    return str(caught.value)


# Who, where and when


def test_a_message_is_its_senders_conversation() -> None:
    said = form("Hello", MessageSid="SM" + "a" * 32)
    assert parse(said) == Inbound(
        event_id="SM" + "a" * 32,
        conversation=Conversation(kind=ConversationKind.DIRECT, id=ANN),
        participant=Participant(id=ANN, name="Ann", aliases=(ANNS_NUMBER, ANNS_NUMBER[1:])),
        address=Address(destination=ANN, data={"to": ANN, "sid": "SM" + "a" * 32, "at": AT}),
        text="Hello",
        order=1_790_000_000_250,
        message_id="SM" + "a" * 32,
    )


def test_an_sms_is_named_by_its_number() -> None:
    event = heard(text_message(), sms())
    assert event.participant == Participant(
        id=ANNS_NUMBER, name=ANNS_NUMBER, aliases=(ANNS_NUMBER[1:],)
    )
    assert event.address.destination == ANNS_NUMBER
    assert event.addressed


@pytest.mark.parametrize("sender", ["72727", "ACME Bank", "+1500"])
def test_an_sms_may_come_from_a_code_or_a_word(sender: str) -> None:
    assert heard(text_message(From=sender), sms()).participant.id == sender


def test_who_hides_the_number_is_known_by_both_ids() -> None:
    both = heard(form(ExternalUserId=BSUID))
    assert (both.participant.id, both.also) == (ANN, (BSUID,))
    hidden = heard(form(From=BSUID, ExternalUserId=BSUID))
    assert (hidden.participant.id, hidden.also) == (BSUID, (ANN,))
    assert hidden.participant.aliases == (ANNS_NUMBER[1:], ANNS_NUMBER, ANN)
    assert BSUID in both.participant.aliases, "a list of people may have either"
    alone = heard(form(From=BSUID, ExternalUserId=BSUID, WaId=...))
    assert (alone.also, alone.participant.aliases) == ((), ())
    assert alone.address.data["to"] == BSUID
    assert heard(form(WaId="4915112345678")).also == (), "a number is nobody else's"


@pytest.mark.parametrize("said", ["US.123", "whatsapp:", "whatsapp:a b", "x" * 500, 7, None, "\0"])
def test_an_id_that_is_none_is_no_other_id(said: Any) -> None:
    assert heard(form(ExternalUserId=said)).also == ()
    assert heard(form(From=BSUID, ExternalUserId=said, WaId=said)).also == ()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("נועה", "נועה"),
        ("\u202eEve\u202c", "Eve"),
        ("A\nB\tC", "A B C"),
        ("\u2066x\u2069\u200f", "x"),
        ("\u061cArab", "Arab"),
        ("", ANNS_NUMBER),
        ("\u202e \0", ANNS_NUMBER),
        ("n" * 500, "n" * 79 + "…"),
        (5, ANNS_NUMBER),
    ],
)
def test_a_name_is_one_line_that_turns_nothing(name: Any, shown: str) -> None:
    assert heard(form(ProfileName=name)).participant.name == shown


@pytest.mark.parametrize("at", [None, "1", -1, 1e30, True, [], float("nan")])
def test_a_time_that_is_none_says_nothing(at: Any) -> None:
    raw = orjson.dumps({"form": form(), "at": at})
    event = inbound.parse(raw, whatsapp())
    assert isinstance(event, Inbound)
    assert event.order == 0
    assert "at" not in event.address.data


def test_a_form_may_stand_by_itself_or_be_fetched() -> None:
    said = form()
    by_itself = inbound.parse(orjson.dumps(said), whatsapp())
    fetched = inbound.parse(orjson.dumps({"form": said, "at": AT + 1, "fetched": True}), whatsapp())
    assert isinstance(by_itself, Inbound)
    assert isinstance(fetched, Inbound)
    assert by_itself.event_id == fetched.event_id == said["MessageSid"]


# What is not for this channel


def test_another_numbers_messages_are_never_read() -> None:
    other = "whatsapp:+15559998888"
    assert reason(form(To=other)) == "a message to another number, +15559998888"
    assert reason(form(), whatsapp(**{"from": "+15559998888"})).startswith("a message to another")
    assert reason(text_message(), whatsapp()) == f"a message to another number, {OUR_NUMBER}"
    assert reason(form(), sms()) == f"a message to another number, {OUR_NUMBER}"


def test_another_accounts_messages_are_never_read() -> None:
    other = "AC" + "9" * 32
    assert reason(form(AccountSid=other)) == f"a message to another account, {other}"


def test_what_the_number_sent_itself_is_not_heard() -> None:
    assert reason(form(From=OURS)) == "the number's own message"


@pytest.mark.parametrize(
    "told",
    [
        {"MessageStatus": "delivered", "SmsStatus": "delivered"},
        {"MessageStatus": "failed", "ErrorCode": "63016", "EventType": "UNDELIVERED"},
        {"SmsStatus": "sent"},
    ],
)
def test_what_became_of_a_message_is_not_one(told: dict[str, str]) -> None:
    assert "belongs to the webhook's /status" in reason({**form(), **told})


def test_a_call_is_not_taken() -> None:
    assert reason({"CallSid": sid("CA"), "From": ANNS_NUMBER}) == "a call, and nothing here speaks"


def test_joining_the_sandbox_says_nothing_to_the_agent() -> None:
    sandbox = whatsapp(**{"from": "+14155238886"})
    to = "whatsapp:+14155238886"
    assert reason(form("join example-words", To=to), sandbox) == "they joined the sandbox"
    assert reason(form(" Join x ", To=to), sandbox) == "they joined the sandbox"
    assert heard(form("join us later", To=to), sandbox).text == "join us later"
    assert heard(form("join us")).text == "join us"


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop \n", "UNSUBSCRIBE", "quit", "OptOut"])
def test_stop_is_not_for_the_agent(word: str) -> None:
    assert reason(form(word)) == "they want no more messages"
    assert heard(form(word), whatsapp(opt_out=False)).text == word


@pytest.mark.parametrize("field", ["ButtonPayload", "ListId"])
@pytest.mark.parametrize("label", ["Cancel", "End", "Start"])
def test_an_option_called_like_a_keyword_is_an_answer(field: str, label: str) -> None:
    event = heard(form(label, **{field: "q:01ab:1"}))
    assert event.press == Press(question_id="01ab", option=1)
    # Another's button may well be there for that.
    assert reason(form(label, **{field: label.upper()})).startswith("they want ")


def test_start_is_not_for_the_agent_and_yes_is() -> None:
    assert reason(form("Start")) == "they want messages again"
    assert heard(form("YES")).text == "YES"


@pytest.mark.parametrize("words", ["stop it", "please stop", "/stop", "STOP.", "don't stop"])
def test_more_than_the_word_is_a_message(words: str) -> None:
    assert heard(form(words)).text == words


def test_on_sms_only_twilio_says_who_opts_out() -> None:
    assert heard(text_message("STOP"), sms()).text == "STOP"
    assert reason(text_message("Arrêt", OptOutType="STOP"), sms()) == "they want no more messages"
    assert reason(text_message("x", OptOutType="START"), sms()) == "they want messages again"
    help_ = reason(text_message("HELP", OptOutType="HELP"), sms())
    assert help_ == "they asked for help, and Twilio answered"
    assert heard(text_message("x", OptOutType="?"), sms()).text == "x"
    assert reason(form("x", OptOutType="STOP"), whatsapp(opt_out=False)).startswith("they want no")


# What is said


def test_a_message_of_nothing_is_none() -> None:
    for body in ("", " \n\t ", ...):
        assert reason(form(body)) == "a message without content"
    assert reason(form("", Forwarded="true")) == "a message without content"
    assert reason(form("", ReferralHeadline="Buy")) == "a message without content"


def test_a_text_stays_as_it_is() -> None:
    text = "  שלום \u202eabc\u202c\n👩🏽‍💻 *x* "
    assert heard(form(text)).text == text


@pytest.mark.parametrize("field", ["ButtonPayload", "ListId"])
def test_an_option_of_ours_is_a_press(field: str) -> None:
    event = heard(form("Water", **{field: "q:0123abcd:2"}))
    assert event.press == Press(question_id="0123abcd", option=2)
    assert (event.action, event.text) == (Action.PRESS, "")


@pytest.mark.parametrize(
    "payload", ["choice:1", "q:", "q:a:", "q:a:x", "q:a:99999", "q:a:1 ", "q:a b:1", "q:a:²", 5]
)
def test_another_button_says_what_stands_on_it(payload: Any) -> None:
    event = heard(form("", ButtonPayload=payload, ButtonText="Confirm"))
    assert (event.action, event.text, event.press) == (Action.MESSAGE, "Confirm", None)
    assert heard(form("", ListId=payload, ListTitle="Second")).text == "Second"


def test_a_place_is_told_in_words() -> None:
    where = {"Latitude": "37.787890", "Longitude": "-122.391664"}
    assert heard(form("", **where)).text == "[location: 37.787890, -122.391664]"
    named = heard(form("", **where, Label="Office", Address="375 Beale St"))
    assert named.text == "[location: Office, 375 Beale St; 37.787890, -122.391664]"
    turned = heard(form("here", **where, Label="a\u202eb\nc"))
    assert turned.text == "here\n[location: ab c; 37.787890, -122.391664]"


@pytest.mark.parametrize("degrees", ["", "x", "1e5", "1" * 40, "٣", 7, None])
def test_a_place_that_is_none_is_not_told(degrees: Any) -> None:
    assert heard(form("here", Latitude=degrees, Longitude="1.0")).text == "here"


def test_what_is_forwarded_is_said_to_be() -> None:
    assert heard(form("news", Forwarded="true")).text == "[forwarded]\nnews"
    many = form("news", Forwarded="true", FrequentlyForwarded="true")
    assert heard(many).text == "[forwarded many times]\nnews"
    assert heard(form("news", Forwarded="false")).text == "news"


def test_an_advertisement_is_told_below() -> None:
    event = heard(
        form(
            "Hi", ReferralHeadline="Sale", ReferralBody="a\nb", ReferralSourceUrl="https://fb.me/x"
        )
    )
    assert event.text == "Hi\n[they come from an advertisement: Sale, a b, https://fb.me/x]"


def test_a_reply_to_a_message_that_only_has_a_sid_quotes_nothing() -> None:
    assert heard(form("yes to this", OriginalRepliedMessageSid=sid())).quote is None


# Groups by MMS


def group_mms(**more: Any) -> dict[str, Any]:
    return text_message("hey all", OtherRecipients0=CY, OtherRecipients1=BEN, **more)


def test_a_group_mms_is_its_members_conversation() -> None:
    event = heard(group_mms(), sms(conversations=True))
    group = f"mms:{ANNS_NUMBER},{BEN},{CY}"
    assert event.conversation == Conversation(kind=ConversationKind.GROUP, id=group)
    assert event.participant.id == ANNS_NUMBER
    assert event.address == Address(destination=group, data={"members": [ANNS_NUMBER, BEN, CY]})
    assert not event.addressed


def test_whoever_writes_it_is_the_same_group() -> None:
    settings = sms(conversations=True)
    others = {"OtherRecipients0": ANNS_NUMBER, "OtherRecipients1": CY}
    by_ben = heard(text_message("hi", From=BEN, **others), settings)
    assert by_ben.conversation == heard(group_mms(), settings).conversation
    with_us = heard(group_mms(OtherRecipients2=OUR_NUMBER), settings)
    assert with_us.conversation == by_ben.conversation


def test_explaining_a_group_mms_leaves_our_number_out() -> None:
    """Whichever it is: there a variable that is unset stands for any."""
    settings = sms(conversations=True, **{"from": STAND_IN, "account_sid": STAND_IN})
    others = {"OtherRecipients0": OUR_NUMBER, "OtherRecipients1": "+15005550007"}
    event = heard(text_message("hi", **others), settings)
    assert event.conversation.id == f"mms:{ANNS_NUMBER},+15005550007"


def test_without_conversations_a_group_mms_is_not_answered_to_one() -> None:
    assert "set conversations = true" in reason(group_mms(), sms())


@pytest.mark.parametrize("other", ["", OUR_NUMBER, ANNS_NUMBER, "a,b", "\0", 7, None])
def test_nobody_else_makes_no_group(other: Any) -> None:
    event = heard(text_message(OtherRecipients0=other), sms(conversations=True))
    assert event.conversation.kind is ConversationKind.DIRECT


# What cannot be read


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("MessageSid", ..., "MessageSid is missing"),
        ("MessageSid", "SM1", "MessageSid is not a SID"),
        ("MessageSid", "IM" + "1" * 32, "MessageSid is not a SID"),
        ("MessageSid", ["SM"], "MessageSid is not a SID"),
        ("AccountSid", ..., "AccountSid is missing"),
        ("From", ..., "From is missing"),
        ("From", "", "From is not a number"),
        ("From", "whatsapp:+1 500", "From is not a number"),
        ("From", "whatsapp:\0", "From is not a number"),
        ("From", 15005550006, "From is not a number"),
        ("To", ..., "To is missing"),
        ("To", {}, "To is not a number"),
    ],
)
def test_what_is_missing_or_wrong_is_named(field: str, value: Any, words: str) -> None:
    assert words in unreadable(form(**{field: value}))


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b'"x"', b"{", b'{"form": []}', b"\xff", b"null"])
def test_what_is_no_form_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableUpdate):
        inbound.parse(raw, whatsapp())


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *form(),
        "Address",
        "ButtonPayload",
        "ButtonText",
        "EventType",
        "ExternalUserId",
        "Forwarded",
        "Label",
        "Latitude",
        "ListId",
        "Longitude",
        "MediaContentType0",
        "MediaUrl0",
        "MessageType",
        "OptOutType",
        "OtherRecipients0",
        "OtherRecipients1",
        "ReferralBody",
        "SmsStatus",
    ]
)


@given(st.dictionaries(FIELDS, st.text(max_size=30) | JSON, max_size=6), JSON)
def test_any_form_is_read_or_refused_by_name(fields: dict[str, Any], at: Any) -> None:
    raw = orjson.dumps({"form": {**form(), **fields}, "at": at}, option=orjson.OPT_NON_STR_KEYS)
    try:
        event = inbound.parse(raw, whatsapp(conversations=True))
    except UnreadableUpdate:
        return
    if isinstance(event, Ignored):
        assert event.reason
        return
    orjson.dumps(event)
    assert event.text.strip() or event.press
    ids = (event.event_id, event.conversation.id, event.participant.id, event.address.destination)
    assert all(one and "\0" not in one for one in (*ids, *event.also, *event.participant.aliases))
    assert not disrupts(event.participant.name)
    assert 0 <= event.order < 2**63


def test_the_account_is_part_of_every_form() -> None:
    assert form()["AccountSid"] == ACCOUNT
