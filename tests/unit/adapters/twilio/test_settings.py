"""What a WhatsApp and an SMS channel may be configured with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.twilio.settings import SmsSettings, TwilioSettings
from gateway import read_rate
from tests.unit.adapters.twilio.forms import ACCOUNT, TOKEN, sms, whatsapp


def problem(make: Any = whatsapp, **keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make(**keys)
    return str(caught.value)


def test_an_account_and_a_number_are_enough() -> None:
    made = whatsapp()
    assert (made.platform, made.from_, made.number) == (
        "whatsapp",
        "whatsapp:+15550001111",
        "+15550001111",
    )
    assert made.api_url == "https://api.twilio.com"
    assert (made.conversations, made.quick_replies, made.opt_out) == (False, True, True)
    assert not made.sandbox
    assert sms().platform == "sms"


@pytest.mark.parametrize(
    "number", ["+15550001111", "whatsapp:+15550001111", "+1 555 000-1111", "+1 (555) 000.1111"]
)
def test_a_whatsapp_number_is_written_as_people_write_it(number: str) -> None:
    assert whatsapp(**{"from": number}).from_ == "whatsapp:+15550001111"


@pytest.mark.parametrize("number", ["15550001111", "12345", "", "+0123456789", "whatsapp:US.1"])
def test_another_is_none(number: str) -> None:
    assert "is not a WhatsApp number" in problem(**{"from": number})


def test_a_short_code_sends_sms() -> None:
    assert sms(**{"from": "72727"}).from_ == "72727"
    assert sms(**{"from": "+1 555 000 1111"}).from_ == "+15550001111"
    assert 'platform = "whatsapp"' in problem(sms, **{"from": "whatsapp:+15550001111"})
    assert "name the number" in problem(sms, **{"from": "MG" + "1" * 32})
    assert "short code" in problem(sms, **{"from": "ACME"})


def test_the_sandbox_is_known() -> None:
    assert whatsapp(**{"from": "+14155238886"}).sandbox
    assert not sms(**{"from": "+14155238886"}).sandbox


@pytest.mark.parametrize(
    ("sid", "words"),
    [
        ("", "should be the Account SID"),
        ("AC123", "should be the Account SID"),
        ("ACG" + "1" * 31, "should be the Account SID"),
        ("SK" + "1" * 32, "is an API key's SID"),
        ("MG" + "1" * 32, "is a messaging service's SID"),
    ],
)
def test_what_is_no_account_is_said_to_be(sid: str, words: str) -> None:
    assert words in problem(account_sid=sid)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "is empty"),
        ("abc def", "holds a space"),
        ("tökén", "holds a space or a character"),
        (ACCOUNT, "is an account's SID"),
        ("SK" + "1" * 32, "is an API key's SID"),
    ],
)
def test_what_is_no_token_is_said_to_be_and_not_shown(token: str, words: str) -> None:
    said = problem(auth_token=token)
    assert words in said
    assert not token or token not in said


def test_the_token_is_shown_nowhere() -> None:
    assert TOKEN not in f"{whatsapp()!r} {whatsapp()}"


@pytest.mark.parametrize("url", ["api.twilio.com", "ftp://x", "https://", "http://x/?a=b", "x y"])
def test_an_api_address_is_one(url: str) -> None:
    assert "an address starts with" in problem(api_url=url)


def test_an_api_address_may_end_in_a_slash() -> None:
    assert whatsapp(api_url="http://127.0.0.1:1/").api_url == "http://127.0.0.1:1"


def test_a_template_is_named_by_its_sid() -> None:
    assert whatsapp(template="HX" + "a" * 32).template_variable == "1"
    assert "template" in problem(template="my_template")
    assert "set template as well" in problem(template_variable="1")
    assert whatsapp(template="HX" + "a" * 32, template_variable="").template_variable == ""


def test_sms_has_no_keys_of_whatsapp() -> None:
    assert "template" in problem(sms, template="HX" + "a" * 32)
    assert "person_rate" in problem(sms, person_rate="1/s")


def test_a_service_is_named_by_its_sid() -> None:
    assert whatsapp(conversation_service="IS" + "a" * 32).conversation_service
    assert "conversation_service" in problem(conversation_service="main")


def test_media_types_are_beginnings_of_media_types() -> None:
    assert whatsapp(media_types=["image/", "application/pdf"]).media_types == (
        "image/",
        "application/pdf",
    )
    assert whatsapp(media_types=[]).media_types == ()
    for wrong in ("image", "*/*", "Image/", "image /png"):
        assert "media_types" in problem(media_types=[wrong])


@pytest.mark.parametrize("name", ["overall_rate", "person_rate"])
def test_rates_are_rates(name: str) -> None:
    assert read_rate(getattr(whatsapp(), name)) is not None
    assert "a rate is written as" in problem(**{name: "fast"})


def test_a_long_code_sends_one_a_second() -> None:
    rate = read_rate(SmsSettings.model_fields["overall_rate"].default)
    assert rate is not None
    assert (rate.count, rate.per, rate.burst) == (1, 1, 10)
    assert TwilioSettings.model_fields["overall_rate"].default != "1/s burst 10"
