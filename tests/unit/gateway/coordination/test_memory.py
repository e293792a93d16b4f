"""What memory's coordinator does on a clock that stands still until told."""

from __future__ import annotations

import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coordination.memory import MemoryCoordinator
from gateway.ports.coordinator import Coordinator, LiveEvent, Rate

RATES = st.builds(
    Rate,
    count=st.floats(0.01, 1000),
    per=st.floats(0.1, 3600),
    burst=st.integers(1, 50),
)
SLACK = 1e-6


class Clock:
    """Seconds since some moment, moved by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_is_a_coordinator() -> None:
    coordinator: Coordinator = MemoryCoordinator()
    assert not coordinator.watched("nothing")


@given(
    rate=RATES,
    start=st.floats(0, 1e8),
    events=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=60),
)
async def test_no_window_holds_more_than_burst_and_share(
    rate: Rate, start: float, events: list[tuple[float, int]]
) -> None:
    clock = Clock(start)
    coordinator = MemoryCoordinator(clock=clock)
    passed: list[tuple[float, int]] = []
    for pause, cost in events:
        clock.now += pause
        cost = min(cost, rate.burst)
        if await coordinator.wait_for("key", rate, cost=cost) == 0.0:
            passed.append((clock.now, cost))
    for first, (since, _) in enumerate(passed):
        taken = 0
        for until, cost in passed[first:]:
            taken += cost
            share = rate.count * (until - since + SLACK) / rate.per
            assert taken <= rate.burst + share + 1e-6 * taken


@given(rate=RATES, start=st.floats(0, 1e8), costs=st.lists(st.integers(1, 60), min_size=1))
async def test_who_waits_exactly_as_told_passes(rate: Rate, start: float, costs: list[int]) -> None:
    clock = Clock(start)
    coordinator = MemoryCoordinator(clock=clock)
    for cost in costs:
        wait = await coordinator.wait_for("key", rate, cost=cost)
        if wait:
            clock.now += wait
            assert await coordinator.wait_for("key", rate, cost=cost) == 0.0


async def test_who_waits_less_does_not_pass() -> None:
    clock = Clock()
    coordinator = MemoryCoordinator(clock=clock)
    rate = Rate(count=1, per=10)
    await coordinator.wait_for("key", rate)
    clock.now = 9.99
    assert await coordinator.wait_for("key", rate) == pytest.approx(0.01)


async def test_a_hold_and_a_budget_give_the_longer_wait() -> None:
    clock = Clock()
    coordinator = MemoryCoordinator(clock=clock)
    rate = Rate(count=1, per=10)
    await coordinator.wait_for("key", rate)
    await coordinator.hold("key", 3)
    assert await coordinator.wait_for("key", rate) == 10
    await coordinator.hold("key", 30)
    assert await coordinator.wait_for("key", rate) == 30


async def test_memory_follows_the_keys_in_use() -> None:
    clock = Clock()
    coordinator = MemoryCoordinator(clock=clock)
    rate = Rate(count=1, per=10)
    for number in range(5_000):
        await coordinator.wait_for(f"old {number}", rate)
        await coordinator.hold(f"held {number}", 5)
    clock.now += 60
    for number in range(5_000):
        clock.now += 1
        await coordinator.wait_for(f"new {number}", rate)
    assert len(coordinator._arrivals.by_key) <= 50
    assert len(coordinator._held.by_key) == 0


async def test_an_active_key_outlives_the_sweep() -> None:
    clock = Clock()
    coordinator = MemoryCoordinator(clock=clock)
    day = Rate(count=1, per=86_400)
    await coordinator.wait_for("daily", day)
    for number in range(1_000):
        clock.now += 60
        await coordinator.wait_for(f"key {number}", Rate(count=1, per=1))
    assert await coordinator.wait_for("daily", day) == pytest.approx(86_400 - 60_000)


async def test_a_laggard_gets_what_came_before_the_gap() -> None:
    coordinator = MemoryCoordinator(backlog=3)
    async with coordinator.watch("topic") as watcher:
        for number in range(1, 6):
            coordinator.publish("topic", LiveEvent(kind="delta", number=number))
        assert not coordinator.watched("topic")
        assert [event.number async for event in watcher] == [1, 2, 3]


async def test_watched_follows_the_watchers() -> None:
    coordinator = MemoryCoordinator()
    async with coordinator.watch("topic"):
        async with coordinator.watch("topic"):
            pass
        assert coordinator.watched("topic")
    assert not coordinator.watched("topic")


async def test_a_watch_after_close_is_over_at_once() -> None:
    coordinator = MemoryCoordinator()
    await coordinator.close()
    async with coordinator.watch("topic") as watcher:
        assert not coordinator.watched("topic")
        assert [event async for event in watcher] == []


def test_publishing_to_nobody_is_nearly_free() -> None:
    coordinator = MemoryCoordinator()
    event = LiveEvent(kind="delta")
    spent = timeit.repeat(
        lambda: coordinator.publish("t", event), number=10_000, repeat=5, timer=time.process_time
    )
    best = min(spent)
    assert best / 10_000 < 2e-6  # 0.1 us on an idle machine; tests may share theirs
