"""Resources of Twilio's API as the forms that they would have come as."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.twilio.resources import form_of, form_of_said, index_of, said_at, sent_at
from gateway import Inbound
from tests.unit.adapters.twilio.forms import ACCOUNT, ANN, GROUP, OURS, heard, sid, whatsapp

SENT = "Sat, 21 Nov 2026 08:00:01 +0000"
AT = 1_795_248_001.0

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = (
    "sid", "account_sid", "from", "to", "body", "date_sent", "date_created", "num_media", "index",
    "author", "participant_sid", "media", "attributes", "conversation_sid",
)  # fmt: skip
resources = st.dictionaries(st.sampled_from(FIELDS), anything)


def message(**fields: object) -> dict[str, object]:
    return {
        "sid": sid(),
        "account_sid": ACCOUNT,
        "from": ANN,
        "to": OURS,
        "body": "hello",
        "direction": "inbound",
        "status": "received",
        "num_media": "0",
        "date_sent": SENT,
        "date_created": "Sat, 21 Nov 2026 08:00:00 +0000",
        **fields,
    }


def said(**fields: object) -> dict[str, object]:
    return {
        "sid": sid("IM"),
        "account_sid": ACCOUNT,
        "conversation_sid": GROUP,
        "participant_sid": sid("MB"),
        "index": 7,
        "author": ANN,
        "body": "hello",
        "media": None,
        "attributes": "{}",
        "date_created": "2026-11-21T08:00:01Z",
        **fields,
    }


def test_a_message_is_read_as_if_it_had_come() -> None:
    one = message()
    event = heard(form_of(one))
    assert (event.event_id, event.text, event.participant.id) == (one["sid"], "hello", ANN)
    assert not event.attachments


def test_files_are_numbered() -> None:
    media = [("https://api.twilio.com/a", "image/png"), ("https://api.twilio.com/b", "text/vcard")]
    form = form_of(message(body=""), media)
    assert (form["NumMedia"], form["MediaUrl1"]) == ("2", "https://api.twilio.com/b")
    assert [file.media_type for file in heard(form).attachments] == ["image/png", "text/vcard"]


def test_what_was_said_in_a_group_is_read_as_if_it_had_come() -> None:
    one = said(media=[{"sid": sid("ME"), "filename": "a.png", "content_type": "image/png",
                       "size": 3}])  # fmt: skip
    event: Inbound = heard(form_of_said(one), whatsapp(conversations=True))
    assert event.event_id == f"{GROUP}:{one['sid']}"
    assert (event.conversation.id, event.order, event.text) == (GROUP, 7, "hello")
    (file,) = event.attachments
    assert (file.name, file.media_type, file.size) == ("a.png", "image/png", 3)


@pytest.mark.parametrize(
    ("author", "seat", "source"),
    [
        (ANN, "MB1", "WHATSAPP"),
        ("+15005550006", "MB1", "SMS"),
        ("ann", "MB1", "SDK"),
        ("system", None, "API"),
    ],
)
def test_by_which_way_it_came(author: str, seat: str | None, source: str) -> None:
    assert form_of_said(said(author=author, participant_sid=seat))["Source"] == source


def test_times() -> None:
    assert sent_at(message()) == AT
    assert sent_at(message(date_sent=None)) == AT - 1
    assert sent_at(message(date_sent="yesterday", date_created=None)) == 0.0
    assert said_at(said()) == AT
    assert said_at(said(date_created="2026-11-21T09:00:01.000+01:00")) == AT
    assert said_at(said(date_created="2026-11-21T08:00:01")) == AT
    assert said_at(said(date_created="soon")) == 0.0
    assert said_at({}) == sent_at({}) == 0.0


@pytest.mark.parametrize(("index", "number"), [(7, 7), (0, 0), (None, -1), ("7", -1), (True, -1)])
def test_indexes(index: object, number: int) -> None:
    assert index_of({"index": index}) == number


@given(resources)
def test_whatever_twilio_lists_makes_a_form(resource: dict[str, object]) -> None:
    for form in (form_of(resource), form_of_said(resource)):
        assert all(isinstance(value, str) for value in form.values())
    assert isinstance(sent_at(resource) + said_at(resource), float)
    index_of(resource)


@given(resources)
def test_forms_can_be_stored(resource: dict[str, object]) -> None:
    text = orjson.dumps(form_of({**resource, "body": "hello"}))
    assert b"hello" in text
