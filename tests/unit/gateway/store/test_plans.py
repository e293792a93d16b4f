"""No step reads a whole table: with a million dormant sessions each costs what it did."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import Attachment, DeliveryState, Outcome
from gateway.ports.records import FileScope, Keeping, Mark, Revision, SessionQuery, SessionScope
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._store_changes import Placed
from gateway.testing._store_files import stored
from gateway.testing._store_moves import key
from gateway.testing._store_outliving import owner_of
from gateway.testing._store_sessions import Opened
from gateway.testing._store_shelves import ADA, everything, keeps_canaries
from gateway.testing._talk import CHANNEL, OPERATOR, Talk, arrival, ended, waiting

# Read for operators and recovery, through the index of what is not done.
OPEN_ROWS = re.compile(r"SCAN inbox USING (COVERING )?INDEX inbox_open")
SMALL = re.compile(r"SCAN (json_each|replicas|alembic_version|CONSTANT ROW)")


@contextmanager
def traced(backend: SqliteBackend) -> Iterator[list[str]]:
    """Collect every statement that the backend's connections run."""
    statements: list[str] = []
    connections = [backend._connection, *_readers(backend)]
    for connection in connections:
        assert connection is not None
        _driver(connection).set_trace_callback(statements.append)
    yield statements
    for connection in connections:
        assert connection is not None
        _driver(connection).set_trace_callback(None)


def _readers(backend: SqliteBackend) -> list[Any]:
    readers = [backend._readers.get() for _ in range(backend._readers.qsize())]
    for reader in readers:
        backend._readers.put(reader)
    return readers


def _driver(connection: Any) -> Any:
    return connection.connection.driver_connection


def scans(backend: SqliteBackend, statements: list[str]) -> set[str]:
    """The steps in which the statements read a table or an index from end to end."""
    driver = _driver(backend._connection)
    found = set()
    for statement in statements:
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)", statement):
            for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}"):
                if step.startswith("SCAN") and not SMALL.match(step):
                    found.add(step)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


async def test_the_way_of_a_message_never_scans(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    with traced(backend) as statements:
        talk = Talk(store)
        for _ in range(2):
            effects = await talk.exchange()
            sent = effects.deliveries[0].id
            await store.mark([Mark(delivery_id=sent, state=DeliveryState.SENT)])
        await store.accept(arrival(talk.key, event_id="again"))
        await store.accept(arrival(talk.key, event_id="again"))
        control = await talk.says(control=True)
        await store.end_control(control.row_id, Outcome.SILENT, ())
        await waiting(store, talk.lane)
        await store.claim(talk.lane_id, ("x", "y"))
        await store.current_session(talk.lane, "echo")
        await store.window(talk.scope, 50)
        await store.search(talk.scope, "hello")
        await store.preview("x", "55")
        await store.add_file(stored(talk.scope.session_id))
        await store.file(talk.scope, "x")
        await store.file(FileScope(file_id="x"), "x")
        await store.history(talk.scope)
        await store.task(talk.scope, "x")
        await store.task_messages(talk.scope, "x")
        await store.open_questions(talk.scope)
        await store.question(talk.lane, "x")
        await store.pending(talk.lane)
        await store.pending(OPERATOR)
        await store.delivery(OPERATOR, "x")
        await store.deliveries(OPERATOR, [DeliveryState.DEAD])
    assert len(statements) > 50
    assert scans(backend, statements) == set()
    await backend.close()


async def test_neither_do_revisions_and_moves(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    with traced(backend) as statements:
        talk = Placed(store)
        attached = (Attachment(name="a", id="f"),)
        await talk.writes("p/1", attachments=attached)
        await store.add_file(stored(talk.scope.session_id, id="f"))
        await talk.revises(Revision(origin="p/1", text="other"))
        await talk.revises(Revision(origin="p/1", text=None))
        await store.rename_session(talk.scope, "new")
        old, new = Opened(store, key("1")), Opened(store, key("2"))
        await old.opens()
        await new.opens()
        await new.asked()
        await new.says()
        assert await store.move(CHANNEL, "1", "2")
    assert scans(backend, statements) == set()
    await backend.close()


async def test_neither_does_what_outlives_sessions(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    with traced(backend) as statements:
        talk = Opened(store)
        for _ in range(2):
            await talk.opens(expires_at=time.time() + 60)
            await keeps_canaries(store, ADA)
            accepted, hold = await talk.holds()
            kept = Keeping(scope=owner_of(talk), data={"a": 1})
            await talk.commits(talk.turn(accepted, hold, keepings=(kept,), agent="other"))
            await everything(store, ADA)
            await store.standing(talk.lane)
            await store.override(talk.scope, {"model": "big"})
            await store.owned_sessions(ADA, 10)
            await store.search_sessions(owner_of(talk), [talk.scope.session_id], ["hello"])
            await store.known_digests(OPERATOR, ["x"])
            await store.delete_session(talk.scope)
            talk.session = None
        old, new = Opened(store, key("1")), Opened(store, key("2"))
        for opened in (old, new):
            await opened.opens()
            await keeps_canaries(store, owner_of(opened))
        assert await store.move(CHANNEL, "1", "2")
    assert scans(backend, statements) == set()
    await backend.close()


async def test_a_search_of_all_goes_along_the_key(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    await Talk(store).exchange("hello")
    with traced(backend) as statements:
        assert len(await store.search_all(OPERATOR, ["hello"], channel=CHANNEL)) == 2
    assert scans(backend, statements) == set()
    driver = _driver(backend._connection)
    for statement in statements:
        if "message_rows" in statement:
            plan = [step for *_, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not [step for step in plan if "TEMP B-TREE" in step]
    await backend.close()


async def test_neither_do_sessions_ends_nor_housekeeping(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    with traced(backend) as statements:
        talk = Opened(store)
        for _ in range(2):
            await talk.opens()
            await talk.exchange()
            await talk.by_token()
            await talk.says()
            talk.session = await talk.replaced()
            await store.end_session(talk.scope, "over")
            await store.delete_session(talk.scope)
        accepted, hold = await Talk(store).holds()
        dead = talk.turn(accepted, hold, rows=(), dead=(ended(accepted),), tasks=(), entries=())
        await store.commit(dead)
        await store.retry_row(OPERATOR, accepted.row_id)
        await store.known_digests(OPERATOR, ["x"])
        await store.add_file(stored("never", created_at=1.0))
        await store.forget(rows_before=time.time() + 1, now=time.time() + 1)
    assert scans(backend, statements) == set()
    await backend.close()


async def test_recovery_and_counts_read_what_is_open_and_no_more(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    await Talk(store).holds()
    with traced(backend) as statements:
        await waiting(store)
        await store.counts(OPERATOR)
        await store.dead_rows(OPERATOR)
    assert all(OPEN_ROWS.match(step) for step in scans(backend, statements))
    await backend.close()


async def test_operators_lists_may_read_every_session(path: Path) -> None:
    backend = SqliteBackend(path, replica="test")
    await backend.open()
    store = SqlStore(backend)
    with traced(backend) as statements:
        await store.sessions(OPERATOR, SessionQuery())
        await store.session(SessionScope(session_id="x"))
    assert scans(backend, statements) == {"SCAN session_rows"}
    await backend.close()
