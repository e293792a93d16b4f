"""Markdown for platforms that read it themselves: cut into parts, each whole in itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from gateway.presentation.cutting import fits, last_start, ranges, units
from gateway.presentation.halves import closed
from gateway.presentation.tables import Table

if TYPE_CHECKING:
    from markdown_it.token import Token

TAIL = 4
"""How many times its limit is read of a text of which only the end is shown."""
LONGEST_OPENING = 60
"""Units of the line that opens a fence: what is longer is not repeated where the fence is cut."""

_OPENING = re.compile(r"[ \t]*(`{3,}[^`\n]*|~{3,}[^\n]*)$", re.MULTILINE)
_MARK = re.compile(r"[ \t]*(`+|~+)")
_INDENTED = re.compile(r"(?:\A|\n[ \t]*\n)(?: {0,3}\t| {4})[ \t]*\S")
_DELIMITER = re.compile(
    r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class _Fence:
    """Code in a text, its fences included: from, and to before; how it is opened and closed."""

    start: int
    end: int
    opening: str
    closing: str


def plain_parts(text: str, limit: int) -> list[str]:
    """A text that is shown as it stands, in parts of at most `limit` UTF-16 units."""
    if fits(text, limit):
        return [text]
    return [text[start:end] for start, end in ranges(text, limit)] or [""]


def markdown_parts(text: str, limit: int, *, tables: bool = False) -> list[str]:
    """A Markdown text in parts of at most `limit` UTF-16 units.

    Code that is cut is closed before the cut and opened again after it. `tables`: the platform has
    none, so they become text in letters of one width.
    """
    if tables:
        text = with_plain_tables(text)
    if fits(text, limit):
        return [text]
    fences = list(_fences(text))
    room = limit - _spare(fences)
    blocks = [(fence.start, fence.end) for fence in fences]
    return [_whole(text, *ends, fences) for ends in ranges(text, room, blocks)] or [""]


def markdown_tail(text: str, limit: int, *, tables: bool = False) -> str:
    """The end of a Markdown text that is being written, as much as fits; what is open in it is
    closed. A mark says what is missing before it."""
    at = max(0, len(text) - TAIL * limit)
    opened = next((fence for fence in _fences(text) if fence.start < at < fence.end), None)
    recent = closed((opened.opening + "\n" if opened else "") + text[at:])
    if tables:
        recent = with_plain_tables(recent)
    fences = list(_fences(recent))
    if at or not fits(recent, limit - _spare(fences)):
        start = last_start(recent, limit - _spare(fences) - 2)
        # What opens code again has to stand on a line of its own.
        reopens = any(fence.start < start < fence.end for fence in fences)
        mark = "…\n" if reopens or recent[:start].endswith("\n") else "…"
        return mark + _whole(recent, start, len(recent), fences)
    return _whole(recent, 0, len(recent), fences)


def with_plain_tables(text: str) -> str:
    """The same with its tables in letters of one width, fenced."""
    if "|" not in text or _DELIMITER.search(text) is None:
        return text
    lines = text.split("\n")
    for start, end, table in reversed(list(_tables(text, lines))):
        if table.is_empty():
            lines[start:end] = [""]
            continue
        lines[start:end] = ["```", *str(table).replace("```", "'''").split("\n"), "```", ""]
    return "\n".join(lines)


def with_fences(text: str) -> str:
    """The same with fences around code that is only indented, which not every platform reads."""
    if _INDENTED.search(text) is None:
        return text
    lines = text.split("\n")
    for token in reversed(_parser().parse(text)):
        if token.level == 0 and token.type == "code_block" and token.map:
            start, end = token.map
            fence = "~~~" if "```" in token.content else "```"
            lines[start:end] = [fence, *token.content.rstrip("\n").split("\n"), fence, ""]
    return "\n".join(lines)


def _fences(text: str) -> Iterator[_Fence]:
    at = 0
    while (match := _OPENING.search(text, at)) is not None:
        mark = _MARK.match(match[0])
        marks = mark[1] if mark else "```"
        close = re.compile(
            rf"^[ \t]*{re.escape(marks[0])}{{{len(marks)},}}[ \t]*$", re.MULTILINE
        ).search(text, match.end())
        at = close.end() if close else len(text)
        opening = match[0] if units(match[0]) <= LONGEST_OPENING else marks
        yield _Fence(match.start(), at, opening, marks if close else "")


def _spare(fences: Sequence[_Fence]) -> int:
    """Units to keep free for opening and closing again."""
    longest = max(
        (units(fence.opening) + len(fence.opening.strip()) for fence in fences), default=0
    )
    return min(longest + 4, 2 * LONGEST_OPENING + 4) if longest else 0


def _whole(text: str, start: int, end: int, fences: Sequence[_Fence]) -> str:
    """A part of a text, with the code that reaches over its ends opened and closed."""
    before = next((f for f in fences if f.start < start < f.end), None)
    after = next(
        (f for f in fences if f.start < end < f.end or (f.end == end and not f.closing)), None
    )
    part = text[start:end]
    if before is not None:
        part = f"{before.opening}\n{part}"
    if after is not None:
        marks = _MARK.match(after.opening)
        part = f"{part.rstrip()}\n{marks[1] if marks else '```'}"
    return part


def _tables(text: str, lines: Sequence[str]) -> Iterator[tuple[int, int, Table]]:
    """Where the tables of a text stand that are part of nothing else."""
    table: Table | None = None
    first = last = 0
    for token in _parser().parse(text):
        if token.level == 0 and token.type == "table_open" and token.map:
            table, (first, last) = Table(), token.map
        elif table is None:
            continue
        elif token.type == "table_close":
            yield first, last, table
            table = None
        elif token.type == "tr_open":
            table.row(lines[token.map[0]] if token.map else "")
        elif token.type in {"th_open", "td_open"}:
            table.cell(right="right" in str(token.attrGet("style") or ""))
        elif token.type == "inline":
            table.put(_words(token.children or ()))


def _words(tokens: Sequence[Token]) -> str:
    """What a cell says: nothing can be marked in code."""
    words: list[str] = []
    address = ""
    for token in tokens:
        if token.type == "link_open":
            address = str(token.attrGet("href") or "")
        elif token.type == "link_close":
            words.append(f" ({address})" if address and address not in "".join(words) else "")
        else:
            words.append(" " if "break" in token.type else token.content)
    return "".join(words)


@cache
def _parser() -> Any:
    # Late: most processes start with a text that needs no library.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    return parser.disable(["html_block", "html_inline", "reference"])
