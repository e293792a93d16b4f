"""Data known by heart: a copy for each turn, and never older than what was stored here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway import observability as obs
from gateway.coordination.memory import MemoryCoordinator
from gateway.errors import LimitExceeded
from gateway.files import FileRoom
from gateway.housekeeping import Housekeeping
from gateway.lanes import Lanes
from gateway.limits import MessageRate
from gateway.longterm import LongTerm
from gateway.ports.records import AgentScope, Keeping, OwnerScope
from gateway.ports.store import Store
from gateway.router import Router
from gateway.settings import RetentionSection
from gateway.store import connect
from gateway.testing._talk import Talk

ADA = OwnerScope(channel="chat", agent="bot", owner="participant:ada")
ADA_ELSEWHERE = OwnerScope(channel="chat", agent="other", owner="participant:ada")
BOB = OwnerScope(channel="chat", agent="bot", owner="participant:bob")
BOT = AgentScope(agent="bot")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = connect(f"sqlite:///{tmp_path}/gateway.db")
    await opened.open()
    yield opened
    await opened.close()


class Slow:
    """The store's data, read and written as slowly as a test wants it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = 0
        self.read: asyncio.Event | None = None
        self.reading = asyncio.Event()

    async def data(self, scope: OwnerScope | AgentScope) -> dict[str, Any]:
        self.reads += 1
        found = await self._store.data(scope)
        self.reading.set()
        if self.read is not None:
            await self.read.wait()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def known(store: Any, **bounds: int) -> LongTerm:
    return LongTerm(store, **bounds)


async def of(longterm: LongTerm, scope: OwnerScope | AgentScope) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(await longterm.data(scope))
    return found


async def test_it_is_read_once_and_also_known_where_there_is_none(store: Store) -> None:
    slow = Slow(store)
    longterm = known(slow)
    await longterm.keep(Keeping(scope=ADA, data={"name": "Ada"}))
    for _ in range(3):
        assert await of(longterm, ADA) == {"name": "Ada"}
        assert await of(longterm, BOB) == {}
        assert await of(longterm, BOT) == {}
    assert slow.reads == 3


async def test_what_is_kept_is_known_at_once_key_by_key(store: Store) -> None:
    longterm = known(store)
    await longterm.keep(Keeping(scope=ADA, data={"one": 1, "two": [2]}))
    assert await of(longterm, ADA) == {"one": 1, "two": [2]}
    await longterm.keep(Keeping(scope=ADA, data={"two": 3}, unset=("one",)))
    assert await of(longterm, ADA) == {"two": 3} == await store.data(ADA)
    assert await of(longterm, ADA_ELSEWHERE) == {}


async def test_what_was_refused_is_not_known(store: Store) -> None:
    longterm = known(store)
    await longterm.keep(Keeping(scope=ADA, data={"one": 1}))
    await of(longterm, ADA)
    with pytest.raises(LimitExceeded):
        await longterm.keep(Keeping(scope=ADA, data={"one": "x" * 100}, data_bytes=20))
    assert await of(longterm, ADA) == {"one": 1}


async def test_a_read_that_a_change_overtook_is_made_again(store: Store) -> None:
    slow = Slow(store)
    longterm = known(slow)
    slow.read = asyncio.Event()
    reading = asyncio.create_task(of(longterm, ADA))
    await slow.reading.wait()
    await longterm.keep(Keeping(scope=ADA, data={"one": 1}))
    slow.read.set()
    assert await reading == {"one": 1}
    assert await of(longterm, ADA) == {"one": 1}


async def test_a_read_during_which_all_was_forgotten_is_made_again(store: Store) -> None:
    slow = Slow(store)
    longterm = known(slow)
    slow.read = asyncio.Event()
    reading = asyncio.create_task(of(longterm, ADA))
    await slow.reading.wait()
    await store.keep(Keeping(scope=ADA, data={"one": 1}))
    longterm.forget_owner("chat", "participant:ada")
    slow.read.set()
    assert await reading == {"one": 1}


async def test_changes_that_cross_are_read_and_not_guessed(store: Store) -> None:
    longterm = known(store)
    assert await of(longterm, ADA) == {}
    first, second = Keeping(scope=ADA, data={"n": 1}), Keeping(scope=ADA, data={"n": 2})
    with longterm.changing((first,)), longterm.changing((second,)):
        # The second one is stored last, but heard of first.
        await store.keep(first)
        await store.keep(second)
    assert await of(longterm, ADA) == {"n": 2}


async def test_one_whose_outcome_nobody_knows_is_read(store: Store) -> None:
    longterm = known(store)
    assert await of(longterm, ADA) == {}
    change = Keeping(scope=ADA, data={"n": 1})

    async def breaks_off() -> None:
        with longterm.changing((change,)):
            await store.keep(change)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await breaks_off()
    assert await of(longterm, ADA) == {"n": 1}


async def test_an_owner_is_forgotten_with_every_agent_and_nobody_else(store: Store) -> None:
    slow = Slow(store)
    longterm = known(slow)
    for scope in (ADA, ADA_ELSEWHERE, BOB, BOT):
        await of(longterm, scope)
    longterm.forget_owner("chat", "participant:ada")
    longterm.forget_owner("other", "participant:bob")
    for scope in (ADA, ADA_ELSEWHERE, BOB, BOT):
        await of(longterm, scope)
    assert slow.reads == 6
    longterm.forget()
    await of(longterm, BOB)
    assert slow.reads == 7


@pytest.mark.parametrize("bounds", [{"most": 2}, {"most_bytes": 30}])
async def test_no_more_is_known_than_there_is_room_for(
    store: Store, bounds: dict[str, int]
) -> None:
    slow = Slow(store)
    longterm = known(slow, **bounds)
    for scope in (ADA, BOB, BOT):
        await store.keep(Keeping(scope=scope, data={"k": "12345"}))
    for scope in (ADA, BOB, ADA, BOT, ADA, BOT):
        await of(longterm, scope)
    assert slow.reads == 3
    await of(longterm, BOB)
    assert slow.reads == 4


async def test_what_outlived_its_time_is_no_longer_known(store: Store, tmp_path: Path) -> None:
    longterm = known(store)
    await longterm.keep(Keeping(scope=ADA, data={"one": 1}))
    assert await of(longterm, ADA) == {"one": 1}
    nobody: Any = None
    keeping = Housekeeping(
        store=store,
        lanes=Lanes(),
        router=nobody,
        outbox=nobody,
        files=FileRoom(folder=tmp_path / "files", store=store, limit=0),
        forgotten=longterm.forget,
        retention=RetentionSection(long_term=3600.0),
    )
    await keeping.retire(time.time())
    assert await of(longterm, ADA) == {"one": 1}
    await keeping.retire(time.time() + 7200.0)
    assert await of(longterm, ADA) == {}


async def test_sessions_that_outlived_their_time_are_told_of(store: Store, tmp_path: Path) -> None:
    lanes = Lanes()
    router = Router(
        store=store,
        lanes=lanes,
        put=lambda _: None,
        rate=MessageRate(MemoryCoordinator(), 0),
        channels={},
        merged=lambda: None,
    )
    nobody: Any = None
    keeping = Housekeeping(
        store=store,
        lanes=lanes,
        router=router,
        outbox=nobody,
        files=FileRoom(folder=tmp_path / "files", store=store, limit=0),
        forgotten=lambda: None,
        retention=RetentionSection(dormant_sessions=3600.0),
    )
    await Talk(store).exchange("canary")
    with obs.captured() as lines:
        await keeping.retire(time.time())
        assert not lines
        await keeping.retire(time.time() + 7200.0)
    (line,) = lines
    assert (line["event"], line["count"]) == (obs.Event.SESSIONS_EXPIRED, 1)
