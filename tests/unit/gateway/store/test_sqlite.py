"""What only SQLite has: a file that can be damaged, a lock file, readers beside a writer."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway import observability as obs
from gateway.errors import StoreCorrupt, StoreError, StoreLocked, Unavailable
from gateway.ports.records import SessionQuery
from gateway.ports.store import Store
from gateway.store import connect
from gateway.store import sqlite as subject
from gateway.testing._talk import OPERATOR, Talk, arrival, waiting
from tests.unit.gateway.store.holder import holder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


@asynccontextmanager
async def opened(path: Path, *, read_only: bool = False) -> AsyncIterator[Store]:
    store = connect(f"sqlite:///{path}", replica="test", read_only=read_only)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def filled(path: Path) -> Talk:
    async with opened(path) as store:
        talk = Talk(store)
        for number in range(200):
            await talk.exchange(f"message {number} " + "and so on " * 20)
    return talk


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b" if at else "wb") as file:
        file.seek(at)
        file.write(data)


def size_of(path: Path) -> int:
    return path.stat().st_size


def connection_of(store: Store) -> Connection:
    backend = store._backend  # type: ignore[attr-defined]
    connection: Connection = backend._connection
    return connection


async def test_an_error_says_nothing_of_what_people_said(path: Path) -> None:
    async with opened(path) as store:
        wrong = text("SELECT no_function(:said)")
        with pytest.raises(DBAPIError) as error:
            connection_of(store).execute(wrong, {"said": "a canary"})
    assert "no_function" in str(error.value)
    assert "canary" not in str(error.value)


class TestDamage:
    async def test_a_damaged_page_keeps_the_store_shut(self, path: Path) -> None:
        await filled(path)
        overwrite(path, size_of(path) // 2, os.urandom(20_000))
        with pytest.raises(StoreCorrupt, match=r"gateway\.db is damaged"):
            async with opened(path):
                pass

    async def test_so_does_a_file_that_was_cut_short(self, path: Path) -> None:
        await filled(path)
        os.truncate(path, size_of(path) // 2)
        with pytest.raises(StoreCorrupt):
            async with opened(path):
                pass

    async def test_so_does_a_file_that_is_none(self, path: Path) -> None:
        overwrite(path, 0, b"this is not a database, it only has its name" * 100)
        with pytest.raises(StoreCorrupt):
            async with opened(path):
                pass

    async def test_after_the_refusal_nothing_is_held(self, path: Path) -> None:
        overwrite(path, 0, b"no database" * 1000)
        for _ in range(2):
            with pytest.raises(StoreCorrupt):
                async with opened(path):
                    pass

    async def test_damage_found_later_stops_every_write(self, path: Path) -> None:
        async with opened(path) as store:
            await Talk(store).exchange()
            inside = connection_of(store)
            root = "SELECT rootpage FROM sqlite_schema WHERE name = 'inbox'"
            page = inside.exec_driver_sql(root).scalar_one()
            size = inside.exec_driver_sql("PRAGMA page_size").scalar_one()
            # What is in the log or in memory would hide it.
            inside.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            inside.rollback()
            overwrite(path, (page - 1) * size, b"\xff" * size)
            inside.exec_driver_sql("PRAGMA shrink_memory")
            inside.rollback()
            for _ in range(2):
                with pytest.raises(StoreCorrupt):
                    await store.accept(arrival("a"))
            with pytest.raises(StoreCorrupt):
                await store.ping()


class TestLock:
    async def test_a_second_process_is_told_who_holds_it(self, path: Path) -> None:
        with holder(f"sqlite:///{path}") as process:
            with pytest.raises(StoreLocked) as refused:
                async with opened(path):
                    pass
            text = str(refused.value)
            assert f"process {process.pid} on {socket.gethostname()} since 2" in text
            assert "gateway.db is in use" in text
            process.kill()

    async def test_the_lock_of_a_killed_process_is_free_at_once(self, path: Path) -> None:
        with holder(f"sqlite:///{path}") as process:
            process.kill()
            process.wait()
        async with opened(path) as store:
            await store.ping()

    async def test_a_second_store_of_this_process_is_refused_too(self, path: Path) -> None:
        async with opened(path):
            with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
                async with opened(path):
                    pass
        async with opened(path):
            pass

    async def test_only_its_owner_may_read_the_files(self, path: Path) -> None:
        async with opened(path) as store:
            await Talk(store).exchange()
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            assert modes == {0o600}
            assert len(list(path.parent.iterdir())) == 4

    async def test_missing_folders_are_made(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "some" / "where" / "gateway.db"):
            pass


class TestCrash:
    async def test_what_was_answered_survives_a_kill(self, path: Path) -> None:
        with holder(f"sqlite:///{path}", "busy") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline().split() for _ in range(300)]
            process.send_signal(signal.SIGKILL)
            lines += [line.split() for line in process.stdout.readlines() if line.endswith("\n")]
        async with opened(path) as store:
            for number, row_id in lines:
                again = await store.accept(arrival("key", event_id=number))
                assert again.duplicate
                assert again.row_id == row_id
            rows = {row.id for row in await waiting(store)}
            assert rows >= {row_id for _, row_id in lines}


class TestReadOnly:
    async def test_reads_beside_a_writer_and_sees_what_it_wrote(self, path: Path) -> None:
        async with opened(path) as store, opened(path, read_only=True) as beside:
            talk = Talk(store)
            for number in range(3):
                await talk.exchange(f"{number}")
                assert len(await beside.history(talk.scope)) == 2 * (number + 1)
            assert len(await beside.sessions(OPERATOR, SessionQuery())) == 1

    async def test_leaves_nothing_behind_where_nobody_writes(self, path: Path) -> None:
        talk = await filled(path)
        before = sorted(path.parent.iterdir())
        async with opened(path, read_only=True) as beside:
            assert len(await beside.history(talk.scope, limit=1000)) == 400
            assert sorted(path.parent.iterdir()) == before
        assert sorted(path.parent.iterdir()) == before

    async def test_sees_a_writer_that_came_later(self, path: Path) -> None:
        talk = await filled(path)
        async with opened(path, read_only=True) as beside, opened(path) as store:
            talk.store = store
            await talk.exchange("later")
            for _ in range(4):
                assert len(await beside.history(talk.scope, limit=1000)) == 402

    async def test_reads_what_a_killed_process_left(self, path: Path) -> None:
        with holder(f"sqlite:///{path}", "busy") as process:
            assert process.stdout is not None
            for _ in range(50):
                process.stdout.readline()
            process.kill()
        async with opened(path, read_only=True) as beside:
            assert len(await waiting(beside)) >= 49

    async def test_refuses_to_write(self, path: Path) -> None:
        await filled(path)
        async with opened(path, read_only=True) as beside:
            with pytest.raises(StoreError, match="reading only"):
                await beside.accept(arrival("a"))

    async def test_makes_no_database(self, path: Path) -> None:
        with pytest.raises(StoreError, match="no database"):
            async with opened(path, read_only=True):
                pass
        assert not list(path.parent.iterdir())


class TestTrouble:
    async def test_a_database_that_somebody_locks_is_unavailable_and_then_back(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subject, "BUSY_SECONDS", 0.05)
        async with opened(path) as store:
            talk = Talk(store)
            accepted, hold = await talk.holds()
            # The same library: another in this process would not see its locks.
            with closing(subject.driver().connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                calls = [store.accept(arrival("a")), store.commit(talk.turn(accepted, hold))]
                results = await asyncio.gather(*calls, store.ping(), return_exceptions=True)
                assert [type(result) for result in results] == [Unavailable] * 3
                other.execute("ROLLBACK")
            await talk.commits(talk.turn(accepted, hold))
            assert not await waiting(store)

    async def test_a_full_disk_is_unavailable_and_keeps_nothing(self, path: Path) -> None:
        async with opened(path) as store:
            talk = Talk(store)
            await talk.exchange()
            inside = connection_of(store)
            inside.exec_driver_sql("PRAGMA max_page_count = 1")
            inside.rollback()
            big = arrival("a", "x" * 1_000_000)
            with pytest.raises(Unavailable, match="full"):
                await store.accept(big)
            inside.exec_driver_sql("PRAGMA max_page_count = 1000000")
            inside.rollback()
            assert not (await store.accept(big)).duplicate

    async def test_an_old_sqlite_is_said_once(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = SimpleNamespace(**vars(sqlite3))
        old.sqlite_version_info, old.sqlite_version = (3, 51, 2), "3.51.2"
        monkeypatch.setattr(subject, "driver", lambda: old)
        with obs.captured() as lines:
            async with opened(path) as store:
                await Talk(store).exchange()
        said = [line for line in lines if line["event"] == obs.Event.SQLITE_OLD]
        assert [line["version"] for line in said] == ["3.51.2"]

    def test_the_newer_library_is_preferred(self) -> None:
        assert subject.driver().sqlite_version_info >= subject.SAFE_VERSION
