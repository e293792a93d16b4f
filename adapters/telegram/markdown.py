"""Markdown as Telegram shows it: plain text, and spans of what is marked in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.telegram.cutting import MAX_TEXT, Piece, Span, last_piece, pieces
from adapters.telegram.writer import Writer, tidied
from gateway.presentation import closed, reopened

TAIL = 4 * MAX_TEXT
"""Characters of a text being written that are read for what is shown of it."""

_MARKS = re.compile(r"[*_~`\[<&\\|]")
_BLOCK_MARKS = re.compile(r"(?:^|\r)(?: {4}| {0,3}(?:[\t+>#-]|\d{1,9}[.)]))", re.MULTILINE)


def parts(text: str) -> Sequence[Piece]:
    """A Markdown text as parts that fit a message."""
    if is_plain(text):
        return pieces(text)
    return pieces(*render(text))


def is_plain(text: str) -> bool:
    """Whether nothing in it can be Markdown. Cheap."""
    return _MARKS.search(text) is None and _BLOCK_MARKS.search(text) is None


def tail(text: str) -> Piece:
    """The end of a Markdown text that is still being written, as much as fits a message.

    What is open in it is closed first, so that half a fence or half a link does not show.
    """
    if len(text) > TAIL:
        text = reopened(text[:-TAIL]) + text[-TAIL:]
    return last_piece(text) if is_plain(text) else last_piece(*render(closed(text)))


def render(text: str) -> tuple[str, list[Span]]:
    """The text people read, and what is marked in it, in order. A text that would come out empty,
    or cannot be read, stays as it is written."""
    # Late: most processes start with a text that needs no library.
    from adapters.telegram.dialect import tokens

    found = tokens(text)
    if found is None:
        return text, []
    writer = Writer(text)
    writer.blocks(found)
    shown = "".join(writer.text)
    return (shown, tidied(shown, writer.spans)) if shown.strip() else (text, [])
