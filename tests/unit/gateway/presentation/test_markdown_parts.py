"""Markdown in parts, each whole in itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.presentation import markdown_parts, markdown_tail, plain_parts, units

LINES = st.sampled_from(
    [
        "",
        "word " * 9,
        "## head",
        "- item",
        "```",
        "```python",
        "~~~",
        "    x = 1",
        "| a | b |",
        "🌹" * 7,
    ]
)
TEXTS = st.lists(LINES, max_size=60).map("\n".join)
TABLE = "| name | n |\n|---|--:|\n| ada | 1 |\n| 名前 | 22 |"


def solid(text: str) -> str:
    """What is said, without white space and fences."""
    return re.sub(r"\s|^ *(```\w*|~~~)$", "", text, flags=re.MULTILINE)


def is_whole(part: str) -> bool:
    """Whether every fence that is opened in it is closed."""
    mark = ""
    for line in part.split("\n"):
        found = re.match(r"[ \t]*(`{3,}|~{3,})([^`]*)$", line)
        if found and not mark:
            mark = found[1]
        elif found and mark and found[1].startswith(mark) and not found[2].strip():
            mark = ""
    return not mark


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, limit=st.integers(150, 400), tables=st.booleans())
def test_parts_fit_are_whole_and_lose_nothing(text: str, limit: int, tables: bool) -> None:
    parts = markdown_parts(text, limit, tables=tables)
    assert all(units(part) <= limit for part in parts)
    if len(parts) > 1:
        assert all(map(is_whole, parts))
    if not tables:
        assert solid("\n".join(parts)) == solid(text)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, limit=st.integers(150, 400))
def test_a_tail_fits_and_is_whole(text: str, limit: int) -> None:
    shown = markdown_tail(text, limit)
    assert units(shown) <= limit
    assert is_whole(shown)


@given(text=st.text(max_size=300), limit=st.integers(10, 50))
def test_plain_parts_fit_and_lose_only_space(text: str, limit: int) -> None:
    parts = plain_parts(text, limit)
    assert all(units(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_code_is_closed_and_opened_again_where_it_is_cut() -> None:
    code = "\n".join(f"line{number}" for number in range(60))
    parts = markdown_parts(f"before\n\n```python\n{code}\n```\nafter", 200)
    assert len(parts) > 2
    assert parts[1].startswith("```python\nline")
    assert parts[1].endswith("\n```")


def test_code_that_fits_is_not_cut() -> None:
    code = "```\n" + "x = 1\n" * 20 + "```"
    parts = markdown_parts("word " * 25 + "\n\n" + code, 200)
    assert parts[-1] == code


@pytest.mark.parametrize("around", ["{}", "before\n\n{}\n\nafter", "# head\n{}"])
def test_a_table_becomes_text_in_columns(around: str) -> None:
    (part,) = markdown_parts(around.format(TABLE), 2000, tables=True)
    assert "```\nname │  n\n─────┼───\nada  │  1\n名前 │ 22\n```" in part
    assert "|---|" not in part


def test_a_table_in_code_stays_as_it_is() -> None:
    text = f"```\n{TABLE}\n```"
    assert markdown_parts(text, 2000, tables=True) == [text]


def test_a_link_in_a_table_says_where_it_leads() -> None:
    text = "| a | b |\n|---|---|\n| [x](https://e.org/x) | `c` |"
    (part,) = markdown_parts(text, 2000, tables=True)
    assert "x (https://e.org/x) │ c" in part


def test_a_fence_in_a_cell_does_not_end_the_table() -> None:
    (part,) = markdown_parts("| a | b |\n|---|---|\n| ```` ``` ```` | d |", 2000, tables=True)
    assert part.count("```") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("some **bold", "some **bold**"),
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("see [the page](https://e.or", "see the page"),
        ("done", "done"),
    ],
)
def test_what_is_open_is_closed(text: str, shown: str) -> None:
    assert markdown_tail(text, 100) == shown


def test_only_the_end_of_a_long_text_is_shown() -> None:
    text = "```\n" + "".join(f"line {number}\n" for number in range(5000))
    shown = markdown_tail(text, 120)
    assert shown.startswith("…\n```\nline ")
    assert shown.endswith("line 4999\n```")


def test_a_table_being_written_is_in_columns() -> None:
    assert "a │ b" in markdown_tail("| a | b |\n|---|---|\n| 1 |", 100, tables=True)
