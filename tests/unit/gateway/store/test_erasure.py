"""What people wrote does not stay where nobody looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain import Attachment, Outcome, Quote
from gateway.ports.records import Effects, Revision, RowEnd
from gateway.ports.store import Store
from gateway.store import connect
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._store_changes import Placed
from gateway.testing._store_files import stored
from gateway.testing._talk import OPERATOR, Talk, arrival, ended

TABLES = (
    *("inbox", "message_rows", "session_rows", "tasks", "questions", "deliveries", "lanes"),
    *("lane_keys", "files"),
)


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
    await store.add_file(stored(talk.scope.session_id, name="canary"))
    await store.delete_session(talk.scope)
    for table in TABLES:
        assert "canary" not in await kept(store, table), table
    assert first.rows[0].row_id in await kept(store)


async def test_of_a_deleted_message_no_table_knows(store: Store) -> None:
    talk = Placed(store)
    picture = stored("", name="canary")
    carried = Attachment(name="canary", id=picture.id)
    await talk.writes("p/1", "canary", attachments=(carried,), quote=Quote(text="canary"))
    await store.add_file(replace(picture, session_id=talk.scope.session_id))
    assert await talk.revises(Revision(origin="p/1", text="canary, edited"))
    assert "canary, edited" in await kept(store, "message_rows")
    control = await talk.says("canary", control=True)
    await store.revise(control.row_id, talk.lane, [Revision(origin="p/1", text=None)])
    for table in ("inbox", "files"):
        assert "canary" not in await kept(store, table), table
    # What the agent answered is the agent's.
    said = await store.history(talk.scope)
    assert ["canary" in repr(message) for message in said] == [False, True]


async def test_a_revision_ends_its_row_in_one_outcome(store: Store) -> None:
    talk = Placed(store)
    await talk.writes("p/1")
    for origin, outcome in (("p/1", Outcome.ANSWERED), ("p/2", Outcome.SILENT)):
        control = await talk.says(control=True)
        await store.revise(control.row_id, talk.lane, [Revision(origin=origin, text="x")])
        ends = [row for row in (await kept(store)).split("), (") if control.row_id in row]
        assert f"'{outcome.value}'" in ends[0]


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
