"""Where in a TOML text a key stands, for error messages. ``tomllib`` keeps no positions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

KeyPath = tuple[str | int, ...]

_KEY_PART = re.compile(r"""\s*("(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)\s*""")
_BETWEEN = re.compile(r"(?:\s|#[^\n]*)*")
_VALUE = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*'''
    r"""|[\[{]|[\]}]|\n|[^"'\#\[\]{}\n]+""",
    re.DOTALL,
)


def locate(text: str) -> Mapping[KeyPath, int]:
    """Map the path of every table and key of a valid TOML text to its line, counted from 1.

    Keys inside inline tables and arrays are not listed: their line is that of their outer key.
    """
    found: dict[KeyPath, int] = {}
    for path, position in _statements(text):
        line = text.count("\n", 0, position) + 1
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], line)
    return found


def line_of(lines: Mapping[KeyPath, int], path: Sequence[str | int]) -> int | None:
    """The line of a path, or of the nearest enclosing one that has any."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(tuple(path[:length]))) is not None:
            return line
    return None


def _statements(text: str) -> Iterator[tuple[KeyPath, int]]:
    table: KeyPath = ()
    arrays: dict[KeyPath, int] = {}
    position = _skip(text, 0)
    while position < len(text):
        start = position
        if text[position] == "[":
            many = text.startswith("[[", position)
            keys, position = _keys(text, position + 1 + many)
            table = _resolve(keys, arrays, many)
            position += 1 + many
            yield table, start
        else:
            keys, position = _keys(text, position)
            position = _after_value(text, position + 1)
            yield (*table, *keys), start
        position = _skip(text, position)


def _skip(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _keys(text: str, position: int) -> tuple[tuple[str, ...], int]:
    keys: list[str] = []
    while match := _KEY_PART.match(text, position):
        keys.append(_plain(match[1]))
        position = match.end()
        if not text.startswith(".", position):
            break
        position += 1
    return tuple(keys), position


def _plain(key: str) -> str:
    return str(tomllib.loads(f"k={key}")["k"]) if key[0] in "\"'" else key


def _resolve(keys: tuple[str, ...], arrays: dict[KeyPath, int], many: bool) -> KeyPath:
    """A header's path, with the index of every array of tables it passes through."""
    path: KeyPath = ()
    for place, key in enumerate(keys):
        path = (*path, key)
        if many and place == len(keys) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def _after_value(text: str, position: int) -> int:
    depth = 0
    while match := _VALUE.match(text, position):
        position = match.end()
        piece = match[0]
        if piece in "[{":
            depth += 1
        elif piece in "]}":
            depth -= 1
        elif piece == "\n" and depth == 0:
            break
    return position
