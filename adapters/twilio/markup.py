"""Markdown in the dialect that WhatsApp reads, in parts that fit a message. Pure.

https://www.twilio.com/docs/whatsapp/message-features#formatting-in-whatsapp-messages
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.twilio.marking import VERBATIM, addresses, marked
from gateway import Part
from gateway.presentation import (
    Span,
    Style,
    Table,
    clipped,
    fits,
    is_plain,
    ranges,
    rendered,
    tidied,
    units,
)

MAX_PART = 1600
"""UTF-16 units of one message: Twilio says that what is no plain letter may count for several.
https://www.twilio.com/docs/api/errors/21617"""
MAX_COLUMNS = 40
"""Letters of one width that a phone shows beside each other."""


def parts(text: str, limit: int = MAX_PART) -> list[Part]:
    """A Markdown text as parts of at most `limit` units, as WhatsApp reads them."""
    if is_plain(text):
        return literal_parts(text, limit)
    shown, spans = rendered(text, _STYLE)
    return _parts(shown, spans, limit)


def literal_parts(text: str, limit: int = MAX_PART) -> list[Part]:
    """The same of a text that is shown as it stands."""
    return _parts(text, [], limit)


def _parts(text: str, spans: Sequence[Span], limit: int) -> list[Part]:
    spans = tidied(text, [*spans, *addresses(text, spans)], apart=VERBATIM)
    return [Part(text=said) for said in _fitting(text, spans, limit)] or [Part(text=text)]


def _fitting(text: str, spans: Sequence[Span], limit: int) -> list[str]:
    """Parts that fit with their marks, for which a little room is mostly enough."""
    for room in (limit, limit - limit // 16):
        pieces = _pieces(text, spans, room)
        found = [marked(*piece) for piece in pieces]
        if all(fits(said, limit) for said in found):
            return found
    return [said for piece in _pieces(text, spans, limit) for said in _halves(*piece, limit)]


def _halves(text: str, spans: Sequence[Span], limit: int) -> Iterator[str]:
    """The same of a text that is all marks."""
    said = marked(text, spans)
    if fits(said, limit) or len(text) < 2:
        yield said
        return
    for piece in _pieces(text, spans, (units(text) + 1) // 2):
        yield from _halves(*piece, limit)


def _pieces(text: str, spans: Sequence[Span], room: int) -> list[tuple[str, list[Span]]]:
    blocks = [(span.start, span.end) for span in spans if span.kind == "pre"]
    return [clipped(text, spans, *ends) for ends in ranges(text, room, blocks)]


def _in_columns(table: Table) -> bool:
    return table.is_ragged() or table.width() <= MAX_COLUMNS


_STYLE = Style(bullet="- ", quotes=True, columns=_in_columns)
