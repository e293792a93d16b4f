"""Markdown as an SMS shows it."""

from __future__ import annotations

import pytest

from adapters.twilio import plain
from gateway import Part
from gateway.presentation import units


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("**b** *i* ~~s~~ `c` un**believ**able", "b i s c unbelievable"),
        ("# Title\n\nText", "Title\n\nText"),
        ("* a\n  * b\n\n1. c\n2. d", "- a\n  - b\n\n1. c\n2. d"),
        ("- [ ] a\n- [x] b", "[ ] a\n[x] b"),
        ("> a\n> *b*", "> a\n> b"),
        ("[w](https://e.org/a_b)", "w (https://e.org/a_b)"),
        ("<https://e.org/%20_a_>", "https://e.org/%20_a_"),
        ("https://e.org/_a_/", "https://e.org/_a_/"),
        ("```py\nx *= 1\n    y\n```", "x *= 1\n    y"),
        ("a\n\n***\n\nb", "a\n\n---\n\nb"),
        (r"\*a\* 2 * 3 * 4 a_b_c", "*a* 2 * 3 * 4 a_b_c"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | |", "a: 1\nb: 2\n\na: 3\nb:"),
        ("| a | b |\n|---|---|", "a\nb"),
    ],
)
def test_what_is_left_without_marks(text: str, meant: str) -> None:
    assert plain.parts(text) == [Part(text=meant)]


def test_what_is_added_needs_no_other_letters_than_an_sms_has() -> None:
    text = "- a\n- [x] b\n\n***\n\n> c\n\n| d | e |\n|---|---|\n| f | g |\n\n![h](https://e.org/)"
    (part,) = plain.parts(text)
    assert part.text.isascii()


def test_notices_are_shown_as_they_stand() -> None:
    assert plain.literal_parts("*a* [b](c)") == [Part(text="*a* [b](c)")]


@pytest.mark.parametrize("text", ["🌹" * 2000, "word " * 900])
def test_every_part_fits(text: str) -> None:
    parts = plain.parts(text)
    assert len(parts) > 1
    assert all(units(part.text) <= 1600 for part in parts)
