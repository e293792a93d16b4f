"""Live events, a pulse, a deadline and the end of service, in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.web.stream import from_now, past, pulses
from gateway import LiveEvent


class Events:
    """An iterator to put events into; None ends it."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue()

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        return self

    async def __anext__(self) -> LiveEvent:
        if event := await self.queue.get():
            return event
        raise StopAsyncIteration


@pytest.fixture
async def closing() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_events_come_in_order_and_end_with_their_watcher(
    closing: asyncio.Future[None],
) -> None:
    events = Events()
    sent = [LiveEvent(kind=str(number)) for number in range(3)]
    for event in (*sent, None):
        events.queue.put_nowait(event)
    assert [event async for event in pulses(events, closing, 10)] == sent


async def test_silence_beats(closing: asyncio.Future[None]) -> None:
    events = Events()
    pulse = pulses(events, closing, 0.01)
    assert [await anext(pulse) for _ in range(3)] == [None] * 3
    events.queue.put_nowait(LiveEvent(kind="late"))
    assert await anext(pulse) == LiveEvent(kind="late")
    await pulse.aclose()
    events.queue.put_nowait(LiveEvent(kind="nobody listens"))
    await asyncio.sleep(0)
    assert events.queue.qsize() == 1


async def test_the_end_of_service_ends_it_at_once(closing: asyncio.Future[None]) -> None:
    asyncio.get_running_loop().call_later(0.01, closing.cancel)
    assert [event async for event in pulses(Events(), closing, 10)] == []


async def test_a_deadline_ends_it(closing: asyncio.Future[None]) -> None:
    deadline = from_now(0.03)
    beats = [event async for event in pulses(Events(), closing, 0.02, deadline)]
    assert beats == [None]
    assert past(deadline)
    assert not past(from_now(None))
