"""What people wrote does not stay where nobody looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain import Outcome
from gateway.ports.store import Effects, RowEnd, Store
from gateway.store import connect
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._talk import OPERATOR, Talk, arrival, ended

TABLES = ("inbox", "message_rows", "session_rows", "tasks", "questions", "deliveries", "lanes")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = connect(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.open()
    yield store
    await store.close()


async def kept(store: Store, table: str = "inbox") -> str:
    """A table, with everything in it."""
    assert isinstance(store, SqlStore)
    backend = store._backend
    assert isinstance(backend, SqliteBackend)
    return await backend.read(
        lambda connection: repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
    )


async def test_an_event_is_erased_when_it_is_done(store: Store) -> None:
    talk = Talk(store)
    accepted, hold = await talk.holds("canary")
    assert "canary" in await kept(store)
    await talk.commits(talk.turn(accepted, hold, "answer"))
    assert "canary" not in await kept(store)


async def test_a_refused_event_is_not_kept(store: Store) -> None:
    await store.accept(arrival("a", "canary", refusal=()))
    assert "canary" not in await kept(store)


async def test_a_control_event_is_erased_when_it_is_done(store: Store) -> None:
    control = await store.accept(arrival("a", "canary", control=True))
    assert "canary" in await kept(store)
    await store.end_control(control.row_id, Outcome.SILENT, ())
    assert "canary" not in await kept(store)


async def test_a_dead_event_is_erased_when_it_is_discarded(store: Store) -> None:
    talk = Talk(store)
    accepted, hold = await talk.holds("canary")
    await store.commit(Effects(turn_id="t", hold=hold, dead=(ended(accepted),), release=True))
    assert "canary" in await kept(store)
    await store.discard_row(OPERATOR, accepted.row_id)
    assert "canary" not in await kept(store)


async def test_a_cancelled_event_is_erased(store: Store) -> None:
    talk = Talk(store)
    await talk.exchange()
    await talk.says("canary")
    await talk.says("canary")
    await store.end_session(talk.scope, "over")
    assert "canary" not in await kept(store)


async def test_of_a_deleted_session_no_table_knows(store: Store) -> None:
    talk = Talk(store, "canary")
    first = await talk.exchange("canary")
    accepted, hold = await talk.holds("canary")
    await store.commit(Effects(turn_id="t", hold=hold, dead=(ended(accepted),), release=True))
    await talk.says("canary")
    await store.delete_session(talk.scope)
    for table in TABLES:
        assert "canary" not in await kept(store, table), table
    assert first.rows[0].row_id in await kept(store)


async def test_a_folded_event_is_erased_with_its_turn(store: Store) -> None:
    talk = Talk(store)
    accepted, hold = await talk.holds()
    folded = await talk.says("canary")
    end = RowEnd(row_id=folded.row_id, outcome=Outcome.FOLDED, task_id=accepted.task_id)
    await talk.commits(talk.turn(accepted, hold, rows=(ended(accepted), end)))
    assert "canary" not in await kept(store)


async def test_freed_pages_are_overwritten(store: Store, tmp_path: Path) -> None:
    talk = Talk(store)
    accepted, hold = await talk.holds("canary" * 100)
    await talk.commits(talk.turn(accepted, hold, "answer"))
    await store.close()
    assert b"canarycanary" not in (tmp_path / "gateway.db").read_bytes()
