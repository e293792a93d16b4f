"""The coordinator of a gateway that runs alone: everything stays in this process's memory."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.ports.coordinator import LiveEvent, Rate

BACKLOG = 256
"""How many events a watcher may lag behind before it is ended."""

_TOLERANCE = 1e-6  # a clock's own rounding must not send a punctual waiter away again


class MemoryCoordinator:
    """Implements ``gateway.ports.coordinator.Coordinator`` for one event loop.

    Rates follow the generic cell rate algorithm (ITU-T I.371): per key one number, the theoretical
    arrival time, forgotten once it has passed. A ``cost`` above the burst passes when the budget is
    full, and is paid off afterwards. ``clock`` gives monotonic seconds.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, backlog: int = BACKLOG
    ) -> None:
        self._clock = clock
        self._backlog = backlog
        self._arrivals = _Moments()
        self._held = _Moments()
        self._watchers: dict[str, list[_Watcher]] = {}
        self._closed = False

    async def wait_for(self, key: str, rate: Rate, *, cost: int = 1) -> float:
        """Take ``cost`` from the budget of ``key``: 0.0, or the seconds until that can be."""
        now = self._clock()
        interval = rate.per / rate.count
        arrival = self._arrivals.by_key.get(key, now)
        due = max(arrival, now) + interval * cost
        wait = due - now - interval * max(rate.burst, cost)
        if self._held.by_key:
            wait = max(wait, self._held.by_key.get(key, now) - now)
            self._held.tidy(now)
        if wait > _TOLERANCE:
            return wait
        self._arrivals.put(key, due, now)
        return 0.0

    async def hold(self, key: str, seconds: float) -> None:
        """Nothing passes ``wait_for(key)`` for ``seconds``; a longer hold is never shortened."""
        now = self._clock()
        self._held.put(key, max(now + seconds, self._held.by_key.get(key, now)), now)

    def publish(self, topic: str, event: LiveEvent) -> None:
        """Show ``event`` to everybody who watches ``topic`` now; never blocks, never raises."""
        watchers = self._watchers.get(topic)
        if watchers is None:
            return
        for watcher in tuple(watchers):
            if not watcher.offer(event):
                self._leave(topic, watcher)

    def watched(self, topic: str) -> bool:
        """Whether anybody watches ``topic``."""
        return topic in self._watchers

    @asynccontextmanager
    async def watch(self, topic: str) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        """Events of ``topic`` from now on.

        A watcher that lags more than the backlog behind gets what it was offered before the first
        gap, then ends.
        """
        watcher = _Watcher(self._backlog)
        if self._closed:
            watcher.end()
        else:
            self._watchers.setdefault(topic, []).append(watcher)
        try:
            yield watcher
        finally:
            watcher.end()
            self._leave(topic, watcher)

    async def close(self) -> None:
        """End every watcher; afterwards nothing is delivered."""
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()
        self._watchers.clear()

    def _leave(self, topic: str, watcher: _Watcher) -> None:
        watchers = self._watchers.get(topic, [])
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                del self._watchers[topic]


class _Moments:
    """Moments by key. Each change looks at two of them and forgets those that have passed, so the
    size follows the keys in use and no single call pays for all of them."""

    __slots__ = ("_ring", "by_key")

    def __init__(self) -> None:
        self.by_key: dict[str, float] = {}
        self._ring: deque[str] = deque()

    def put(self, key: str, moment: float, now: float) -> None:
        if key not in self.by_key:
            self._ring.append(key)
        self.by_key[key] = moment
        self.tidy(now)

    def tidy(self, now: float) -> None:
        by_key, ring = self.by_key, self._ring
        for _ in range(2):
            oldest = ring.popleft()
            if by_key[oldest] > now:
                ring.append(oldest)
            else:
                del by_key[oldest]
                if not ring:
                    return


class _Watcher:
    """A bounded queue that one reader iterates over, until it is ended and read to its end."""

    __slots__ = ("_backlog", "_ended", "_events", "_more")

    def __init__(self, backlog: int) -> None:
        self._backlog = backlog
        self._events: deque[LiveEvent] = deque()
        self._more = asyncio.Event()
        self._ended = False

    def offer(self, event: LiveEvent) -> bool:
        if len(self._events) >= self._backlog:
            self.end()
            return False
        self._events.append(event)
        self._more.set()
        return True

    def end(self) -> None:
        self._ended = True
        self._more.set()

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        return self

    async def __anext__(self) -> LiveEvent:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        return self._events.popleft()
