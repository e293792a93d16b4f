"""No file of a database has what was deleted, wherever SQLite had put copies of it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from gateway.errors import Unavailable
from gateway.store import sqlite, tables
from gateway.store.batches import Kind
from gateway.store.lanes import Writer
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._talk import Talk

CANARY = "c4n4ry"
LENGTHS = (20, 60, 200, 200, 900, 3000, 9000)
"""The longest go on overflow pages."""
MESSAGES = tables.messages


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[SqliteBackend]:
    made = SqliteBackend(tmp_path / "gateway.db", replica="test")
    await made.open()
    yield made
    await made.close()


def files(folder: Path) -> bytes:
    """Everything in every file of the database."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


def found(folder: Path) -> int:
    return files(folder).count(CANARY.encode())


async def write(backend: SqliteBackend, work: object) -> None:
    assert callable(work)

    def act(connection: Connection, _: Writer) -> None:
        work(connection)

    await backend.write(Kind.ACT, act)


async def fill(backend: SqliteBackend, number: int, seed: int = 1) -> list[str]:
    """Messages of many sessions, one after the other; every tenth session has canaries."""
    dice = random.Random(seed)
    sessions = [f"{dice.getrandbits(128):032x}" for _ in range(100)]
    last = dict.fromkeys(sessions, 0)
    rows = []
    for _ in range(number):
        session = dice.choice(sessions)
        last[session] += 1
        word = CANARY if session in sessions[::10] else "nobody"
        text = f"{word} {last[session]} " * (dice.choice(LENGTHS) // 8)
        rows.append(_row(session, last[session], text))
    for start in range(0, number, 250):
        await write(backend, lambda c, at=start: c.execute(insert(MESSAGES), rows[at : at + 250]))
    return sessions[::10]


def _row(session: str, number: int, text: str) -> dict[str, object]:
    values = {"session_id": session, "number": number, "text": text, "in_context": 1}
    names = ("role", "sender", "sender_id", "task_id", "row_id", "question_id", "origin")
    return {**dict.fromkeys(names, ""), **values, "created_at": 1.0}


async def drop(backend: SqliteBackend, sessions: list[str]) -> None:
    for session in sessions:
        gone = delete(MESSAGES).where(MESSAGES.c.session_id == session)
        await write(backend, lambda c, gone=gone: c.execute(gone))


async def sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_nothing_is_found_of_ten_thousand_messages(
    backend: SqliteBackend, tmp_path: Path
) -> None:
    sessions = await fill(backend, 10_000)
    assert found(tmp_path) > 1000
    others = select(MESSAGES.c.number).where(MESSAGES.c.session_id.not_in(sessions))
    kept = await backend.read(lambda c: len(c.execute(others).all()))
    await drop(backend, sessions)
    # What makes it necessary; should SQLite leave nothing behind one day, drop it all.
    assert found(tmp_path)
    await backend.scrub()
    assert found(tmp_path) == 0
    await write(backend, lambda c: c.execute(insert(MESSAGES), [_row("new", 1, "new")]))
    assert await backend.read(lambda c: len(c.execute(others).all())) == kept + 1
    await backend.close()
    assert found(tmp_path) == 0
    await sound(tmp_path / "gateway.db")


async def test_pages_in_memory_do_not_bring_it_back(
    backend: SqliteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.LENGTHS", (20, 60, 200, 400, 900))
    await drop(backend, await fill(backend, 2500))
    await backend.scrub()
    # Changes a byte of each page, and moves nothing.
    touched = update(MESSAGES).values(in_context=0)
    await write(backend, lambda c: c.execute(touched))
    assert found(tmp_path) == 0


async def test_pages_freed_before_they_were_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fast = [p.replace("delete=ON", "delete=FAST") for p in sqlite.WRITER_PRAGMAS]
        patch.setattr(sqlite, "WRITER_PRAGMAS", tuple(fast))
        old = SqliteBackend(tmp_path / "gateway.db", replica="test")
        await old.open()
        await drop(old, await fill(old, 2000))
        await old.close()
    assert found(tmp_path) > 100
    backend = SqliteBackend(tmp_path / "gateway.db", replica="test")
    await backend.open()
    await backend.scrub()
    assert found(tmp_path) == 0
    await fill(backend, 500, seed=2)
    await backend.close()
    await sound(tmp_path / "gateway.db")


async def test_turns_go_on_meanwhile(
    backend: SqliteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.scrubbing.PIECE", 256 * 1024)
    await drop(backend, await fill(backend, 2000))
    scrubbing = asyncio.create_task(backend.scrub())
    store, turns = SqlStore(backend), 0
    while not scrubbing.done():
        await Talk(store).exchange()
        turns += 1
    await scrubbing
    assert turns > 5
    assert found(tmp_path) == 0
    await backend.close()
    await sound(tmp_path / "gateway.db")


async def test_who_reads_for_long_is_waited_for(
    backend: SqliteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "SCRUB_PATIENCE", 0.2)
    await drop(backend, await fill(backend, 500))
    with closing(sqlite.driver().connect(tmp_path / "gateway.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message_rows").fetchone()
        await write(backend, lambda c: c.execute(insert(MESSAGES), [_row("new", 1, "new")]))
        with pytest.raises(Unavailable, match="somebody reads"):
            await backend.scrub()
        reader.execute("COMMIT")
    await backend.scrub()
    assert found(tmp_path) == 0


async def test_an_empty_database_is_scrubbed_as_well(backend: SqliteBackend) -> None:
    await backend.scrub()
