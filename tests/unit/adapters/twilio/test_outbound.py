"""Deliveries as forms, options as buttons or as text, and which files can be sent."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from adapters.twilio import outbound
from adapters.twilio.settings import TwilioSettings
from gateway import Address, Attachment, Delivery, Participant, QuestionKind
from gateway.presentation import units
from tests.unit.adapters.twilio.forms import ANN, GROUP, OURS, sms, whatsapp
from tests.unit.adapters.twilio.sender import question

TEMPLATE = "HX" + "a" * 32
DIRECT = Address(destination=ANN, data={"to": ANN, "sid": "SM1", "at": 5.0})
IN_GROUP = Address(destination=GROUP, data={"conversation": GROUP})


def delivery(text: str = "hello", address: Address = DIRECT, **more: Any) -> Delivery:
    """Something to send."""
    return Delivery(id="d1", channel="garden", lane_id="l", address=address, text=text, **more)


def asking(text: str, *options: str, address: Address = DIRECT) -> Delivery:
    """A question, spelled as the gateway spells it."""
    asked = question(*options)
    spelled = outbound.spell(text, asked, address, whatsapp())
    part = outbound.split(spelled, whatsapp(), markdown=True)[-1]
    return delivery(part.text, address, question=asked)


# Texts


def test_a_text_is_in_the_dialect_or_plain() -> None:
    text = "**Tea** and [cake](https://a.example)"
    marked = outbound.split(text, whatsapp(), markdown=True)[0].text
    plain = outbound.split(text, sms(), markdown=True)[0].text
    assert marked.startswith("*Tea*")
    assert "*" not in plain
    assert "https://a.example" in marked
    assert "https://a.example" in plain


@pytest.mark.parametrize("settings", [whatsapp(), sms()])
@pytest.mark.parametrize("markdown", [True, False])
def test_no_part_is_longer_than_twilio_takes(settings: TwilioSettings, markdown: bool) -> None:
    text = "**many** words 😀 " * 500
    parts = outbound.split(text, settings, markdown=markdown)
    assert len(parts) > 3
    assert all(0 < units(part.text) <= 1600 for part in parts)


# Questions


def test_what_has_buttons_is_not_numbered() -> None:
    for options in (("Tea", "Cake"), ("a", "b", "c"), tuple("abcdefghij")):
        asked = question(*options)
        assert outbound.spell("Which?", asked, DIRECT, whatsapp()) == "Which?"
        assert outbound.ask(asking("Which?", *options), whatsapp()) is not None


@pytest.mark.parametrize(
    "options",
    [
        tuple("abcdefghijk"),
        ("x" * 25, "b"),
        ("same", "same"),
        ("same ", " same"),
        ("", "b"),
        ("{{1}}", "b"),
    ],
)
def test_what_has_none_is_numbered(options: tuple[str, ...]) -> None:
    made = asking("Which?", *options)
    assert made.text.startswith("Which?\n\n1. ")
    assert f"\n{len(options)}. " in made.text
    assert outbound.ask(made, whatsapp()) is None
    assert outbound.spelled(made, whatsapp()) == made.text


@pytest.mark.parametrize(
    ("address", "settings"),
    [(DIRECT, sms()), (IN_GROUP, whatsapp()), (DIRECT, whatsapp(quick_replies=False))],
)
def test_without_buttons_options_are_numbered(address: Address, settings: TwilioSettings) -> None:
    asked = question("Tea", "Cake *x*")
    text = outbound.spell("Which?", asked, address, settings)
    (part,) = outbound.split(text, settings, markdown=True)
    read = part.text.replace("\u2060", "")
    assert read == "Which?\n\n1. Tea\n2. Cake *x*"
    assert outbound.ask(delivery(part.text, address, question=asked), settings) is None


def test_a_question_without_options_is_its_text() -> None:
    asked = question(kind=QuestionKind.TEXT)
    assert outbound.spell("Your name?", asked, DIRECT, sms()) == "Your name?"
    assert outbound.ask(delivery("Your name?", question=asked), whatsapp()) is None
    assert outbound.spelled(delivery("Your name?", question=asked), sms()) == "Your name?"
    assert outbound.spell("", question("a"), DIRECT, sms()) == ""


def test_a_long_question_is_numbered_and_has_no_buttons_on_its_last_part() -> None:
    text = "word " * 318 + "end?"
    asked = question("Tea", "Cake", "Pie")
    spelled = outbound.spell(text, asked, DIRECT, whatsapp())
    parts = outbound.split(spelled, whatsapp(), markdown=True)
    assert len(parts) == 2
    last = delivery(parts[-1].text, question=asked)
    assert last.text.endswith("3. Pie")
    assert outbound.ask(last, whatsapp()) is None
    # Of a text whose last part is short, that part has the buttons.
    short = "word " * 400 + "end?"
    assert outbound.spell(short, asked, DIRECT, whatsapp()) == short


def test_options_are_added_where_the_buttons_cannot_go() -> None:
    made = asking("Which?", "Tea", "Cake")
    assert made.text == "Which?"
    assert outbound.spelled(made, whatsapp()) == "Which?\n\n1. Tea\n2. Cake"


@example_settings(deadline=None)
@given(text=st.text(max_size=2000), options=st.lists(st.text(max_size=30), max_size=12))
def test_every_question_is_asked_in_one_way(text: str, options: list[str]) -> None:
    made = asking(text, *options)
    content = outbound.ask(made, whatsapp())
    if content is None:
        return
    (shape,) = content.types.values()
    assert all(value.strip() for value in content.variables.values())
    assert not any("\n" in value or "\t" in value for value in content.variables.values())
    # Nothing of the question is in the shape: that is used for others, too.
    assert re.fullmatch(r"(\{\{\d+\}\}|\n)+", shape["body"])
    filled = re.sub(r"\{\{(\d+)\}\}", lambda found: content.variables[found[1]], shape["body"])
    assert [line.rstrip() for line in filled.split("\n")] == [
        line.rstrip() for line in made.text.strip().split("\n")
    ]
    assert units(outbound.spelled(made, whatsapp())) <= 1600


# Forms


def test_a_message_says_to_whom_from_where_and_where_to_tell() -> None:
    address = outbound.callback("https://a.example/", "garden", "d1")
    assert address == "https://a.example/webhooks/garden/status?delivery=d1"
    assert outbound.message(delivery(), whatsapp(), callback=address) == {
        "To": ANN,
        "From": OURS,
        "Body": "hello",
        "StatusCallback": address,
    }
    assert "StatusCallback" not in outbound.message(delivery(), whatsapp())
    assert outbound.message(delivery(""), whatsapp(), media="https://a.example/f") == {
        "To": ANN,
        "From": OURS,
        "MediaUrl": "https://a.example/f",
    }


def test_a_status_callback_knows_what_it_is_of() -> None:
    assert outbound.callback("", "garden", "d1") == ""
    assert outbound.callback("https://a", "g") == "https://a/webhooks/g/status"
    assert outbound.callback("https://a", "g", template=True).endswith("status?template=1")
    both = outbound.callback("https://a", "g", "d&1", template=True)
    assert both.endswith("status?delivery=d%261&template=1")


def test_a_groups_message_says_which_delivery_it_is() -> None:
    form = outbound.conversation_message(delivery("hi", IN_GROUP), whatsapp(), media="ME1")
    assert form == {
        "Author": "chat-gateway",
        "Attributes": '{"delivery":"d1"}',
        "Body": "hi",
        "MediaSid": "ME1",
    }
    assert "Body" not in outbound.conversation_message(delivery(" ", IN_GROUP), whatsapp())


def test_a_template_takes_what_fits_on_one_line() -> None:
    settings = whatsapp(template=TEMPLATE)
    assert outbound.in_template(delivery("two\n\nlines\tand  more"), settings) == (
        "two lines and more"
    )
    assert outbound.template(settings, 'say "x"') == {
        "ContentSid": TEMPLATE,
        "ContentVariables": '{"1":"say \\"x\\""}',
    }
    assert outbound.in_template(delivery("x" * 1024), settings) == "x" * 1024
    assert outbound.in_template(delivery("x" * 1025), settings) == ""
    assert outbound.in_template(delivery("😀" * 513), settings) == ""
    file = Attachment(name="a.png")
    assert outbound.in_template(delivery("x", attachment=file), settings) == ""
    named = whatsapp(template=TEMPLATE, template_variable="answer")
    assert outbound.template(named, "x")["ContentVariables"] == '{"answer":"x"}'


def test_a_question_in_a_template_has_its_options() -> None:
    settings = whatsapp(template=TEMPLATE)
    made = asking("Which?", "Tea", "Cake")
    assert outbound.in_template(made, settings) == "Which? 1. Tea 2. Cake"


def test_an_invitation_says_how_it_begins() -> None:
    settings = whatsapp(template=TEMPLATE)
    said = outbound.invitation(delivery("word\n" * 2000), settings)
    assert said.startswith("word word")
    assert said.endswith("…")
    assert not said.endswith("……")
    assert 500 < units(said) <= 1024
    file = Attachment(name="a\nplan.pdf")
    assert outbound.invitation(delivery("", attachment=file), settings) == "a plan.pdf"
    assert outbound.invitation(delivery(" "), settings) == "…"
    fixed = whatsapp(template=TEMPLATE, template_variable="")
    assert outbound.invitation(delivery(), fixed) == ""
    assert outbound.in_template(delivery(), fixed) == ""
    assert outbound.template(fixed, "") == {"ContentSid": TEMPLATE}


def test_typing_is_shown_for_what_somebody_wrote() -> None:
    assert outbound.typing(DIRECT) == {"messageId": "SM1", "channel": "whatsapp"}
    assert outbound.typing(replace(DIRECT, data={"to": ANN})) is None
    assert outbound.typing(IN_GROUP) is None


# Files


@pytest.mark.parametrize(
    ("media_type", "size", "on_whatsapp", "by_mms"),
    [
        ("image/png", 1, True, True),
        ("image/jpeg", 5_000_000, True, True),
        ("image/jpeg", 5_000_001, False, False),
        ("IMAGE/PNG; x=1", 5, True, True),
        ("image/webp", 5, True, True),
        ("image/gif", 5, False, True),
        ("image/tiff", 700_000, False, False),
        ("video/mp4", 16_000_000, True, False),
        ("video/mp4", 16_000_001, False, False),
        ("video/mp4", 600_000, True, True),
        ("audio/ogg; codecs=opus", 5, True, True),
        ("audio/wav", 5, False, True),
        ("application/pdf", 600_000, True, True),
        ("application/pdf", 600_001, True, False),
        ("text/plain", 5, True, False),
        ("text/csv", 5, False, True),
        ("application/zip", 5, False, False),
        ("application/octet-stream", 5, False, False),
        ("image/png", 0, False, False),
    ],
)
def test_which_files_can_be_sent(
    media_type: str, size: int, on_whatsapp: bool, by_mms: bool
) -> None:
    file = Attachment(name="a", media_type=media_type, size=size)
    assert outbound.carries(file, whatsapp()) is on_whatsapp
    assert outbound.carries(file, sms()) is by_mms


# In private


def test_a_groups_member_can_be_written_to_alone() -> None:
    assert outbound.private_address(Participant(id=ANN)) == Address(
        destination=ANN, data={"to": ANN}
    )
    private = outbound.private_address(Participant(id=ANN))
    assert private is not None
    assert not outbound.is_group(private)
    assert outbound.person(private) == ANN


def test_who_takes_part_from_a_program_cannot() -> None:
    assert outbound.private_address(Participant(id="somebody in an app")) is None
