"""Core statements compiled once for each dialect, and the few words the dialects spell differently.

``Connection.execute`` costs 11 to 14 us a statement before SQLite does anything, the driver's own
cursor costs one; a message takes ten statements. So the statements of the message path are
``Prepared``: written in Core, run on the cursor. Rare ones go through ``Connection.execute``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import orjson
import sqlalchemy
from sqlalchemy import (
    BindParameter,
    ClauseElement,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

Values = tuple[Any, ...]

FOREVER = 1e18
"""Later than every time; SQLite has no word for infinity."""
_Text = tuple[str, Callable[[Values], Values] | None]

_INSERT: Mapping[str, Callable[[Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Prepared:
    """A statement that is run with values in the order of ``names``, each a ``value`` in it.

    ``build`` is the statement, or makes it for a dialect's name. Only columns whose driver takes
    and gives plain values may appear: no type's own processing happens.
    """

    def __init__(self, build: Any, names: str = "") -> None:
        self._build = build
        self._names = [value(name).key for name in names.split()]
        self._texts: dict[str, _Text] = {}

    def all(self, connection: Connection, *values: Any) -> list[Any]:
        """Run it once and return its rows."""
        return cast(list[Any], self._run(connection, values).fetchall())

    def one(self, connection: Connection, *values: Any) -> Any:
        """Run it once and return its first row, or None."""
        rows = self._run(connection, values).fetchall()
        return rows[0] if rows else None

    def run(self, connection: Connection, *values: Any) -> int:
        """Run it once and return how many rows it changed."""
        return cast(int, self._run(connection, values).rowcount)

    def many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Run it for each of ``rows``; return how many rows changed, or -1 where none can tell."""
        if not rows:
            return 0
        if len(rows) == 1:
            return cast(int, self._run(connection, rows[0]).rowcount)
        text, reorder = self._texts.get(connection.dialect.name) or self._compile(connection)
        cursor = connection.connection.cursor()
        cursor.executemany(text, rows if reorder is None else [reorder(row) for row in rows])
        return cursor.rowcount

    def _run(self, connection: Connection, values: Values) -> Any:
        text, reorder = self._texts.get(connection.dialect.name) or self._compile(connection)
        cursor = connection.connection.cursor()
        cursor.execute(text, values if reorder is None else reorder(values))
        return cursor

    def _compile(self, connection: Connection) -> _Text:
        dialect = connection.dialect
        clause = self._build
        if not isinstance(clause, ClauseElement):
            clause = clause(dialect.name)
        compiled: Any = clause.compile(dialect=dialect)
        wanted = compiled.positiontup or []
        reorder = None if wanted == self._names else self._reorder(wanted, compiled.params)
        self._texts[dialect.name] = compiled.string, reorder
        return self._texts[dialect.name]

    def _reorder(
        self, wanted: Sequence[str], params: Mapping[str, Any]
    ) -> Callable[[Values], Values]:
        # What is not ours to give is a constant of Core's own, as SQLite's OFFSET 0.
        own = [name for name in wanted if name not in self._names]
        constants = tuple(params[name] for name in own)
        places = [[*self._names, *own].index(name) for name in wanted]
        return lambda row: tuple(map((*row, *constants).__getitem__, places))


def value(name: str) -> BindParameter[Any]:
    """A value that is given when the statement runs."""
    # A column's own name would be taken for the value that SET or VALUES gives it.
    return bindparam(f"p_{name}")


def constant(word: str) -> ColumnElement[str]:
    """A word of ours, spelled out in the statement so that partial indexes are recognised."""
    return literal_column(f"'{word}'")


def insert(table: Table, *, or_ignore: bool = False) -> Prepared:
    """Insert whole rows, values in the order of the columns; ``or_ignore`` skips known keys."""

    def build(dialect: str) -> Any:
        statement = _INSERT[dialect](table).values({c: value(c.name) for c in table.c})
        return statement.on_conflict_do_nothing() if or_ignore else statement

    return Prepared(build, " ".join(table.c.keys()))


def upsert(table: Table, changing: str) -> Prepared:
    """Insert whole rows; where the primary key is there already, change these columns."""

    def build(dialect: str) -> Any:
        statement = _INSERT[dialect](table).values({c: value(c.name) for c in table.c})
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: statement.excluded[name] for name in changing.split()},
        )

    return Prepared(build, " ".join(table.c.keys()))


def update(table: Table, setting: str, where: str, *conditions: ColumnElement[bool]) -> Prepared:
    """Set these columns where those are equal: values in the order written here."""
    values = [(table.c[name], value(name)) for name in setting.split()]
    keys = [table.c[name] == value(f"where_{name}") for name in where.split()]
    statement = sqlalchemy.update(table).ordered_values(*values).where(*keys, *conditions)
    return Prepared(statement, f"{setting} {' '.join(f'where_{n}' for n in where.split())}")


def among(column: ColumnElement[str], name: str, dialect: str) -> ColumnElement[bool]:
    """Whether the column is one of the ``array`` given as ``name``; one text for every length."""
    if dialect == "postgresql":
        return column == func.any(
            bindparam(value(name).key, type_=postgresql.ARRAY(postgresql.TEXT))
        )
    return column.in_(select(literal_column("value")).select_from(func.json_each(value(name))))


def array(connection: Connection, values: Sequence[str]) -> Any:
    """Strings as the dialect takes them for ``among``."""
    if connection.dialect.name == "postgresql":
        return list(values)
    return orjson.dumps(list(values)).decode()


def id_at(moment: float) -> str:
    """What sorts before every UUIDv7 made from then on, and after those made before."""
    return f"{max(0, int(moment * 1000)):012x}"
