"""The shapes of questions, which Twilio keeps, and what fills them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.twilio import content
from adapters.twilio.api import Product
from gateway import Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.sender import Sender, question, sender

ID = question().id


@pytest.fixture
async def twilio() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


def test_three_short_options_are_buttons() -> None:
    made = content.ask("Which?", question("Tea", "Cake"))
    assert made is not None
    assert made.types == {
        "twilio/quick-reply": {
            "body": "{{5}}",
            "actions": [
                {"type": "QUICK_REPLY", "title": "{{1}}", "id": "{{2}}"},
                {"type": "QUICK_REPLY", "title": "{{3}}", "id": "{{4}}"},
            ],
        }
    }
    assert made.variables == {
        "1": "Tea",
        "2": f"q:{ID}:0",
        "3": "Cake",
        "4": f"q:{ID}:1",
        "5": "Which?",
    }
    assert made.form("HX1")["ContentSid"] == "HX1"


def test_more_or_longer_ones_are_a_list() -> None:
    for options in (tuple("abcd"), ("x" * 21, "y")):
        made = content.ask("Which?", question(*options))
        assert made is not None
        shape = made.types["twilio/list-picker"]
        assert len(shape["items"]) == len(options)
        assert shape["items"][0] == {"item": "{{1}}", "id": "{{2}}"}
        assert 0 < len(shape["button"]) <= 20


@pytest.mark.parametrize(
    "options",
    [tuple("abcdefghijk"), ("x" * 25,), ("a", "a"), ("a", ""), ("😀" * 13,), ("a\tb" * 9,)],
)
def test_what_does_not_fit_has_no_buttons(options: tuple[str, ...]) -> None:
    assert content.ask("Which?", question(*options)) is None


@pytest.mark.parametrize(
    "text", ["", " \n", "x" * 1025, "a\tb", "a     b", "a {{1}} b", "\n".join("a" * 51)]
)
def test_a_text_that_no_placeholder_takes_has_no_buttons(text: str) -> None:
    assert content.ask(text, question("a", "b")) is None


def test_each_line_has_its_placeholder() -> None:
    made = content.ask("One\n\nTwo  \n   three\n", question("a"))
    assert made is not None
    shape = made.types["twilio/quick-reply"]
    assert shape["body"] == "{{3}}\n\n{{4}}\n{{5}}"
    assert [made.variables[str(n)] for n in (3, 4, 5)] == ["One", "Two", "   three"]


def test_questions_of_one_shape_share_it() -> None:
    made = [
        content.ask("Which?", question("Tea", "Cake")),
        content.ask("Who?", question("Ann", "Bob")),
        content.ask("Who?\nReally?", question("Ann", "Bob")),
        content.ask("Who?", question("Ann", "Bob", "Eve")),
    ]
    names = [one.name for one in made if one is not None]
    assert len(names) == 4
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert "Tea" not in repr(made[0])


# Kept at Twilio


async def test_a_shape_is_made_once_and_found_again() -> None:
    async with sender() as twilio:
        for _ in range(3):
            await twilio.send("Which?", options=("Tea", "Cake"))
        await twilio.send("Who?", options=("Ann", "Bob"))
        assert len(twilio.simulator.calls("CreateContent")) == 1
        twilio.restart()
        await twilio.send("Which?", options=("Tea", "Cake"))
        await twilio.send("Which?", options=("Tea", "Cake", "Pie"))
        assert len(twilio.simulator.calls("CreateContent")) == 2
        assert len(twilio.simulator.calls("ListContent")) == 2
        assert [message.buttons for message in twilio.seen()] == [
            ("Tea", "Cake"),
            ("Tea", "Cake"),
            ("Tea", "Cake"),
            ("Ann", "Bob"),
            ("Tea", "Cake"),
            ("Tea", "Cake", "Pie"),
        ]


async def test_what_others_made_is_left_alone() -> None:
    async with sender() as twilio:
        theirs = twilio.simulator.add_template("Hello")
        await twilio.send("Which?", options=("Tea", "Cake"))
        assert theirs in twilio.simulator.contents()
        assert len(twilio.simulator.contents()) == 2
        assert twilio.simulator.calls("DeleteContent") == []


async def test_two_questions_at_once_make_it_once() -> None:
    async with sender() as twilio:
        await asyncio.gather(*(twilio.send("Which?", options=("a", "b")) for _ in range(4)))
        assert len(twilio.simulator.calls("CreateContent")) == 1
        assert len(twilio.seen()) == 4


async def test_a_shape_that_was_deleted_is_made_anew(twilio: Sender) -> None:
    await twilio.send("Which?", options=("Tea", "Cake"))
    (sid,) = twilio.simulator.contents()
    await twilio.api.delete(Product.CONTENT, f"/v1/Content/{sid}")
    # The one that finds out is asked in words.
    await twilio.send("Which?", options=("Tea", "Cake"))
    await twilio.send("Which?", options=("Tea", "Cake"))
    assert [(message.text, message.buttons) for message in twilio.seen()] == [
        ("Which?", ("Tea", "Cake")),
        ("Which?\n\n1. Tea\n2. Cake", ()),
        ("Which?", ("Tea", "Cake")),
    ]


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.BLOCKED, Fault.RESET])
async def test_where_there_are_no_buttons_it_is_asked_in_words(
    twilio: Sender, fault: Fault
) -> None:
    twilio.simulator.fail_next(fault, method="CreateContent")
    await twilio.send("Which?", options=("Tea", "Cake"))
    assert twilio.texts() == ["Which?\n\n1. Tea\n2. Cake"]


async def test_a_list_that_could_not_be_read_is_read_again(twilio: Sender) -> None:
    twilio.simulator.fail_next(Fault.SERVER_ERROR, method="ListContent")
    with pytest.raises(Unavailable):
        await twilio.send("Which?", options=("Tea", "Cake"))
    assert twilio.seen() == []
    await twilio.send("Which?", options=("Tea", "Cake"))
    assert twilio.seen()[0].buttons == ("Tea", "Cake")
