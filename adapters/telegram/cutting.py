"""Long texts in parts that fit a message, and what is marked in them. Pure.

Places in a text are counted in Python's characters here; Telegram counts in UTF-16 units, which
only `entities` speaks. https://core.telegram.org/bots/api#messageentity
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
_LEAST = MAX_TEXT // 4
_FURTHEST_BACK = 64
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s)|[。！？][」』”]*")
_PAUSE = re.compile(r"[\s.!?…。！？]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """What the characters from `start` to before `end` are; `value` is a link's address or the
    language of code."""

    start: int
    end: int
    kind: str
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A text that fits a message, and what is marked in it."""

    text: str
    spans: tuple[Span, ...] = ()


def units(text: str) -> int:
    """The length of a text as Telegram counts it."""
    return len(text) + _astral(text)


def pieces(text: str, spans: Sequence[Span] = ()) -> Sequence[Piece]:
    """Cut a text into parts that fit a message: after a paragraph, a line, a sentence or a word.

    Nothing is lost but the white space at a cut. Where there is none, what people see as one
    character stays in one piece, unless it is absurdly long. Code that fits a message is not cut,
    longer code only between its lines if they allow it. What is marked across a cut is marked on
    both sides of it.
    """
    if fits(text):
        return (Piece(text=text, spans=_fewest(spans)),)
    blocks = [(span.start, span.end) for span in spans if span.kind == "pre"]
    found = tuple(piece(text, spans, *ends) for ends in _ranges(text, _Blocks(blocks)))
    return found or (Piece(text=""),)


def piece(text: str, spans: Sequence[Span], start: int, end: int) -> Piece:
    """What lies from `start` to before `end`."""
    clipped = [
        replace(span, start=max(span.start, start) - start, end=min(span.end, end) - start)
        for span in spans
        if span.start < end and span.end > start
    ]
    shown = text[start:end]
    return Piece(text=shown, spans=_fewest([s for s in clipped if shown[s.start : s.end].strip()]))


def fits(text: str, at: int = 0) -> bool:
    """Whether what follows `at` fits one message."""
    length = len(text) - at
    if length > MAX_TEXT:
        return False
    return length * 2 <= MAX_TEXT or length + _astral(text[at:]) <= MAX_TEXT


def last_piece(text: str, spans: Sequence[Span] = ()) -> Piece:
    """The end of a text, as much as fits a message; a mark says what is missing before it."""
    if fits(text):
        return piece(text, spans, 0, len(text))
    end = piece(text, spans, _last_start(text, MAX_TEXT - 1), len(text))
    moved = [replace(span, start=span.start + 1, end=span.end + 1) for span in end.spans]
    return Piece(text=f"…{end.text}", spans=tuple(moved))


def _last_start(text: str, most: int) -> int:
    """Where the last part begins that has at most so many units, best at a line's beginning."""
    start, room = len(text), most
    while start > 0 and (room := room - (2 if text[start - 1] > "\uffff" else 1)) >= 0:
        start -= 1
    line = text.find("\n", start, start + _LEAST)
    if line >= 0:
        return line + 1
    while 0 < start < len(text) and _inside_character(text, 0, start):
        start += 1
    return start


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


class _Blocks:
    """Places that are not to be cut, and do not overlap: from, and to before."""

    def __init__(self, blocks: Sequence[tuple[int, int]]) -> None:
        self._blocks = sorted(blocks)
        self._starts = [start for start, _ in self._blocks]

    def around(self, place: int) -> tuple[int, int] | None:
        """The block that the character at `place` belongs to."""
        index = bisect_right(self._starts, place) - 1
        if index >= 0 and place < self._blocks[index][1]:
            return self._blocks[index]
        return None

    def veil(self, text: str) -> str:
        """The text with nowhere to pause in the blocks."""
        shown, at = [], 0
        for start, end in self._blocks:
            shown += [text[at:start], _PAUSE.sub("x", text[start:end])]
            at = end
        return "".join([*shown, text[at:]])


def _ranges(text: str, blocks: _Blocks) -> Iterator[tuple[int, int]]:
    """Where the parts begin and end."""
    veiled, at = blocks.veil(text), 0
    while not fits(text, at):
        cut = _cut(text, veiled, at, blocks)
        yield from _trimmed(text, at, cut)
        at = _next(text, cut, blocks)
    yield from _trimmed(text, at, len(text), last=True)


def _trimmed(text: str, at: int, end: int, *, last: bool = False) -> Iterator[tuple[int, int]]:
    part = text[at:end]
    if part.strip():
        yield at, end if last else at + len(part.rstrip())


def _next(text: str, at: int, blocks: _Blocks) -> int:
    """Where the next part begins after a cut: code keeps what its lines are indented by."""
    while at < len(text) and text[at].isspace():
        if text[at] != "\n" and blocks.around(at):
            break
        at += 1
    return at


def _cut(text: str, veiled: str, at: int, blocks: _Blocks) -> int:
    """Where the part that starts at `at` ends best; something always comes after it."""
    end = _reach(text, at)
    block = blocks.around(end)
    if block is not None and block[0] < end:
        start, stop = block
        if start > at and fits(text[start:stop]):
            return start
        line = text.rfind("\n", max(start, at) + 1, end + 1)
        if line >= 0 or start <= at:
            return line if line >= 0 else _between_characters(text, at, end)
        return start
    return _pause(veiled, at, end) or _between_characters(text, at, end)


def _pause(text: str, at: int, end: int) -> int:
    """Where reading pauses latest; 0 where nowhere."""
    least = min(at + _LEAST, end)
    for lines in ("\n\n", "\n"):
        found = text.rfind(lines, least, end + len(lines))
        if found >= 0:
            return found
    ends = (match.end() for match in _SENTENCE_END.finditer(text, least, end + 1))
    sentence = max((place for place in ends if place <= end), default=0)
    return sentence or next((place for place in range(end, at, -1) if text[place].isspace()), 0)


def _reach(text: str, at: int) -> int:
    """How far a part that starts at `at` can go."""
    end = min(at + MAX_TEXT, len(text))
    excess = end - at + _astral(text[at:end]) - MAX_TEXT
    while excess > 0:
        end -= 1
        excess -= 2 if text[end] > "\uffff" else 1
    return end


def _astral(text: str) -> int:
    """How many characters count twice, being surrogate pairs in UTF-16."""
    return 0 if text.isascii() else sum(character > "\uffff" for character in text)


def _between_characters(text: str, at: int, end: int) -> int:
    for place in range(end, max(at, end - _FURTHEST_BACK), -1):
        if not _inside_character(text, at, place):
            return place
    return end


def _inside_character(text: str, at: int, place: int) -> bool:
    """Whether a cut at `place` would tear apart what is shown as one: an accent, emoji or flag.

    The common cases of https://unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries
    """
    before, after = text[place - 1], text[place]
    if "\u200d" in (before, after) or _extends(after):
        return True
    if not (_is_regional(before) and _is_regional(after)):
        return False
    # A flag is a pair of letters: an odd number of them before the cut leaves one alone.
    start = place
    while start > at and _is_regional(text[start - 1]):
        start -= 1
    return (place - start) % 2 == 1


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Wales
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
