"""Tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson


def print_json(value: object) -> None:
    """One JSON document, indented."""
    _write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def print_line(value: object) -> None:
    """One line of JSON Lines."""
    _write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table; ``empty`` is said when there is no row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # An id is there to be copied: it is never cut.
        table.add_column(column, no_wrap=True, overflow="fold" if column == "id" else "ellipsis")
    for row in rows:
        table.add_row(*map(Text, map(printable, row)))
    if not table.row_count:
        print(empty)
        return
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    if not console.is_terminal:
        console.width = 1000
    console.print(table, soft_wrap=not console.is_terminal)


def print_facts(facts: Mapping[str, object]) -> None:
    """Names and values, one pair a line; what is None is left out."""
    shown = {name: value for name, value in facts.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        print(f"{name:<{width}}  {printable(str(value))}")


def moment(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC, for programs."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def local(seconds: float | None) -> str:
    """A time in the local zone, for people."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def printable(text: str) -> str:
    """What people wrote, without what would steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


Record = dict[str, Any]
