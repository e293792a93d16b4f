"""Tables in letters of one width. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_CELL_END = re.compile(r"(?<!\\)\|")


class Table:
    """Takes its cells row by row, the head first; as text, its columns stand below each other."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self._right: list[bool] = []
        self._source: list[str] = []

    def row(self, source: str) -> None:
        """Begin a row, which was written like this."""
        self._rows.append([])
        self._source.append(source.strip())

    def cell(self, *, right: bool = False) -> None:
        """Begin a cell; the head's say which columns are set to the right."""
        if len(self._rows) == 1:
            self._right.append(right)
        self._rows[-1].append("")

    def put(self, text: str) -> None:
        """Write into the cell."""
        self._rows[-1][-1] += " ".join(text.split())

    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not self.is_ragged() and not any(map(any, self._rows))

    def is_ragged(self) -> bool:
        """Whether a row has more cells than the head: the parser drops them, its source has all."""
        return any(
            len(_CELL_END.findall(line.strip("|"))) >= len(self._right) for line in self._source
        )

    def records(self) -> Sequence[Sequence[tuple[str, str]]]:
        """The rows as pairs of a column's head and what stands below it; of a table that is nothing
        but a head, that."""
        head, *rows = self._rows
        if not rows:
            return [[("", cell) for cell in head]]
        return [list(zip(head, row, strict=True)) for row in rows]

    def width(self) -> int:
        """Columns of letters that it takes."""
        return max(map(width, str(self).split("\n")))

    def __str__(self) -> str:
        if self.is_ragged():
            return "\n".join(self._source)
        columns = range(len(self._right))
        widths = [max(width(row[column]) for row in self._rows) for column in columns]
        lines = [self._line(row, widths) for row in self._rows]
        lines.insert(1, "─┼─".join("─" * width for width in widths))
        return "\n".join(lines)

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = []
        for text, wide, right in zip(row, widths, self._right, strict=True):
            space = " " * (wide - width(text))
            cells.append(space + text if right else text + space)
        return " │ ".join(cells).rstrip()


def width(text: str) -> int:
    """Columns that a text takes where letters have one width; Chinese ones and emoji take two."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
