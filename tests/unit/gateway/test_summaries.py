"""Summaries of long sessions: made behind people's backs, and in nobody's way; on a real store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway import summaries as module
from gateway.domain import Message, Session, Summary
from gateway.errors import ModelFailed
from gateway.lane import Lane, Memory, newest_within, tokens_of
from gateway.ports.agent import Output, Text, Turn
from gateway.ports.records import Revision
from gateway.ports.store import Store
from gateway.store import connect
from gateway.summaries import Summaries
from gateway.supervision import contained
from gateway.testing._store_changes import Placed

WINDOW = 12


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = connect(f"sqlite:///{tmp_path}/gateway.db")
    await opened.open()
    yield opened
    await opened.close()


class Condenser:
    """An agent that counts what it is given; ``then`` happens while it does."""

    summarises = True
    forgetful = False

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.then: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def condense(
        self, summary: Summary, messages: Sequence[Message]
    ) -> tuple[str, Sequence[str]]:
        self.given.append([message.text for message in messages])
        then, self.then = self.then, None
        if then is not None:
            await then()
        return "\n".join([summary.text, *(m.text for m in messages)]).strip(), ["boats"]

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        for text in turn.published:
            yield Text(text)

    async def aclose(self) -> None:
        pass


class House:
    """A lane in a session that grows, and what condenses it."""

    def __init__(self, store: Store, window: int = WINDOW, tokens: int = 0) -> None:
        self.store = store
        self.talk = Placed(store)
        self.agent = Condenser()
        self.lane = Lane("l")
        self.window, self.tokens = window, tokens
        self.tasks: list[asyncio.Task[None]] = []
        self.summaries = Summaries(
            store=store,
            agents={"echo": self.agent},
            window=window,
            tokens=tokens,
            spawn=self._spawn,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(contained(work)))

    @property
    def session(self) -> Session:
        assert self.talk.session is not None
        return self.talk.session

    @property
    def memory(self) -> Memory:
        return self.lane.memory["echo"]

    async def grows(self, *texts: str) -> None:
        """These are said, each is answered by the same, and what is due is condensed."""
        for text in texts:
            await self.talk.writes(f"p/{text[:20]}", text)
        memory = self.lane.memory.get("echo") or Memory(session=self.session, window=deque())
        memory.session = self.session
        if self.tokens:
            memory.window = deque(await self.store.window(self.talk.scope, self.window or -1))
        self.lane.memory["echo"] = memory
        self.summaries.grown(self.lane, "echo")
        self.summaries.grown(self.lane, "echo")
        while self.tasks:
            await self.tasks.pop()

    async def deletes(self, text: str) -> None:
        gone = Revision(origin=f"p/{text}", text=None)
        assert await self.talk.revises(gone)
        self.lane.revise((gone,))


@pytest.fixture
def house(store: Store, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(module, "EVERY", 4)
    return House(store)


async def test_what_will_leave_the_window_is_condensed_once_there_is_enough(house: House) -> None:
    await house.grows("a", "b", "c")
    assert not house.agent.given
    await house.grows("d")
    assert house.agent.given == [["a", "a", "b", "b"]]
    assert house.memory.summary == await house.store.summary(house.talk.scope)
    assert (house.memory.summary.upto, house.memory.summary.topics) == (4, ("boats",))
    await house.grows("e", "f")
    assert house.agent.given[1:] == [["c", "c", "d", "d"]]
    assert house.memory.summary.text.split() == list("aabbccdd")


@pytest.mark.parametrize("error", [ModelFailed("too long"), TimeoutError(), ArithmeticError("?")])
async def test_one_that_fails_is_tried_again_only_when_more_was_said(
    house: House, error: Exception
) -> None:
    async def fail() -> None:
        raise error

    house.agent.then = fail
    await house.grows("a", "b", "c", "d")
    await house.grows("e")
    assert len(house.agent.given) == 1
    await house.grows("f")
    assert len(house.agent.given) == 2
    assert house.memory.summary.upto == 8


async def test_what_is_deleted_meanwhile_is_in_no_summary(house: House) -> None:
    house.agent.then = lambda: house.deletes("a")
    await house.grows("a", "b", "c", "d")
    assert not house.memory.summary
    assert not await house.store.summary(house.talk.scope)
    await house.grows("e")
    assert house.memory.summary.text.split() == ["a", "b", "b", "c", "c"]


async def test_what_is_gone_from_the_store_is_not_condensed_from_memory(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between an erasure's acts the lane remembers still what is gone."""
    read = house.store.summary
    await house.grows("a", "b", "c")

    async def after_an_erasure(scope: Any) -> Summary:
        monkeypatch.setattr(house.store, "summary", read)
        assert await house.talk.revises(Revision(origin="p/a", text=None))
        return await read(scope)

    await house.talk.writes("p/d", "d")
    house.memory.window.extend(await house.store.window(house.talk.scope, WINDOW))
    house.memory.session = house.session
    monkeypatch.setattr(house.store, "summary", after_an_erasure)
    house.summaries.grown(house.lane, "echo")
    while house.tasks:
        await house.tasks.pop()
    assert (await read(house.talk.scope)).text.split() == ["a", "b", "b"]


async def test_what_is_deleted_later_takes_its_summary_with_it_at_once(house: House) -> None:
    await house.grows("a", "b", "c", "d")
    assert house.memory.summary
    await house.deletes("a")
    assert not house.memory.summary
    await house.grows("e")
    assert house.memory.summary.text.split() == ["a", "b", "b", "c", "c"]


async def test_a_summary_read_before_a_deletion_is_not_remembered_after_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, made = house.store.summary, []

    async def late(scope: Any) -> Summary:
        found = await read(scope)
        made.append(bool(found))
        # The last time it is read for the lane.
        if made.count(True) == 1:
            await house.deletes("a")
        return found

    monkeypatch.setattr(house.store, "summary", late)
    await house.grows("a", "b", "c", "d")
    assert made == [False, True]
    assert not house.memory.summary


async def test_long_messages_go_a_few_at_a_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHARACTERS_AT_ONCE", 100)
    texts = ["a" * 50, "b" * 500, "c" * 10, "d", "e"]
    await house.grows(*texts)
    assert [[len(text) for text in given] for given in house.agent.given] == [
        [50, 50],
        [500],
        [500],
        [10, 10],
    ]
    assert house.memory.summary.upto == 6


async def test_a_session_that_is_deleted_meanwhile_has_none(house: House) -> None:
    async def delete() -> None:
        await house.store.delete_session(house.talk.scope)

    house.agent.then = delete
    await house.grows("a", "b", "c", "d")
    assert not house.memory.summary
    assert not await house.store.summary(house.talk.scope)


@pytest.mark.parametrize(("window", "times"), [(4, 60), (9, 30), (50, 3), (90, 2)])
async def test_no_message_is_in_neither_window_nor_summary(
    store: Store, window: int, times: int
) -> None:
    house = House(store, window)
    await house.grows("0")
    for number in range(1, 60):
        known = house.memory.summary.upto
        await house.grows(str(number))
        # Even a turn that begins before the last one's summary is made misses nothing.
        assert known >= house.session.last_number - window, number
    assert len(house.agent.given) <= times


async def test_what_the_lane_remembers_is_not_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = house.store.history

    async def counted(*args: Any, **more: Any) -> Sequence[Message]:
        reads.append(more["after"])
        return await read(*args, **more)

    monkeypatch.setattr(house.store, "history", counted)
    await house.grows("a", "b", "c", "d")
    house.memory.window.extend(await house.store.window(house.talk.scope, WINDOW))
    reads.clear()
    before = len(house.agent.given)
    for text in ("e", "f"):
        await house.talk.writes(f"p/{text}", text)
        newest = await house.store.window(house.talk.scope, 2)
        house.memory.window.extend(newest)
        house.memory.session = house.session
    house.summaries.grown(house.lane, "echo")
    while house.tasks:
        await house.tasks.pop()
    assert house.agent.given[before:]
    assert not reads
    assert house.memory.summary


async def test_nothing_is_condensed_for_an_agent_that_never_looks_back(store: Store) -> None:
    house = House(store)
    house.agent.forgetful = True
    house.summaries = Summaries(
        store=store, agents={"echo": house.agent}, window=WINDOW, spawn=house._spawn
    )
    await house.grows(*(str(number) for number in range(20)))
    assert not house.agent.given
    assert not house.memory.summary


@pytest.mark.parametrize("window", [0, 6, 50])
async def test_what_is_too_long_is_condensed_before_it_is_left_out(
    store: Store, window: int
) -> None:
    """Once it has settled, every message is in the summary or is seen, whatever their lengths."""
    house = House(store, window, tokens=100)
    lengths = (1, 40, 300, 2, 900, 1, 1, 120, 120, 120, 800, 5, 60, 399, 401, 1, 1, 1, 1)
    for place, length in enumerate(lengths):
        await house.grows(f"{place:02}" + "x" * length)
        memory = house.memory
        seen = newest_within(memory.window, 100)
        assert seen[-1].number == memory.session.last_number
        assert seen[0].number <= memory.summary.upto + 1
        assert len(seen) == 1 or sum(tokens_of(message) for message in seen) <= 100
    condensed = [text for texts in house.agent.given for text in texts]
    assert condensed == sorted(condensed)
    assert len(condensed) == house.memory.summary.upto


async def test_short_messages_are_left_as_they_are(store: Store) -> None:
    house = House(store, 0, tokens=100)
    for place in range(10):
        await house.grows(str(place))
    assert not house.agent.given


async def test_what_is_said_while_it_condenses_is_condensed_next(store: Store) -> None:
    house = House(store, 0, tokens=20)

    async def goes_on() -> None:
        for text in ("c" * 30, "d" * 30):
            await house.talk.writes(f"p/{text}", text)
        house.memory.session = house.session
        house.memory.window = deque(await store.window(house.talk.scope, -1))

    await house.grows("a" * 30)
    house.agent.then = goes_on
    await house.grows("b" * 30)
    assert [text[0] for texts in house.agent.given for text in texts] == list("aabbccd")
