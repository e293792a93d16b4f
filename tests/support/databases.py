"""The database of a gateway under test, as an operator with SQL at hand sees it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.testing.postgres import PostgresServer

Line = tuple[str, ...]


@dataclass(frozen=True)
class Database:
    """``url`` is what the configuration has to say; everything else takes and gives text.

    Ask for no text that has a bar or a line break in it.
    """

    url: str
    run: Callable[[str], list[Line]]

    async def ask(self, sql: str) -> list[Line]:
        """One statement's rows. What there is nothing of is an empty text."""
        return await asyncio.to_thread(self.run, sql)


@contextlib.contextmanager
def empty(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """One of this kind for a gateway in this folder, as long as a test or fixture needs it."""
    if kind == "sqlite":
        yield sqlite(folder)
        return
    server, name = request.getfixturevalue("postgres_server"), f"test_{uuid.uuid4().hex}"
    yield postgresql(server, name)
    server.drop_database(name)


def sqlite(folder: Path) -> Database:
    """The file of the gateway that runs in this folder."""
    path = folder / "gateway.db"

    def run(sql: str) -> list[Line]:
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as database:
            found = database.execute(sql).fetchall()
            database.commit()
        return [tuple("" if one is None else str(one) for one in row) for row in found]

    return Database(f"sqlite:///{path}", run)


def postgresql(server: PostgresServer, name: str) -> Database:
    """A new one on this server."""
    url = server.create_database(name)

    def run(sql: str) -> list[Line]:
        lines = server.execute(sql, database=name).splitlines()
        return [tuple(line.split("|")) for line in lines]

    return Database(url, run)
