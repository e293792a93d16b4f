"""Markdown in words, and what is marked in them, for platforms that do not read it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.presentation.spans import Span
from gateway.presentation.tables import Table

_MARKS = re.compile(r"[*_~`\[<&\\|]")
_BLOCK_MARKS = re.compile(r"(?:^|\r)(?: {4}| {0,3}(?:[\t+>#-]|\d{1,9}[.)]))", re.MULTILINE)


def _never(_: object) -> bool:
    return False


def _always(_: object) -> bool:
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How a platform says what it cannot mark."""

    bullet: str = "• "
    ticks: tuple[str, str] = ("☐ ", "☑ ")
    """What tasks of a list begin with: those to do, and those done."""
    rule: str = "———"
    """What stands for a line across the text."""
    quotes: bool = False
    """Whether all of a quotation's lines begin with `>`, or only those of one within another."""
    links: Callable[[str], bool] = _never
    """Whether words can lead to this address; otherwise it follows them."""
    columns: Callable[[Table], bool] = _always
    """Whether a table stands in columns; otherwise its rows stand below each other."""


def is_plain(text: str) -> bool:
    """Whether nothing in it can be Markdown. Cheap."""
    return _MARKS.search(text) is None and _BLOCK_MARKS.search(text) is None


def rendered(text: str, style: Style) -> tuple[str, list[Span]]:
    """The text people read, and what is marked in it. A text that would come out empty, or cannot
    be read, stays as it is written."""
    # Late: most processes start with a text that needs no library.
    from gateway.presentation.dialect import tokens
    from gateway.presentation.writer import Writer

    found = tokens(text)
    if found is None:
        return text, []
    writer = Writer(text, style)
    writer.blocks(found)
    shown = "".join(writer.text)
    return (shown, writer.spans) if shown.strip() else (text, [])
