"""Markdown as WhatsApp reads it."""

from __future__ import annotations

import pytest

from adapters.twilio import markup
from gateway import Part
from gateway.presentation import units

JOINER = "\u2060"


def said(text: str) -> str:
    """What is sent; joiners are seen as dots."""
    (part,) = markup.parts(text)
    assert part == Part(text=part.text)
    return part.text.replace(JOINER, "·")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("**b** *i* _i_ ~~s~~ `c`", "*b* _i_ _i_ ~s~ `c`"),
        ("***both***", "*_both_*"),
        ("**a *b* c**", "*a _b_ c*"),
        ("(**b**), **b**.", "(*b*), *b*."),
        ("un**believ**able", "unbelievable"),
        ("**b**s and 中**文**", "bs and 中文"),
        ("**a**_b_", "*a*_b_"),
        ("**one\ntwo**", "*one*\n*two*"),
        ("> **one\n> two**", "> *one*\n> *two*"),
        ("**a `c` b**", "*a* `c` *b*"),
        ("``a`b``", "```a`b```"),
        ("`a`s", "as"),
        ("# Title\nText", "*Title*\nText"),
        ("## A **b** c", "*A b c*"),
        ("- a\n  - b\n* c\n\n1. d\n2. e", "- a\n  - b\n- c\n\n1. d\n2. e"),
        ("- [ ] a\n- [x] b", "☐ a\n☑ b"),
        ("> a\n> > b", "> a\n> > b"),
        ("```py\nx = 1\n\ny\n```", "```x = 1\n\ny```"),
        ("```\n`x`\n```", "```\n`x`\n```"),
        ("~~~\n```\n~~~", "```\n`·`·`\n```"),
        ("a\n\n***\n\nb", "a\n\n———\n\nb"),
    ],
)
def test_what_is_marked(text: str, meant: str) -> None:
    assert said(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"\*a\*", "·*·a·*·"),
        (r"\_a b\_ and \~c\~", "·_·a b·_· and ·~·c·~·"),
        (r"\`a\`", "·`·a·`·"),
        ("2 * 3 * 4, snake_case_name, ~5", "2 * 3 * 4, snake_case_name, ~5"),
        (r"one \* alone, *two*", "one * alone, _two_"),
        (r"**a \* b\***", "*a * b·*·*"),
        (r"**a**\*", "a*"),
        (r"\- a", "·- a"),
        (r"\> a", "·> a"),
        (r"1986\. A year", "·1986. A year"),
        ("- \\- a", "- ·- a"),
    ],
)
def test_signs_that_are_none_mark_nothing(text: str, meant: str) -> None:
    assert said(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[w](https://e.org/a_b)", "w (https://e.org/a_b)"),
        ("[https://e.org](https://e.org)", "https://e.org"),
        ("<https://e.org/_a_>", "https://e.org/_a_"),
        ("see https://e.org/_a_/*b* now", "see https://e.org/_a_/*b* now"),
        ("**[w](https://e.org)**", "*w* (https://e.org)"),
        ("**https://e.org**", "https://e.org"),
        ("a<https://e.org>b", "a https://e.org b"),
        ("![alt](https://e.org/r.png)", "alt (https://e.org/r.png)"),
        ("![](https://e.org/r.png)", "https://e.org/r.png"),
        ("<a@e.org> [m](mailto:a@e.org)", "a@e.org m (a@e.org)"),
    ],
)
def test_addresses_are_shown_as_they_are(text: str, meant: str) -> None:
    assert said(text) == meant


def test_a_narrow_table_stands_in_columns_and_a_wide_one_below_each_other() -> None:
    assert said("| a | b |\n|---|--:|\n| 1 | 22 |") == "```a │  b\n──┼───\n1 │ 22```"
    long = "a rose is a rose is a rose is a rose"
    table = f"| Name | What it is |\n|---|---|\n| **one** | {long} |\n| two | |"
    assert said(table) == f"*Name*: one\n*What it is*: {long}\n\n*Name*: two\n*What it is*:"


def test_notices_are_shown_as_they_stand() -> None:
    (part,) = markup.literal_parts("*a* **b** [c](d)\n- e")
    assert part.text.replace(JOINER, "") == "*a* **b** [c](d)\n- e"
    assert part.text.startswith(f"{JOINER}*{JOINER}a{JOINER}*{JOINER} ")
    assert part.text.endswith(f"\n{JOINER}- e")


def test_what_is_cut_is_marked_on_both_sides() -> None:
    parts = markup.parts("**" + "rose " * 400 + "end**")
    assert len(parts) == 2
    assert all(part.text[0] == part.text[-1] == "*" for part in parts)
    code = "\n".join(f"line {number}" for number in range(400))
    for part in markup.parts(f"```\n{code}\n```"):
        assert part.text.startswith("```line")
        assert part.text.endswith("```")
        assert part.text.count("```") == 2


@pytest.mark.parametrize("text", ["🌹" * 2000, "*a" * 2000, "**a** " * 900, r"\*a\* " * 900])
def test_every_part_fits(text: str) -> None:
    for parts in (markup.parts(text), markup.literal_parts(text)):
        assert len(parts) > 1
        assert all(0 < units(part.text) <= 1600 for part in parts)


@pytest.mark.parametrize("text", ["", " ", "![]()", "|  |\n|---|"])
def test_what_would_come_out_empty_stays_as_it_is_written(text: str) -> None:
    (part,) = markup.parts(text)
    assert part.text.strip() == text.strip()
