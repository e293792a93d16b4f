"""Who shares a transaction with whom, and who is to blame when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import observability as obs
from gateway.domain import DeliveryState
from gateway.errors import Unavailable
from gateway.ports.records import Accepted, Hold, Mark
from gateway.store import arrivals, connect
from gateway.store.batches import Kind, Write
from gateway.store.group_commit import PATIENCE, GroupCommit
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._talk import Talk, arrival, waiting


class Pump:
    """A pump whose batches end when the test says so."""

    def __init__(self) -> None:
        self.started: list[list[Write]] = []
        self.pump = GroupCommit(self.started.append)

    def submit(self, item: str, *, patient: bool = False) -> asyncio.Future[Any]:
        return self.pump.submit(Kind.ACT, item, patient=patient)

    def finish(self, **results: Any) -> None:
        """End the oldest batch that runs."""
        batch = self.started[-1]
        for write in batch:
            write.result, write.done = results.get(write.item, write.item), True
        self.pump.finished(batch)

    @property
    def items(self) -> list[list[Any]]:
        return [[write.item for write in batch] for batch in self.started]


@pytest.fixture
async def pump() -> Pump:
    return Pump()


class TestPump:
    async def test_what_one_moment_submits_is_one_batch(self, pump: Pump) -> None:
        futures = [pump.submit(item) for item in "abc"]
        await asyncio.sleep(0)
        assert pump.items == [["a", "b", "c"]]
        pump.finish()
        assert [await future for future in futures] == ["a", "b", "c"]

    async def test_what_comes_meanwhile_is_the_next_batch(self, pump: Pump) -> None:
        _ = pump.submit("a")
        await asyncio.sleep(0)
        late = [pump.submit("b")]
        await asyncio.sleep(0)
        late.append(pump.submit("c"))
        assert pump.items == [["a"]]
        pump.finish()
        assert pump.items == [["a"], ["b", "c"]]
        pump.finish()
        assert [await future for future in late] == ["b", "c"]

    async def test_patience_waits_for_company(self, pump: Pump) -> None:
        patient = pump.submit("patient", patient=True)
        await asyncio.sleep(0)
        assert not pump.items
        _ = pump.submit("urgent")
        await asyncio.sleep(0)
        assert pump.items == [["patient", "urgent"]]
        pump.finish()
        assert await patient == "patient"

    async def test_patience_ends(self, pump: Pump) -> None:
        _ = pump.submit("patient", patient=True)
        await asyncio.sleep(PATIENCE * 3)
        assert pump.items == [["patient"]]

    async def test_patience_outlasts_a_batch_that_does_not_concern_it(self, pump: Pump) -> None:
        _ = pump.submit("urgent")
        await asyncio.sleep(0)
        _ = pump.submit("patient", patient=True)
        pump.finish()
        assert pump.items == [["urgent"]]
        await asyncio.sleep(PATIENCE * 3)
        assert pump.items == [["urgent"], ["patient"]]

    async def test_a_cancelled_caller_stops_nothing(self, pump: Pump) -> None:
        cancelled, kept = pump.submit("a"), pump.submit("b")
        await asyncio.sleep(0)
        cancelled.cancel()
        pump.finish()
        assert await kept == "b"
        again = pump.submit("c")
        await asyncio.sleep(0)
        pump.finish()
        assert await again == "c"

    async def test_a_hold_that_nobody_takes_is_let_go(self, pump: Pump) -> None:
        hold = Hold(lane_id="lane", fence=3)
        accepted = Accepted(row_id="", task_id="", lane_id="lane", hold=hold)
        futures = [pump.submit(item) for item in "abc"]
        await asyncio.sleep(0)
        for future in futures:
            future.cancel()
        pump.finish(a=accepted, b=(hold, []), c=None)
        assert len(pump.started) == 2
        assert len(pump.started[1]) == 2

    async def test_closing_waits_for_what_was_taken(self, pump: Pump) -> None:
        futures = [pump.submit("a"), pump.submit("b", patient=True)]
        closing = asyncio.create_task(pump.pump.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            _ = pump.submit("late")
        await asyncio.sleep(0)
        while not all(future.done() for future in futures):
            pump.finish()
            await asyncio.sleep(0)
        await closing


class Counted(SqliteBackend):
    """Counts the transactions that were begun."""

    begun = 0

    def _perform(self, writes: list[Write]) -> None:
        transaction = self._transaction

        def counted(writes: Sequence[Write] = ()) -> Any:
            self.begun += 1
            return transaction(writes)

        self._transaction = counted  # type: ignore[assignment]
        try:
            super()._perform(writes)
        finally:
            self._transaction = transaction


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Counted]:
    backend = Counted(tmp_path / "gateway.db", replica="test")
    await backend.open()
    yield backend
    await backend.close()


class TestBatches:
    async def test_many_writes_share_few_transactions(self, backend: Counted) -> None:
        talks = [Talk(SqlStore(backend)) for _ in range(50)]
        await asyncio.gather(*(talk.exchange() for talk in talks))
        assert backend.begun <= 6

    async def test_one_bad_write_costs_few_more(self, backend: Counted) -> None:
        store = SqlStore(backend)
        events = [arrival(f"key {number}") for number in range(64)]
        events[37] = arrival("odd", order=2**70)
        results = await asyncio.gather(*map(store.accept, events), return_exceptions=True)
        assert [isinstance(result, OverflowError) for result in results].count(True) == 1
        assert isinstance(results[37], OverflowError)
        assert backend.begun <= 2 * 7
        assert len({result.lane_id for result in results if isinstance(result, Accepted)}) == 63

    async def test_a_lane_that_was_not_founded_is_not_remembered(self, backend: Counted) -> None:
        store = SqlStore(backend)
        bad, good = arrival("key", order=2**70), arrival("key")
        results = await asyncio.gather(
            store.accept(bad), store.accept(good), return_exceptions=True
        )
        accepted = results[1]
        assert isinstance(accepted, Accepted)
        assert accepted.hold is not None
        again = await store.accept(arrival("key"))
        assert again.lane_id == accepted.lane_id
        assert [row.id for row in await waiting(store)] == [again.row_id]

    async def test_a_lane_key_is_looked_up_once(
        self, backend: Counted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talk = Talk(SqlStore(backend))
        await talk.exchange()
        monkeypatch.setattr("gateway.store.lanes._look_up", None)
        await talk.exchange()

    async def test_only_so_many_keys_are_remembered(
        self, backend: Counted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.store.lanes.CACHED_KEYS", 3)
        talks = [Talk(SqlStore(backend), f"key {number}") for number in range(6)]
        for _ in range(2):
            for talk in talks:
                await talk.exchange()
        assert len(backend._writer.known) == 3
        assert [len(await talk.texts()) for talk in talks] == [4] * 6

    async def test_commits_come_before_what_arrives(self, backend: Counted) -> None:
        """A lane that is released at this instant is idle for who arrives at this instant."""
        talk = Talk(SqlStore(backend))
        accepted, hold = await talk.holds()
        arriving = asyncio.create_task(talk.says())
        await asyncio.gather(arriving, talk.commits(talk.turn(accepted, hold)))
        assert arriving.result().hold is not None

    async def test_marks_find_what_was_committed_with_them(self, backend: Counted) -> None:
        talk = Talk(SqlStore(backend))
        accepted, hold = await talk.holds()
        effects = talk.turn(accepted, hold)
        mark = Mark(delivery_id=effects.deliveries[0].id, state=DeliveryState.SENT)
        await asyncio.gather(talk.store.mark([mark]), talk.commits(effects))
        assert not await talk.store.pending(talk.lane)

    async def test_an_unexpected_error_of_an_act_is_its_own(self, backend: Counted) -> None:
        store = SqlStore(backend)

        def fail(*_: object) -> None:
            raise ArithmeticError

        results = await asyncio.gather(
            backend.write(Kind.ACT, fail),
            store.accept(arrival("a")),
            store.ping(),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [ArithmeticError, Accepted, type(None)]

    async def test_an_act_that_fails_leaves_nothing(self, backend: Counted) -> None:
        store = SqlStore(backend)

        def half(connection: Any, writer: Any) -> None:
            arrivals.accept_all(connection, writer, [arrival("half")])
            raise LookupError

        with pytest.raises(LookupError):
            await backend.write(Kind.ACT, half)
        assert (await store.accept(replace(arrival("half"), accepted_at=1.0))).hold is not None
        assert not await waiting(store)


async def test_batches_are_counted_and_timed(tmp_path: Path) -> None:
    items = "gateway_commit_items_count"
    seconds = "gateway_commit_seconds_sum"
    before = [obs.REGISTRY.get_sample_value(name) or 0.0 for name in (items, seconds)]
    store = connect(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.open()
    await store.mark(())
    await store.close()
    after = [obs.REGISTRY.get_sample_value(name) or 0.0 for name in (items, seconds)]
    assert after[0] > before[0]
    assert after[1] > before[1]
