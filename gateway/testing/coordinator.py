"""The coordinator's contract as tests: derive a class, supply ``coordinator``, and run pytest.

Needs pytest with pytest-asyncio in auto mode, and hypothesis. Works on real time, and tolerates a
busy machine: what must not happen early is held to exactly, what must happen has seconds.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain import new_id
from gateway.ports.coordinator import Coordinator, LiveEvent, Rate

SOON = 5.0
"""Seconds that anything which must happen may take."""

# One event in so many seconds that none comes back while a test runs.
_NEVER = Rate(count=1, per=86_400, burst=3)


class CoordinatorContract(ABC):
    """What every coordinator owes. Keys and topics are new in each test: a server may be shared."""

    slack: float = 0.02
    """Seconds by which the coordinator's clock and this process's may disagree."""

    @pytest.fixture
    @abstractmethod
    def coordinator(self) -> Coordinator | AsyncIterator[Coordinator]:
        """A coordinator that is open, this test's own."""

    @pytest.fixture
    def key(self) -> str:
        """A key nobody else uses."""
        return f"contract-{new_id()}"

    async def test_a_burst_passes_at_once_and_no_more(
        self, coordinator: Coordinator, key: str
    ) -> None:
        waits = [await coordinator.wait_for(key, _NEVER) for _ in range(4)]
        assert waits[:3] == [0.0, 0.0, 0.0]
        assert 86_000 < waits[3] <= 86_400

    async def test_a_refusal_takes_nothing(self, coordinator: Coordinator, key: str) -> None:
        assert await coordinator.wait_for(key, _NEVER, cost=3) == 0.0
        first = await coordinator.wait_for(key, _NEVER)
        for _ in range(5):
            assert 0 < await coordinator.wait_for(key, _NEVER) <= first + self.slack

    async def test_a_cost_takes_that_many(self, coordinator: Coordinator, key: str) -> None:
        assert await coordinator.wait_for(key, _NEVER, cost=2) == 0.0
        assert await coordinator.wait_for(key, _NEVER, cost=2) > 0
        assert await coordinator.wait_for(key, _NEVER, cost=1) == 0.0
        assert await coordinator.wait_for(key, _NEVER, cost=1) > 0

    async def test_a_cost_above_the_burst_passes_alone(
        self, coordinator: Coordinator, key: str
    ) -> None:
        assert await coordinator.wait_for(key, _NEVER, cost=5) == 0.0
        assert await coordinator.wait_for(key, _NEVER) > 2 * 86_400

    async def test_keys_have_budgets_of_their_own(self, coordinator: Coordinator, key: str) -> None:
        assert await coordinator.wait_for(f"{key}/a", _NEVER, cost=3) == 0.0
        assert await coordinator.wait_for(f"{key}/a", _NEVER) > 0
        assert await coordinator.wait_for(f"{key}/b", _NEVER, cost=3) == 0.0

    async def test_who_waits_as_told_passes(self, coordinator: Coordinator, key: str) -> None:
        rate = Rate(count=20, per=1.0, burst=2)
        for _ in range(8):
            wait = await coordinator.wait_for(key, rate)
            if wait:
                assert wait <= 0.05 + self.slack
                await asyncio.sleep(wait + self.slack)
                assert await coordinator.wait_for(key, rate) == 0.0

    async def test_many_at_once_share_one_budget(self, coordinator: Coordinator, key: str) -> None:
        waits = await asyncio.gather(*(coordinator.wait_for(key, _NEVER) for _ in range(20)))
        assert sum(wait == 0.0 for wait in waits) == 3

    @settings(
        max_examples=5,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
        ],
    )
    @given(
        rate=st.builds(
            Rate,
            count=st.integers(5, 200),
            per=st.just(1.0),
            burst=st.integers(1, 10),
        ),
        pauses=st.lists(st.sampled_from([0.0, 0.0, 0.003, 0.01]), min_size=5, max_size=30),
    )
    async def test_no_window_holds_more_than_its_share(
        self, coordinator: Coordinator, rate: Rate, pauses: list[float]
    ) -> None:
        key = f"contract-{new_id()}"
        passed: list[tuple[float, float]] = []
        for pause in pauses:
            await asyncio.sleep(pause)
            asked = time.monotonic()
            if await coordinator.wait_for(key, rate) == 0.0:
                passed.append((asked, time.monotonic()))
        for first, (since, _) in enumerate(passed):
            for events, (_, until) in enumerate(passed[first:], start=1):
                share = rate.count * (until - since + self.slack) / rate.per
                assert events <= rate.burst + share

    async def test_nothing_passes_a_hold(self, coordinator: Coordinator, key: str) -> None:
        await coordinator.hold(key, 60.0)
        assert 59.0 < await coordinator.wait_for(key, _NEVER) <= 60.0 + self.slack
        assert await coordinator.wait_for(f"{key}/other", _NEVER) == 0.0

    async def test_a_hold_ends_by_itself(self, coordinator: Coordinator, key: str) -> None:
        begun = time.monotonic()
        await coordinator.hold(key, 0.1)
        while wait := await coordinator.wait_for(key, _NEVER):
            assert time.monotonic() < begun + SOON
            await asyncio.sleep(wait)
        assert time.monotonic() >= begun + 0.1 - self.slack

    async def test_a_shorter_hold_does_not_end_a_longer(
        self, coordinator: Coordinator, key: str
    ) -> None:
        await coordinator.hold(key, 60.0)
        await coordinator.hold(key, 0.0)
        assert await coordinator.wait_for(key, _NEVER) > 59.0

    async def test_publishing_to_nobody_is_harmless(
        self, coordinator: Coordinator, key: str
    ) -> None:
        coordinator.publish(key, LiveEvent(kind="message"))

    async def test_every_watcher_sees_every_event_in_order(
        self, coordinator: Coordinator, key: str
    ) -> None:
        events = [
            LiveEvent(kind="message", number=1, data={"text": "Grüße 👋", "parts": [1, None]}),
            LiveEvent(kind="delta", data={"text": "a"}),
            LiveEvent(kind="message", number=2),
        ]
        async with coordinator.watch(key) as one, coordinator.watch(key) as two:
            assert coordinator.watched(key)
            for event in events:
                coordinator.publish(key, event)
            assert await _take(one, 3) == events
            assert await _take(two, 3) == events

    async def test_topics_are_apart(self, coordinator: Coordinator, key: str) -> None:
        async with coordinator.watch(f"{key}/a") as watcher:
            coordinator.publish(f"{key}/b", LiveEvent(kind="for b"))
            coordinator.publish(f"{key}/a", LiveEvent(kind="for a"))
            assert [event.kind for event in await _take(watcher, 1)] == ["for a"]

    async def test_a_watcher_sees_nothing_from_before(
        self, coordinator: Coordinator, key: str
    ) -> None:
        async with coordinator.watch(key) as early:
            coordinator.publish(key, LiveEvent(kind="before"))
            await _take(early, 1)
            async with coordinator.watch(key) as late:
                coordinator.publish(key, LiveEvent(kind="after"))
                assert [event.kind for event in await _take(late, 1)] == ["after"]

    async def test_leaving_ends_a_watcher_and_no_other(
        self, coordinator: Coordinator, key: str
    ) -> None:
        async with coordinator.watch(key) as stays:
            async with coordinator.watch(key) as leaves:
                pass
            coordinator.publish(key, LiveEvent(kind="later"))
            assert [event.kind for event in await _take(stays, 1)] == ["later"]
            assert await _rest(leaves) == []

    async def test_a_laggard_is_ended_without_gaps_and_harms_nobody(
        self, coordinator: Coordinator, key: str
    ) -> None:
        async with coordinator.watch(key) as laggard, coordinator.watch(key) as prompt:
            for number in range(1, 5_001):
                coordinator.publish(key, LiveEvent(kind="delta", number=number))
                assert [event.number for event in await _take(prompt, 1)] == [number]
            numbers = [event.number for event in await _rest(laggard)]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) < 5_000

    async def test_a_cancelled_reader_loses_nothing(
        self, coordinator: Coordinator, key: str
    ) -> None:
        async with coordinator.watch(key) as watcher:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_take(watcher, 1), 0.02)
            coordinator.publish(key, LiveEvent(kind="still here"))
            assert [event.kind for event in await _take(watcher, 1)] == ["still here"]

    async def test_close_ends_watchers_and_stops_delivery(
        self, coordinator: Coordinator, key: str
    ) -> None:
        async with coordinator.watch(key) as watcher:
            reading = asyncio.create_task(_rest(watcher))
            await asyncio.sleep(0)
            await coordinator.close()
            coordinator.publish(key, LiveEvent(kind="too late"))
            assert await reading == []
        await coordinator.close()


async def _take(watcher: AsyncIterator[LiveEvent], number: int) -> list[LiveEvent]:
    async with asyncio.timeout(SOON):
        return [await anext(watcher) for _ in range(number)]


async def _rest(watcher: AsyncIterator[LiveEvent]) -> list[LiveEvent]:
    async with asyncio.timeout(SOON):
        return [event async for event in watcher]
