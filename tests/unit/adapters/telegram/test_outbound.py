"""Parameters of calls, and long texts in parts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.telegram import inbound, outbound
from adapters.telegram.simulation.markup import check_markup
from gateway import Address, Delivery, Inbound, Press, Question, QuestionKind, new_id

DIRECT = {"chat_id": 5001}
GROUP = {"chat_id": -100, "reply_to": 21}
TOPIC = {"chat_id": -100, "message_thread_id": 40, "reply_to": 21}


def delivery(
    where: dict[str, Any] = DIRECT, text: str = "hello", *, part: int = 0, **asked: Any
) -> Delivery:
    return Delivery(
        id=new_id(),
        channel="garden",
        lane_id="lane",
        address=Address(destination="there", data=where),
        text=text,
        part=part,
        question=question(**asked) if asked else None,
    )


def question(
    options: tuple[str, ...] = (), kind: QuestionKind = QuestionKind.CHOICE, question_id: str = ""
) -> Question:
    return Question(
        id=question_id or new_id(),
        session_id="s",
        task_id="t",
        addressee="5001",
        kind=kind,
        text="?",
        options=options,
    )


# One message.


def test_a_text_goes_to_its_chat() -> None:
    assert outbound.send_message(delivery()) == {"chat_id": 5001, "text": "hello"}


def test_answers_in_groups_quote_what_they_answer_once() -> None:
    quote = {"message_id": 21, "allow_sending_without_reply": True}
    first = {"chat_id": -100, "message_thread_id": 40, "text": "hello", "reply_parameters": quote}
    assert outbound.send_message(delivery(TOPIC)) == first
    assert "reply_parameters" not in outbound.send_message(delivery(TOPIC, part=1))


def test_a_channels_direct_messages_have_topics_of_their_own() -> None:
    where = {"chat_id": -100, "direct_messages_topic_id": 5001}
    assert outbound.send_message(delivery(where)) == {**where, "text": "hello"}
    address = Address(destination="there", data=where)
    assert outbound.send_chat_action(address) == {"chat_id": -100, "action": "typing"}


def test_typing_is_shown_in_its_topic() -> None:
    address = Address(destination="there", data=TOPIC)
    expected = {"chat_id": -100, "message_thread_id": 40, "action": "typing"}
    assert outbound.send_chat_action(address) == expected


def test_a_text_question_in_a_group_opens_the_input_field_of_who_is_asked() -> None:
    asked = outbound.send_message(delivery(GROUP, part=1, kind=QuestionKind.TEXT))
    assert asked["reply_markup"] == {"force_reply": True, "selective": True}
    assert asked["reply_parameters"]["message_id"] == 21
    assert "reply_markup" not in outbound.send_message(delivery(kind=QuestionKind.TEXT))


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (("Yes", "No"), [2]),
        (("1", "2", "3", "4", "5"), [3, 2]),
        (("Red roses, many", "White ones"), [2]),
        (("Red roses, many", "White", "None"), [2, 1]),
        (("A label too long to share its row", "No"), [1, 1]),
    ],
)
def test_options_are_buttons_in_rows(options: tuple[str, ...], rows: list[int]) -> None:
    markup = outbound.send_message(delivery(options=options))["reply_markup"]
    assert [len(row) for row in markup["inline_keyboard"]] == rows
    assert tuple(b["text"] for row in markup["inline_keyboard"] for b in row) == options
    assert check_markup(markup)


def test_no_option_is_without_a_label_and_no_keyboard_is_too_large() -> None:
    keyboard = outbound.keyboard(question(("", " ", *"abc" * 50)))
    labels = [button["text"] for row in keyboard for button in row]
    assert labels[:3] == ["1", "2", "a"]
    assert len(labels) == outbound.MAX_BUTTONS


def test_a_button_is_read_back_as_its_option() -> None:
    asked = question(tuple("ab" * 50))
    buttons = [button for row in outbound.keyboard(asked) for button in row]
    for option in (0, 99):
        data = buttons[option]["callback_data"]
        assert len(data.encode()) <= 64
        raw = (
            '{"update_id":1,"callback_query":{"id":"1","from":{"id":5},"message":{"message_id":1,'
            f'"chat":{{"id":5,"type":"private"}}}},"data":"{data}"}}}}'
        )
        event = inbound.parse(raw.encode(), inbound.Me(id=1))
        assert isinstance(event, Inbound)
        assert event.press == Press(question_id=asked.id, option=option)


# Long texts.


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def solid(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("text", ["", "hello", " hello\n", "x" * 4096, "🌹" * 2048, "é" * 4096])
def test_what_fits_stays_as_it_is(text: str) -> None:
    assert outbound.split(text) == (text,)


@pytest.mark.parametrize(
    ("before", "gap", "after"),
    [
        ("Line.\n" * 400, "\n\n", "b. c d\n" * 400),
        ("A sentence. Another " * 150, "\n", "B. c d " * 500),
        ("word " * 600 + "end.", " ", "then words " * 250),
        ("word " * 600 + "end?»", " ", "then words " * 250),
        ("字" * 3000 + "。", "", "字" * 3000),
        ("x" * 3000, " ", "y" * 3000),
        ("x" * 4096, " ", "y" * 3000),
        ("x" * 4095 + ".", "  \n ", "y" * 3000),
    ],
)
def test_a_cut_falls_where_reading_pauses(before: str, gap: str, after: str) -> None:
    assert outbound.split(before + gap + after) == (before.rstrip(), after)


def test_no_part_is_a_mere_stub() -> None:
    """A paragraph that ends at once is no reason to send it alone."""
    parts = outbound.split("Hello!\n\n" + "word " * 1500)
    assert min(map(len, parts)) > 1000


@pytest.mark.parametrize(
    "character",
    [
        "🌹",  # a surrogate pair
        "👩\u200d👩\u200d👧\u200d👦",  # joined
        "🇺🇦",  # two letters
        "👍🏽",  # a skin tone
        "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",  # tags
        "e\u0301\u0323",  # accents
        "1\ufe0f\u20e3",  # a keycap
    ],
)
@pytest.mark.parametrize("shift", range(4))
def test_no_character_is_torn_apart(character: str, shift: int) -> None:
    count = 6000 // len(character)
    parts = outbound.split("x" * shift + character * count)
    assert len(parts) > 1
    for part in parts:
        assert part.removeprefix("x" * shift) == character * part.count(character)


def test_an_endless_character_is_cut_all_the_same() -> None:
    text = "e" + "\u0301" * 9000
    assert "".join(outbound.split(text)) == text


TEXTS = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(["\n\n", "\n", ". ", " ", "🇺🇦", "👩\u200d👧", "\u0301", "字。", "\u2003"]),
        st.builds(
            str.__mul__, st.sampled_from(["x", "🌹", "ab ", "🇺", "\n"]), st.integers(0, 5000)
        ),
    ),
    max_size=8,
).map("".join)


@settings(deadline=None)
@given(text=TEXTS)
@example(text="\n" * 9000)
@example(text="x" + " " * 9000 + "x")
def test_nothing_is_lost_and_no_part_is_too_long(text: str) -> None:
    parts = outbound.split(text)
    assert parts
    assert all(units(part) <= outbound.MAX_TEXT for part in parts)
    assert solid("".join(parts)) == solid(text)
    if len(parts) > 1:
        assert all(part.strip() for part in parts)
    # The parts are pieces of the text, and what lies around them is white space.
    pieces = r"\s*".join(["", *map(re.escape, parts), ""])
    assert re.fullmatch(pieces, text) or not text.strip()


def test_a_book_is_cut_quickly() -> None:
    book = ("A sentence of this book. " * 20 + "\n\n") * 500
    parts = outbound.split(book)
    assert solid("".join(parts)) == solid(book)
    assert len(parts) < len(book) / 3000
