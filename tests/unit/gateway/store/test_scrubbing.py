"""No file of a database has what was deleted, wherever SQLite had put copies of it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from gateway.errors import StoreCorrupt, Unavailable
from gateway.files import FileRoom
from gateway.housekeeping import Housekeeping
from gateway.lanes import Lanes
from gateway.ports.records import PersonScope
from gateway.settings import RetentionSection
from gateway.store import scrubbing, sqlite, tables
from gateway.store.batches import Kind
from gateway.store.lanes import Writer
from gateway.store.scrubbing import Pages, Place
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


# No database is damaged, whatever its layout, and whenever it ends.


def messy(path: Path, page_size: int, auto_vacuum: int, rows: int = 400) -> list[str]:
    """A database with gaps and a free list full of what was deleted; all that is in it."""
    dice = random.Random(page_size)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        run = connection.execute
        run(f"PRAGMA page_size={page_size}")
        run(f"PRAGMA auto_vacuum={auto_vacuum}")
        run("PRAGMA secure_delete=OFF")
        run("CREATE TABLE rows_ (id TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID")
        run("CREATE TABLE others (id INTEGER PRIMARY KEY, text TEXT)")
        run("CREATE INDEX by_text ON others (text)")
        run("BEGIN")
        for number in range(rows):
            text = f"{CANARY} {number} " * (dice.choice(LENGTHS) // 8)
            run("INSERT INTO rows_ VALUES (?, ?)", (f"{dice.getrandbits(64):x}", text))
            run("INSERT INTO others VALUES (?, ?)", (dice.getrandbits(40), text[:500]))
        run("COMMIT")
        run("DELETE FROM rows_ WHERE id < '8'")
        run("DELETE FROM others WHERE id % 3 = 0")
        return list(connection.iterdump())


def whole(path: Path) -> list[str]:
    """All that is in a database, which is sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(connection.iterdump())


def scrub(path: Path) -> bool:
    """Scrub a file that nobody has open; whether anything was left in it."""
    file = os.open(path, os.O_RDWR)
    try:
        place, changed = Place(), False
        following: Place | None = place
        while following is not None:
            pages = Pages(file)
            following = pages.scrub(following)
            changed = changed or pages.changed
    finally:
        os.close(file)
    return changed


@pytest.mark.parametrize("auto_vacuum", [0, 1, 2])
@pytest.mark.parametrize("page_size", [512, 1024, 4096, 65536])
def test_no_layout_is_damaged(
    tmp_path: Path, page_size: int, auto_vacuum: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "TRUNKS", 2)
    monkeypatch.setattr(scrubbing, "PIECE", 256 * 1024)
    path = tmp_path / "some.db"
    before = messy(path, page_size, auto_vacuum)
    assert scrub(path)
    assert whole(path) == before
    assert not scrub(path)
    with closing(sqlite3.connect(path)) as connection:
        # What was freed is used again.
        connection.execute("INSERT INTO others (text) SELECT text FROM rows_")
        connection.commit()
    whole(path)


def test_a_long_free_list_is_looked_through_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "TRUNKS", 2)
    path = tmp_path / "some.db"
    messy(path, 512, 0, rows=2000)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        for name in ("rows_", "others"):
            connection.execute(f"DROP TABLE {name}")
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 512 // 4 * 6
    assert found(tmp_path) > 1000
    assert scrub(path)
    assert found(tmp_path) == 0
    whole(path)


def test_it_may_end_in_the_middle_of_any_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.db"
    before, really = messy(path, 1024, 2, rows=120), os.pwrite

    ends = 0

    def half(file: int, data: bytes, at: int) -> int:
        nonlocal ends
        really(file, data[: len(data) // 2], at)
        # What somebody finds who opens it now.
        assert whole(path) == before
        ends += 1
        return really(file, data, at)

    monkeypatch.setattr(os, "pwrite", half)
    assert scrub(path)
    assert ends > 20


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from gateway.store.sqlite import SqliteBackend

really, left = os.pwrite, [int(sys.argv[2])]

def pwrite(file, data, at):
    left[0] -= bytes(data).count(0) == len(data)
    if not left[0]:
        really(file, data[: len(data) // 2], at)
        os.kill(os.getpid(), signal.SIGKILL)
    return really(file, data, at)

async def main():
    backend = SqliteBackend(Path(sys.argv[1]), replica="killed")
    await backend.open()
    os.pwrite = pwrite
    await backend.scrub()

asyncio.run(main())
"""


async def test_kill_9_in_the_middle(backend: SqliteBackend, tmp_path: Path) -> None:
    sessions = await fill(backend, 2000)
    await drop(backend, sessions)
    kept = await backend.read(lambda c: c.execute(select(MESSAGES)).all())
    await backend.close()
    path = tmp_path / "gateway.db"
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, str(path), "7"], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    await backend.open()
    assert await backend.read(lambda c: c.execute(select(MESSAGES)).all()) == kept
    await backend.scrub()
    assert found(tmp_path) == 0
    await sound(path)


async def test_whoever_else_writes_is_seen(
    backend: SqliteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, with the gateway running: what they wrote is in the log, not yet in the file."""
    await drop(backend, await fill(backend, 500))
    path, empty, others = tmp_path / "gateway.db", backend._empty_log, iter([True, True, False])
    logs: list[int] = []

    def then_somebody_writes(run: Any) -> None:
        empty(run)
        if next(others, False):
            with closing(sqlite.driver().connect(path)) as other:
                other.execute("UPDATE message_rows SET text = text || 'more'")
                other.commit()

    class Watched(Pages):
        def __init__(self, file: int) -> None:
            logs.append(path.with_name("gateway.db-wal").stat().st_size)
            super().__init__(file)

    monkeypatch.setattr(backend, "_empty_log", then_somebody_writes)
    monkeypatch.setattr(sqlite, "Pages", Watched)
    await backend.scrub()
    assert logs
    assert set(logs) == {0}
    assert found(tmp_path) == 0


async def test_a_disk_that_fails_is_told(
    backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise OSError(5, "Input/output error")

    await drop(backend, await fill(backend, 500))
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fails)
        with pytest.raises(Unavailable, match="Input/output error"):
            await backend.scrub()
    await backend.scrub()


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(StoreCorrupt, match="another header"):
        scrub(path)
    assert path.read_bytes() == b"something else" * 1000


# That it is owed is known to whoever comes next.


async def test_what_was_erased_before_a_crash_is_written_over(
    backend: SqliteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, done = SqlStore(backend), asyncio.Event()
    assert not await store.unscrubbed()
    await Talk(store).exchange()
    await store.erase(PersonScope(channel="web", owner="nobody"), now=time.time())
    await backend.close()
    await backend.open()
    assert await store.unscrubbed()

    async def scrub_once() -> None:
        await SqlStore.scrub(store)
        done.set()

    monkeypatch.setattr(store, "scrub", scrub_once)
    nobody: Any = None
    keeping = Housekeeping(
        store=store,
        lanes=Lanes(),
        router=nobody,
        outbox=nobody,
        files=FileRoom(folder=tmp_path / "files", store=store, limit=0),
        forgotten=nobody,
        retention=RetentionSection(),
    )
    hourly = asyncio.create_task(keeping.forget())
    await asyncio.wait_for(done.wait(), 10)
    assert not await store.unscrubbed()
    hourly.cancel()
    with suppress(asyncio.CancelledError):
        await hourly


async def test_what_is_erased_during_a_scrub_is_still_owed(
    backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, scope = SqlStore(backend), PersonScope(channel="web", owner="nobody")
    await store.erase(scope, now=time.time())
    really = backend.scrub

    async def meanwhile() -> None:
        await really()
        await store.erase(scope, now=time.time())

    with monkeypatch.context() as patch:
        patch.setattr(backend, "scrub", meanwhile)
        await store.scrub()
    assert await store.unscrubbed()
    await store.scrub()
    assert not await store.unscrubbed()
