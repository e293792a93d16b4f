"""What people wrote does not stay where nobody looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import Attachment, Outcome, Quote
from gateway.errors import Fenced, Unavailable
from gateway.ports.records import Effects, PersonScope, Revision, RowEnd
from gateway.ports.store import Store
from gateway.store import connect
from gateway.store.batches import Act
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.store.tables import metadata
from gateway.testing._store_changes import Placed
from gateway.testing._store_erasing import Person
from gateway.testing._store_files import stored
from gateway.testing._store_shared import Group
from gateway.testing._talk import CHANNEL, OPERATOR, Talk, arrival, ended

TABLES = tuple(metadata.tables)


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


async def test_event_ids_are_kept_as_hashes(store: Store) -> None:
    kinds: tuple[dict[str, Any], ...] = ({}, {"control": True}, {"refusal": ()})
    for number, changes in enumerate(kinds):
        event = f"canary {number}"
        await store.accept(arrival("a", event_id=event, fingerprint="canary", **changes))
        again = arrival("a", event_id=event, fingerprint="canary", **changes)
        assert (await store.accept(again)).duplicate
    assert "canary" not in await kept(store)


async def test_the_same_text_has_another_fingerprint_in_another_event(store: Store) -> None:
    for event in ("1", "2"):
        await store.accept(arrival("a", event_id=event, fingerprint="same"))
    prints = await column(store, "fingerprint")
    assert len(set(prints)) == 2


async def test_another_database_has_another_key(store: Store, tmp_path: Path) -> None:
    other = connect(f"sqlite:///{tmp_path / 'other.db'}")
    await other.open()
    for one in (store, other):
        await one.accept(arrival("a", event_id="1"))
    assert await column(store, "event_id") != await column(other, "event_id")
    await other.close()


async def test_what_is_done_says_nothing_of_the_platform_s_counting(store: Store) -> None:
    talk = Talk(store)
    accepted = await talk.says(order=424242)
    await store.preview(accepted.row_id, "515151")
    assert "424242" in await kept(store)
    assert accepted.hold is not None
    await talk.commits(talk.turn(accepted, accepted.hold))
    await talk.says(order=424242, refusal=())
    await talk.says(order=424242)
    await store.end_session(talk.scope, "over")
    control = await talk.says(order=424242, control=True)
    await store.end_control(control.row_id, Outcome.SILENT, ())
    for number in ("424242", "515151"):
        assert number not in await kept(store)


@pytest.mark.parametrize("shared", [False, True])
async def test_erasing_that_a_crash_cut_off_is_finished_by_the_next(
    store: Store, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = Person(store, "b0b")
    await bob.lives()
    before, cuts = await store.traces(bob.person), 0
    while True:
        person, group = Person(store, f"c4n4ry{cuts}"), Group(store)
        if shared:
            await group.hears("ann", "c4n4ry says this", "c4n4ry says that")
            await group.hears("bob", "b0b", quote=Quote(text="c4n4ry says this", sender="x"))
        else:
            await person.lives()
        scope = PersonScope(channel=CHANNEL, senders=("ann",)) if shared else person.person
        with monkeypatch.context() as patch:
            finished = await erased_until(store, scope, cuts, patch)
        await store.erase(scope, now=1.0)
        for table in TABLES:
            assert "c4n4ry" not in await kept(store, table), (table, cuts)
        assert not shared or await group.texts() == ["b0b", "re: b0b"]
        if finished:
            break
        cuts += 1
    assert cuts > 3
    assert await store.traces(bob.person) == before


async def test_who_commits_between_two_steps_of_erasing_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(store, SqlStore)
    ann, act, refused = Person(store, "c4n4ry"), store._act, 0
    await ann.exchange()
    accepted, hold = await ann.holds("c4n4ry")
    late = ann.turn(accepted, hold, "c4n4ry")

    async def followed(work: Act) -> Any:
        nonlocal refused
        result = await act(work)
        with pytest.raises(Fenced):
            await ann.store.commit(late)
        refused += 1
        return result

    monkeypatch.setattr(store, "_act", followed)
    await store.erase(ann.person, now=1.0)
    assert refused > 3


async def erased_until(
    store: Store, scope: PersonScope, acts: int, patch: pytest.MonkeyPatch
) -> bool:
    """Whether erasing came to its end within so many acts; after that the process dies."""
    assert isinstance(store, SqlStore)
    act, left = store._act, acts

    async def cut_off(work: Act) -> Any:
        nonlocal left
        if not left:
            raise Unavailable("dead")
        left -= 1
        return await act(work)

    patch.setattr(store, "_act", cut_off)
    try:
        await store.erase(scope, now=1.0)
    except Unavailable:
        return False
    return True


async def column(store: Store, name: str) -> list[str]:
    """A column of the inbox."""
    assert isinstance(store, SqlStore)
    return await store._backend.read(
        lambda connection: [
            str(row[0]) for row in connection.exec_driver_sql(f"SELECT {name} FROM inbox")
        ]
    )
