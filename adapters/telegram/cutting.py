"""Long texts in parts that fit a message, and what is marked in them. Pure.

Places in a text are counted in Python's characters here; Telegram counts in UTF-16 units, which
only `entities` speaks. https://core.telegram.org/bots/api#messageentity
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.presentation import Span, clipped, fits, last_start, ranges, units

MAX_TEXT = 4096
"""UTF-16 units of one message."""
MAX_ENTITIES = 100
"""Telegram ignores what a message has beyond them."""

# Where there are too many, the last go first: the first make a text readable, or lead somewhere.
_IMPORTANCE = (
    "pre",
    "text_link",
    "blockquote",
    "expandable_blockquote",
    "code",
    "bold",
    "italic",
    "strikethrough",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A text that fits a message, and what is marked in it."""

    text: str
    spans: tuple[Span, ...] = ()


def pieces(text: str, spans: Sequence[Span] = ()) -> Sequence[Piece]:
    """Cut a text into parts that fit a message: after a paragraph, a line, a sentence or a word.

    Nothing is lost but the white space at a cut. Where there is none, what people see as one
    character stays in one piece, unless it is absurdly long. Code that fits a message is not cut,
    longer code only between its lines if they allow it. What is marked across a cut is marked on
    both sides of it.
    """
    if fits(text, MAX_TEXT):
        return (Piece(text=text, spans=_fewest(spans)),)
    blocks = [(span.start, span.end) for span in spans if span.kind == "pre"]
    found = tuple(piece(text, spans, *ends) for ends in ranges(text, MAX_TEXT, blocks))
    return found or (Piece(text=""),)


def piece(text: str, spans: Sequence[Span], start: int, end: int) -> Piece:
    """What lies from `start` to before `end`."""
    shown, inside = clipped(text, spans, start, end)
    return Piece(text=shown, spans=_fewest(inside))


def last_piece(text: str, spans: Sequence[Span] = ()) -> Piece:
    """The end of a text, as much as fits a message; a mark says what is missing before it."""
    if fits(text, MAX_TEXT):
        return piece(text, spans, 0, len(text))
    end = piece(text, spans, last_start(text, MAX_TEXT - 1), len(text))
    moved = [replace(span, start=span.start + 1, end=span.end + 1) for span in end.spans]
    return Piece(text=f"…{end.text}", spans=tuple(moved))


def entities(text: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """The spans as Telegram wants them."""
    places = sorted({place for span in spans for place in (span.start, span.end)})
    offsets: dict[int, int] = {}
    before = offset = 0
    for place in places:
        offset += units(text[before:place])
        offsets[place] = offset
        before = place
    return [_entity(span, offsets) for span in spans]


def _entity(span: Span, offsets: dict[int, int]) -> dict[str, Any]:
    start = offsets[span.start]
    entity = {"type": span.kind, "offset": start, "length": offsets[span.end] - start}
    if span.value:
        entity["url" if span.kind == "text_link" else "language"] = span.value
    return entity


def _fewest(spans: Sequence[Span]) -> tuple[Span, ...]:
    """As many as Telegram takes, the more important ones first to be kept."""
    if len(spans) > MAX_ENTITIES:
        kept = sorted(spans, key=lambda span: (_IMPORTANCE.index(span.kind), span.start))
        spans = sorted(kept[:MAX_ENTITIES], key=lambda span: (span.start, -span.end))
    return tuple(spans)
