"""Only what the account's token signed, for this very address, is Twilio's."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from adapters.twilio.signatures import (
    MAX_FIELDS,
    NO_ADDRESS,
    OTHER_KEY,
    OTHERS,
    Form,
    Signatures,
    read_form,
)
from tests.unit.adapters.twilio.forms import PUBLIC, TOKEN

PATH = "/webhooks/garden"
FIELDS = [("Body", "Hällo"), ("From", "whatsapp:+15005550006"), ("MessageSid", "SM1")]

texts = st.text(max_size=12)
fields = st.lists(st.tuples(texts, texts), max_size=6)


def sign(form: Form, url: str = f"{PUBLIC}{PATH}", token: str = TOKEN) -> bytes:
    signature: str = RequestValidator(token).compute_signature(url, form)
    return signature.encode()


def doubt(
    form: Form,
    signature: bytes | None,
    *,
    query: bytes = b"",
    public_url: str = PUBLIC,
    settings: bytes | None = None,
) -> str:
    given = {b"x-twilio-signature": signature} if signature is not None else {}
    if settings is not None:
        given[b"x-twilio-webhooks-signature-settings"] = settings
    return Signatures(TOKEN, public_url).doubt(PATH, query, form, given)


def test_twilios_own_validator_signs_what_is_taken() -> None:
    form = Form(FIELDS)
    assert doubt(form, sign(form)) == ""


def test_a_known_signature_is_taken() -> None:
    """Computed by hand, so that a change in the SDK is noticed."""
    plain = f"{PUBLIC}{PATH}BodyHälloFromwhatsapp:+15005550006MessageSidSM1"
    expected = b64encode(hmac.new(TOKEN.encode(), plain.encode(), hashlib.sha1).digest())
    assert doubt(Form(FIELDS), expected) == ""


@pytest.mark.parametrize(
    "signature",
    [None, b"", b"x", b"\xff\xfe", "ü".encode(), b"A" * 28, b"=" * 4000],
    ids=["missing", "empty", "short", "not-text", "not-ascii", "wrong", "long"],
)
def test_others_are_not(signature: bytes | None) -> None:
    assert doubt(Form(FIELDS), signature) == OTHERS


def test_a_signature_is_taken_whole() -> None:
    form = Form(FIELDS)
    whole = sign(form)
    for wrong in (whole[:-1], whole + b"=", whole.lower(), whole[:10], b" " + whole):
        assert doubt(form, wrong) == OTHERS


def test_another_accounts_token_signs_for_nobody_here() -> None:
    form = Form(FIELDS)
    assert doubt(form, sign(form, token="f" * 32)) == OTHERS


@pytest.mark.parametrize(
    "url",
    [
        f"{PUBLIC}/webhooks/other",
        f"{PUBLIC}{PATH}/status",
        f"{PUBLIC}{PATH}/",
        f"{PUBLIC}{PATH}?a=b",
        f"http://chat.example.com{PATH}",
        f"https://evil.example.com{PATH}",
        f"https://chat.example.com:8443{PATH}",
    ],
)
def test_what_was_signed_for_another_address_is_not_taken(url: str) -> None:
    form = Form(FIELDS)
    assert doubt(form, sign(form, url)) == OTHERS


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://chat.example.com", "https://chat.example.com:443"),
        ("https://chat.example.com:8443", "https://chat.example.com:8443"),
        ("https://chat.example.com:8443", "https://chat.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://chat.example.com/", "https://chat.example.com"),
        ("https://chat.example.com/bots/", "https://chat.example.com/bots"),
    ],
)
def test_a_port_may_be_signed_or_not(public: str, signed: str) -> None:
    form = Form(FIELDS)
    assert doubt(form, sign(form, f"{signed}{PATH}"), public_url=public) == ""


@pytest.mark.parametrize("query", [b"delivery=01ab", b"a=b&a=c&d", b"x=%C3%A4+%20", b"a=;b='"])
def test_a_query_is_signed_as_it_is_written(query: bytes) -> None:
    form = Form(FIELDS)
    signature = sign(form, f"{PUBLIC}{PATH}?{query.decode()}")
    assert doubt(form, signature, query=query) == ""
    assert doubt(form, signature, query=query + b"x") == OTHERS
    assert doubt(form, signature) == OTHERS


def test_a_query_that_is_no_text_is_nobodys() -> None:
    assert doubt(Form(FIELDS), b"x", query=b"\xff=\xfe") == OTHERS


def test_a_changed_field_is_noticed() -> None:
    signature = sign(Form(FIELDS))
    for place, (name, value) in enumerate(FIELDS):
        rest = [*FIELDS[:place], *FIELDS[place + 1 :]]
        assert doubt(Form([*rest, (name, f"{value}!")]), signature) == OTHERS
        assert doubt(Form(rest), signature) == OTHERS
    assert doubt(Form([*FIELDS, ("Extra", "1")]), signature) == OTHERS


def test_an_empty_form_may_be_signed() -> None:
    assert doubt(Form([]), sign(Form([]))) == ""
    assert doubt(Form([("a", "")]), sign(Form([]))) == OTHERS


def test_every_value_of_a_field_is_signed() -> None:
    twice = Form([("a", "1"), ("a", "2")])
    assert doubt(twice, sign(twice)) == ""
    assert doubt(Form([("a", "2")]), sign(twice)) == OTHERS
    assert doubt(Form([("a", "1"), ("a", "3")]), sign(twice)) == OTHERS


def test_without_a_token_nobody_is_twilio() -> None:
    form = Form(FIELDS)
    empty = Signatures("", PUBLIC)
    plain = f"{PUBLIC}{PATH}" + "".join(name + value for name, value in FIELDS)
    forged = b64encode(hmac.new(b"", plain.encode(), hashlib.sha1).digest())
    assert empty.doubt(PATH, b"", form, {b"x-twilio-signature": forged}) == OTHERS


def test_without_a_public_address_nobody_is_twilio() -> None:
    form = Form(FIELDS)
    assert doubt(form, sign(form, PATH), public_url="") == NO_ADDRESS


def test_a_shared_key_is_not_the_accounts_token() -> None:
    form = Form(FIELDS)
    with_key = b"key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    whole = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}{PATH}", form, "HMAC_SHA256")
    assert doubt(form, whole.encode(), settings=with_key) == OTHER_KEY
    assert doubt(form, b"x", settings=b"\xff,algorithm=") == OTHERS


@given(fields, fields)
def test_a_signature_holds_for_its_own_form_only(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    assume(_signed(one) != _signed(other))
    assert doubt(Form(one), sign(Form(one))) == ""
    assert doubt(Form(other), sign(Form(one))) == OTHERS


def _signed(form: list[tuple[str, str]]) -> str:
    """What is signed of a form: names and values run together."""
    names = sorted({name for name, _ in form})
    return "".join(
        name + value for name in names for value in sorted({v for n, v in form if n == name})
    )


# Forms


def test_a_form_is_read_as_it_is_written() -> None:
    form = read_form(b"Body=a+b%26c&Empty=&Name=%D7%A0%D7%95&Body=last")
    assert form is not None
    assert form.plain() == {"Body": "last", "Empty": "", "Name": "נו"}
    assert form.getall("Body") == ["a b&c", "last"]
    assert list(form) == ["Body", "Empty", "Name"]
    assert len(form) == 3


def test_a_form_of_too_many_fields_or_of_other_bytes_is_none() -> None:
    assert read_form(b"&".join([b"a=1"] * MAX_FIELDS)) is not None
    assert read_form(b"&".join([b"a=1"] * (MAX_FIELDS + 1))) is None
    assert read_form(b"a=\xff") is None


@given(fields)
def test_forms_survive_their_way(form: list[tuple[str, str]]) -> None:
    read = read_form(urlencode(form).encode())
    assert read is not None
    assert read.plain() == dict(form)


@given(st.binary(max_size=60))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    form = read_form(body)
    assert form is None or doubt(form, b"x") == OTHERS
