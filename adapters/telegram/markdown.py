"""Markdown as Telegram shows it: plain text, and spans of what is marked in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.telegram.cutting import MAX_TEXT, Piece, last_piece, pieces
from gateway.presentation import Span, Style, closed, is_plain, rendered, reopened, tidied

TAIL = 4 * MAX_TEXT
"""Characters of a text being written that are read for what is shown of it."""
MAX_URL = 2048

# Of other links Telegram marks none; it finds mail addresses by itself. One of a person calls them.
# https://core.telegram.org/bots/api#formatting-options
_LINK = re.compile(
    r"(?:https?://(?:localhost|[^\s/?#]*\.[^\s/?#]*)|tg://(?!user))\S*", re.IGNORECASE
)
_NOT_MARKED = frozenset({"margin", "address"})


def parts(text: str) -> Sequence[Piece]:
    """A Markdown text as parts that fit a message."""
    if is_plain(text):
        return pieces(text)
    return pieces(*render(text))


def tail(text: str) -> Piece:
    """The end of a Markdown text that is still being written, as much as fits a message.

    What is open in it is closed first, so that half a fence or half a link does not show.
    """
    if len(text) > TAIL:
        text = reopened(text[:-TAIL]) + text[-TAIL:]
    return last_piece(text) if is_plain(text) else last_piece(*render(closed(text)))


def render(text: str) -> tuple[str, list[Span]]:
    """The text people read, and what is marked in it, in order."""
    shown, spans = rendered(text, _STYLE)
    return shown, tidied(shown, [span for span in spans if span.kind not in _NOT_MARKED])


def _can_link(url: str) -> bool:
    return len(url) <= MAX_URL and _LINK.fullmatch(url) is not None


_STYLE = Style(links=_can_link)
