"""The coordinator's contract: what replicas share for speed, and may lose without losing anything.

Wake-ups, rate limits and live events. Everything here is advisory: the store holds the truth, and
a slow scan of it covers whatever the coordinator forgets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from gateway.domain import JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """``count`` events every ``per`` seconds, of which ``burst`` may come at once."""

    count: float
    per: float
    burst: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveEvent:
    """Something to show at once to whoever watches a session.

    ``number`` is the durable message number for kinds that have one, else 0 (streamed deltas).
    """

    kind: str
    data: JSON = field(default_factory=dict)
    number: int = 0


class Coordinator(Protocol):
    """Shared, fast, forgetful."""

    async def wait_for(self, key: str, rate: Rate, *, cost: int = 1) -> float:
        """Take ``cost`` from the budget of ``key``.

        Returns 0.0 when it was taken, else the seconds until it could be; then nothing was taken.
        """
        ...

    async def hold(self, key: str, seconds: float) -> None:
        """Nothing passes ``wait_for(key)`` for ``seconds`` (a platform's ``retry_after``)."""
        ...

    def publish(self, topic: str, event: LiveEvent) -> None:
        """Show ``event`` to everybody who watches ``topic`` now; never blocks, never raises."""
        ...

    def watched(self, topic: str) -> bool:
        """Whether anybody may be watching ``topic``; true when that is not known."""
        ...

    def watch(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """Events of ``topic`` from now on. A watcher that lags too far is ended, not fed gaps."""
        ...

    async def close(self) -> None:
        """End every watcher; afterwards nothing is delivered."""
        ...
