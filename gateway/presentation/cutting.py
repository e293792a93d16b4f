"""Where a long text is cut. Pure.

Places in a text are counted in Python's characters; lengths in UTF-16 units, in which most
platforms count, and which are never fewer.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence

_FURTHEST_BACK = 64
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s)|[。！？][」』”]*")
_PAUSE = re.compile(r"[\s.!?…。！？]")


def units(text: str) -> int:
    """The length of a text in UTF-16 units."""
    return len(text) + _astral(text)


def fits(text: str, limit: int, at: int = 0) -> bool:
    """Whether what follows `at` has at most so many units."""
    length = len(text) - at
    if length > limit:
        return False
    return length * 2 <= limit or length + _astral(text[at:]) <= limit


def ranges(
    text: str, limit: int, blocks: Sequence[tuple[int, int]] = ()
) -> Iterator[tuple[int, int]]:
    """Where parts of at most `limit` units begin and end: after a paragraph, a line, a sentence or
    a word.

    Nothing is lost but the white space at a cut. Where there is none, what people see as one
    character stays in one piece, unless it is absurdly long. A block (from, to before) that fits is
    not cut, a longer one only between its lines if they allow it.
    """
    whole = _Blocks(blocks)
    veiled, at = whole.veil(text), 0
    while not fits(text, limit, at):
        cut = _cut(text, veiled, at, limit, whole)
        yield from _trimmed(text, at, cut)
        at = _next(text, cut, whole)
    yield from _trimmed(text, at, len(text), last=True)


def last_start(text: str, limit: int) -> int:
    """Where the last part begins that has at most so many units, best at a line's beginning."""
    start, room = len(text), limit
    while start > 0 and (room := room - (2 if text[start - 1] > "\uffff" else 1)) >= 0:
        start -= 1
    line = text.find("\n", start, start + limit // 4)
    if line >= 0:
        return line + 1
    while 0 < start < len(text) and _inside_character(text, 0, start):
        start += 1
    return start


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


def _cut(text: str, veiled: str, at: int, limit: int, blocks: _Blocks) -> int:
    """Where the part that starts at `at` ends best; something always comes after it."""
    end = _reach(text, at, limit)
    block = blocks.around(end)
    if block is not None and block[0] < end:
        start, stop = block
        if start > at and fits(text[start:stop], limit):
            return start
        line = text.rfind("\n", max(start, at) + 1, end + 1)
        if line >= 0 or start <= at:
            return line if line >= 0 else _between_characters(text, at, end)
        return start
    return _pause(veiled, at, end, limit // 4) or _between_characters(text, at, end)


def _pause(text: str, at: int, end: int, least: int) -> int:
    """Where reading pauses latest; 0 where nowhere."""
    least = min(at + least, end)
    for lines in ("\n\n", "\n"):
        found = text.rfind(lines, least, end + len(lines))
        if found >= 0:
            return found
    ends = (match.end() for match in _SENTENCE_END.finditer(text, least, end + 1))
    sentence = max((place for place in ends if place <= end), default=0)
    return sentence or next((place for place in range(end, at, -1) if text[place].isspace()), 0)


def _reach(text: str, at: int, limit: int) -> int:
    """How far a part that starts at `at` can go."""
    end = min(at + limit, len(text))
    excess = end - at + _astral(text[at:end]) - limit
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
