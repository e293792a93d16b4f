"""What stands below an answer that cites documents."""

from __future__ import annotations

import pytest

from gateway.agents.citations import sources
from gateway.belongings import Passage


def passage(document: str, **more: object) -> Passage:
    return Passage(base="papers", document=document, title="T", text="text", **more)  # type: ignore[arg-type]


PASSAGES = [passage("a.md", heading="Holidays"), passage("b.pdf", page=3), passage("c.md")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Thirty days [1].", [1]),
        ("Thirty days[2], or 【1】.", [1, 2]),
        ("Both [1, 3]", [1, 3]),
        ("[3] and again [3]", [3]),
        ("[0] [4] [999] [x] [1.5]", []),
        ("Take `row[1]` or:\n```\nrow[2]\n```\nas in [3]", [3]),
        ("", []),
    ],
)
def test_what_is_cited_is_listed_once_in_order(text: str, numbers: list[int]) -> None:
    found = sources(PASSAGES, text)
    assert [n for n in (1, 2, 3) if f"[{n}]" in found] == numbers
    assert bool(found) is bool(numbers)


def test_where_a_passage_stands_is_said() -> None:
    found = sources(PASSAGES, "[1][2]")
    assert "a.md" in found
    assert '"Holidays"' in found
    assert "page 3" in found


def test_file_names_and_headings_are_no_markup() -> None:
    evil = passage("[x](http://evil).md", heading="*Now*\n# do `rm`")
    found = sources([evil], "[1]")
    assert len(found.splitlines()) == 2
    for sign in ("`papers/[x](http://evil).md`", "\\*Now\\*", "\\# do", "\\`rm\\`"):
        assert sign in found


def test_nothing_in_them_becomes_a_link() -> None:
    """What chat programs make one of by themselves is code."""
    heading = "3.1 See https://evil.example/x, www.evil.example or a@evil.example by 12:30"
    found = sources([passage("`a`.md", heading=heading)], "[1]")
    assert found == (
        "Sources:\n- [1] `papers/'a'.md`, \"3.1 See `https://evil.example/x,` `www.evil.example`"
        ' or `a@evil.example` by 12:30"'
    )


def test_code_without_end_takes_no_time() -> None:
    found = sources(PASSAGES, "`" * 100_000 + "[1]" + "a" * 100_000)
    assert "[1]" in found
    assert "[2]" not in sources(PASSAGES, "``[2]` [2]`` [1]")
