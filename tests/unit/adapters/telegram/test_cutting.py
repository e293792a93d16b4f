"""Long texts in parts that fit a message, and what is marked in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.telegram.cutting import (
    MAX_ENTITIES,
    MAX_TEXT,
    Piece,
    entities,
    last_piece,
    pieces,
)
from gateway.presentation import Span
from tests.unit.adapters.telegram.entities import check, units


def cut(text: str) -> list[str]:
    """The parts of a text in which nothing is marked."""
    found = pieces(text)
    assert not any(piece.spans for piece in found)
    return [piece.text for piece in found]


def code(start: int, end: int, language: str = "") -> Span:
    return Span(start=start, end=end, kind="pre", value=language)


def bold(start: int, end: int) -> Span:
    return Span(start=start, end=end, kind="bold")


def solid(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("text", ["", "hello", " hello\n", "x" * 4096, "🌹" * 2048, "é" * 4096])
def test_what_fits_stays_as_it_is(text: str) -> None:
    assert cut(text) == [text]


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
    assert cut(before + gap + after) == [before.rstrip(), after]


def test_no_part_is_a_mere_stub() -> None:
    """A paragraph that ends at once is no reason to send it alone."""
    parts = cut("Hello!\n\n" + "word " * 1500)
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
    parts = cut("x" * shift + character * count)
    assert len(parts) > 1
    for part in parts:
        assert part.removeprefix("x" * shift) == character * part.count(character)


def test_an_endless_character_is_cut_all_the_same() -> None:
    text = "e" + "\u0301" * 9000
    assert "".join(cut(text)) == text


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
    parts = cut(text)
    assert parts
    assert all(units(part) <= MAX_TEXT for part in parts)
    assert solid("".join(parts)) == solid(text)
    if len(parts) > 1:
        assert all(part.strip() for part in parts)
    # The parts are pieces of the text, and what lies around them is white space.
    pieces = r"\s*".join(["", *map(re.escape, parts), ""])
    assert re.fullmatch(pieces, text) or not text.strip()


def test_a_book_is_cut_quickly() -> None:
    book = ("A sentence of this book. " * 20 + "\n\n") * 500
    parts = cut(book)
    assert solid("".join(parts)) == solid(book)
    assert len(parts) < len(book) / 3000


# What is marked.


def test_places_are_counted_as_telegram_does() -> None:
    text = "🌹 rose 🌹🌹"
    spans = [Span(start=2, end=6, kind="text_link", value="https://e.org/🌹"), bold(8, 9)]
    assert entities(text, spans) == [
        {"type": "text_link", "offset": 3, "length": 4, "url": "https://e.org/🌹"},
        {"type": "bold", "offset": 10, "length": 2},
    ]
    assert entities("x", [code(0, 1, "python")]) == [
        {"type": "pre", "offset": 0, "length": 1, "language": "python"}
    ]


def test_what_is_marked_across_a_cut_is_marked_on_both_sides() -> None:
    text = "🌹" * 1000 + " " + "x" * 2000 + " " + "y" * 1000
    first, second = pieces(text, [bold(500, 3500)])
    assert first.spans == (bold(500, 3001),)
    assert second.spans == (bold(0, 498),)
    assert check(first)[0]["length"] == 3001


def test_no_mark_is_left_on_white_space_alone() -> None:
    text = "x" * 3000 + "\n\n" + "y" * 3000
    parts = pieces(text, [bold(2999, 3002)])
    assert [part.spans for part in parts] == [(bold(2999, 3000),), ()]


def test_code_that_fits_a_message_is_not_cut() -> None:
    block = "    line()\n\n" * 300
    text = "intro " * 300 + "\n" + block + "\nend " * 200
    start = text.index(block)
    parts = pieces(text, [code(start, start + len(block), "py")])
    holding = [part for part in parts if part.spans]
    assert [part.text[s.start : s.end] for part in holding for s in part.spans] == [block]
    assert holding[0].spans[0].value == "py"
    assert len(parts) == 3


def test_code_longer_than_a_message_is_cut_between_its_lines_and_stays_code() -> None:
    block = "\n".join(f"    line {number:04} {'x' * 30}" for number in range(300))
    text = f"Look:\n\n{block}\n\nThat is it."
    parts = pieces(text, [code(7, 7 + len(block), "py")])
    shown = [part.text[s.start : s.end] for part in parts for s in part.spans]
    assert len(parts) == 4
    assert "\n".join(shown) == block
    assert {s.value for part in parts for s in part.spans} == {"py"}


def test_code_without_lines_is_cut_all_the_same() -> None:
    parts = pieces("see: " + "x" * 10_000, [code(5, 10_005)])
    assert "".join(part.text[s.start : s.end] for part in parts for s in part.spans) == "x" * 10_000
    assert all(units(part.text) <= MAX_TEXT for part in parts)


def test_no_message_has_more_marks_than_telegram_reads_and_the_important_ones_stay() -> None:
    text = "a b " * 500
    marks = [bold(at, at + 1) for at in range(0, 1000, 4)]
    link = Span(start=1500, end=1501, kind="text_link", value="https://e.org")
    (part,) = pieces(text, [*marks, link])
    assert len(part.spans) == MAX_ENTITIES
    assert part.spans[-1] == link
    assert part.spans[:-1] == tuple(marks[: MAX_ENTITIES - 1])


# The end of a text.


def test_a_text_that_fits_is_its_own_end() -> None:
    assert last_piece("🌹 rose", [bold(2, 6)]) == Piece(text="🌹 rose", spans=(bold(2, 6),))


def test_the_end_of_a_long_text_begins_with_a_line() -> None:
    text = "\n".join(f"line {number}" for number in range(2000))
    end = last_piece(text, [bold(len(text) - 4, len(text))])
    assert end.text.startswith("…line ")
    assert text.endswith(end.text[1:])
    assert MAX_TEXT - 20 < units(end.text) <= MAX_TEXT
    assert end.text[end.spans[0].start : end.spans[0].end] == "1999"


@pytest.mark.parametrize("character", ["🌹", "👩\u200d👧", "🇺🇦", "e\u0301"])
@pytest.mark.parametrize("shift", range(4))
def test_the_end_of_a_text_tears_no_character(character: str, shift: int) -> None:
    end = last_piece(character * 3000 + "x" * shift).text
    assert units(end) <= MAX_TEXT
    assert end[1:].removesuffix("x" * shift) == character * end.count(character)
