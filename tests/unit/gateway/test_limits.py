"""Sizes, rates and slots."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import observability as obs
from gateway.coordination.memory import MemoryCoordinator
from gateway.errors import LimitExceeded
from gateway.limits import (
    MessageRate,
    Notices,
    RunningSlots,
    incoming_text,
    variables_json,
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("", ""),
        ("two\r\nlines\tand tabs", "two\r\nlines\tand tabs"),
        ("Grüße 👋🏽", "Grüße 👋🏽"),
        ("nul\0nul", "nul\ufffdnul"),
        ("half \ud83d a pair", "half \ufffd a pair"),
    ],
)
def test_incoming_text_changes_only_what_cannot_be_stored(text: str, clean: str) -> None:
    assert incoming_text(text) == clean


@given(st.text(st.characters()))
def test_incoming_text_can_always_be_stored(text: str) -> None:
    clean = incoming_text(text)
    assert "\0" not in clean.encode().decode()
    assert len(clean) == len(text)


def test_incoming_text_has_a_limit() -> None:
    assert incoming_text("x" * 10, longest=10)
    assert incoming_text("x" * 11, longest=0)
    with pytest.raises(LimitExceeded, match="11 characters; 10 are allowed"):
        incoming_text("x" * 11, longest=10)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | st.integers(-9, 9)))
def test_variables_are_their_json(variables: dict[str, Any]) -> None:
    assert json.loads(variables_json(variables, 0)) == variables


def test_variables_have_a_limit_in_bytes() -> None:
    variables = {"name": "Ada", "notes": "ü" * 100}
    size = len(variables_json(variables, 0))
    assert size > 200
    assert variables_json(variables, size)
    with pytest.raises(LimitExceeded, match=rf"{size} bytes, most of it 'notes'.*variables_bytes"):
        variables_json(variables, size - 1)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), {1: "one"}])
def test_variables_must_be_json(value: object) -> None:
    with pytest.raises(TypeError):
        variables_json({"value": value}, 0)


class TestNotices:
    async def test_each_key_is_told_once_a_window(self) -> None:
        now = 0.0
        notices = Notices(MemoryCoordinator(clock=lambda: now), 60)
        assert [await notices.due("a"), await notices.due("a"), await notices.due("b")] == [
            True,
            False,
            True,
        ]
        now = 59.0
        assert not await notices.due("a")
        now = 60.0
        assert await notices.due("a")


class TestMessageRate:
    async def test_a_minute_s_worth_may_come_at_once(self) -> None:
        now = 0.0
        rate = MessageRate(MemoryCoordinator(clock=lambda: now), 60)
        assert all([(await rate.take("lane")).allowed for _ in range(60)])
        refused = [await rate.take("lane") for _ in range(3)]
        assert [each.allowed for each in refused] == [False, False, False]
        assert [each.tell for each in refused] == [True, False, False]
        assert refused[0].retry_after == pytest.approx(1.0)

        now = 1.0
        assert (await rate.take("lane")).allowed
        assert not (await rate.take("lane")).tell
        now = 61.0
        assert all([(await rate.take("lane")).allowed for _ in range(60)])
        assert (await rate.take("lane")).tell

    async def test_lanes_have_rates_of_their_own(self) -> None:
        rate = MessageRate(MemoryCoordinator(), 1)
        assert (await rate.take("a")).allowed
        assert (await rate.take("b")).allowed
        assert not (await rate.take("a")).allowed

    async def test_zero_is_no_limit(self) -> None:
        rate = MessageRate(MemoryCoordinator(), 0)
        assert all([(await rate.take("lane")).allowed for _ in range(1_000)])


class TestRunningSlots:
    async def test_no_more_than_the_limit_run_and_the_first_come_first(self) -> None:
        slots = RunningSlots(2)
        order: list[int] = []
        most = 0

        async def session(number: int) -> None:
            nonlocal most
            async with slots:
                order.append(number)
                most = max(most, slots.running)
                await asyncio.sleep(0)

        await asyncio.gather(*(session(number) for number in range(20)))
        assert order == list(range(20))
        assert most == 2
        assert (slots.running, slots.waiting) == (0, 0)

    async def test_zero_is_no_limit(self) -> None:
        slots = RunningSlots(0)
        for _ in range(100):
            await slots.acquire()
        assert (slots.running, slots.waiting) == (100, 0)

    async def test_take_never_overtakes_the_queue(self) -> None:
        slots = RunningSlots(1)
        assert slots.take()
        waiting = asyncio.create_task(slots.acquire())
        await asyncio.sleep(0)
        assert slots.waiting == 1
        slots.release()
        assert not slots.take()
        await waiting
        assert (slots.running, slots.waiting) == (1, 0)

    async def test_who_gives_up_leaves_the_queue(self) -> None:
        slots = RunningSlots(1)
        await slots.acquire()
        first, second = (asyncio.create_task(slots.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert slots.waiting == 1
        slots.release()
        await second
        slots.release()
        assert slots.running == 0

    @pytest.mark.parametrize("cancel_first", [True, False])
    async def test_a_slot_given_to_one_who_gives_up_is_not_lost(self, cancel_first: bool) -> None:
        slots = RunningSlots(1)
        await slots.acquire()
        first, second = (asyncio.create_task(slots.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        for act in (first.cancel, slots.release)[:: 1 if cancel_first else -1]:
            act()
        await asyncio.wait_for(second, 2)
        assert first.cancelled()
        assert (slots.running, slots.waiting) == (1, 0)

    async def test_who_waits_long_is_told_once_and_served_all_the_same(self) -> None:
        slots, told = RunningSlots(1), asyncio.Event()

        async def late() -> None:
            told.set()

        await slots.acquire(late, 0.0)
        assert not told.is_set()
        waiting = asyncio.create_task(slots.acquire(late, 0.01))
        await asyncio.wait_for(told.wait(), 2)
        assert not waiting.done()
        slots.release()
        await waiting
        assert (slots.running, slots.waiting) == (1, 0)

    async def test_who_is_served_in_time_is_told_nothing(self) -> None:
        slots = RunningSlots(1)

        async def late() -> None:
            raise AssertionError("it was not late")

        await slots.acquire()
        waiting = asyncio.create_task(slots.acquire(late, 60.0))
        await asyncio.sleep(0)
        slots.release()
        await asyncio.wait_for(waiting, 2)

    @pytest.mark.parametrize("free", [True, False])
    async def test_a_slot_is_not_lost_where_telling_fails(self, free: bool) -> None:
        slots = RunningSlots(1)
        await slots.acquire()

        async def late() -> None:
            if free:
                slots.release()
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await slots.acquire(late, 0.0)
        assert (slots.running, slots.waiting) == (0 if free else 1, 0)


async def test_whoever_meets_a_limit_is_counted() -> None:
    def counted(limit: str) -> float:
        return obs.REGISTRY.get_sample_value("gateway_limits_total", {"limit": limit}) or 0.0

    before = counted("variables_bytes"), counted("messages_per_minute")
    with pytest.raises(LimitExceeded):
        variables_json({"name": "Ada"}, 3)
    rate = MessageRate(MemoryCoordinator(), 1)
    assert [(await rate.take("lane")).allowed for _ in range(3)] == [True, False, False]
    assert (counted("variables_bytes"), counted("messages_per_minute")) == (
        before[0] + 1,
        before[1] + 2,
    )
