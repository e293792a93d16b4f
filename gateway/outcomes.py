"""What platforms tell of deliveries after they took them; see ``gateway.ports.host.Outcomes``."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from gateway import observability as obs
from gateway.channels import Channel
from gateway.domain import Delivery, DeliveryState
from gateway.errors import SendError
from gateway.outbox import Outbox
from gateway.ports.records import Mark, OperatorScope
from gateway.ports.store import Store

SETTLES_WITHIN = 10.0
"""Seconds that a report waits for the attempt which it is about to be on record."""
REMEMBERED = 10_000
"""Places that may be written to, in case something is held for them a moment later."""
_LOOK_EVERY = 0.02
_SCOPE = OperatorScope(why="what the platform tells of a delivery")
_OPEN = frozenset({DeliveryState.PENDING, DeliveryState.SENT, DeliveryState.UNKNOWN})
"""Where a report of failure still says something new."""

Place = tuple[str, str]
"""A channel and a destination."""


class Reports:
    """``Outcomes``: brings what is told into the store, in whatever order it comes."""

    def __init__(
        self,
        *,
        store: Store,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._channels = channels
        self._spawn = spawn
        self._held: Counter[Place] = Counter()
        self._free: OrderedDict[Place, None] = OrderedDict()

    async def open(self) -> None:
        """Learn what is held."""
        self._held = Counter(map(_place, await self._store.held(_SCOPE)))

    async def report(self, channel: str, delivery_id: str, error: SendError | None) -> None:
        """As ``Outcomes.report``."""
        if error is None:
            obs.CONFIRMED.labels(channel).inc()
            return
        delivery = await self._recorded(delivery_id)
        if delivery is None or delivery.channel != channel or delivery.state not in _OPEN:
            return
        obs.log.warning(
            obs.Event.NOT_DELIVERED, channel=channel, delivery=delivery_id, reason=str(error)
        )
        await self._apply(delivery, self._outbox.reported(self._channels[channel], delivery, error))

    async def release(self, channel: str, destination: str) -> int:
        """As ``Outcomes.release``."""
        if not self._held.pop((channel, destination), 0):
            self._free[channel, destination] = None
            if len(self._free) > REMEMBERED:
                self._free.popitem(last=False)
            return 0
        held = await self._store.held(_SCOPE, channel=channel, destination=destination)
        waiting = [replace(one, state=DeliveryState.PENDING, not_before=0.0) for one in held]
        await self._store.mark(
            [Mark(delivery_id=one.id, state=one.state, attempts=one.attempts) for one in waiting]
        )
        self._outbox.put(waiting)
        return len(waiting)

    def keep(self, delivery: Delivery) -> None:
        """The outbox holds this one; what it is held for may have come to pass meanwhile."""
        place = _place(delivery)
        self._held[place] += 1
        if place in self._free:
            del self._free[place]
            self._spawn(self._once_more(place))

    async def _once_more(self, place: Place) -> None:
        await self.release(*place)

    async def _recorded(self, delivery_id: str) -> Delivery | None:
        """The delivery, once what became of the attempt at it is durable: it may be told sooner."""
        delivery = await self._store.delivery(_SCOPE, delivery_id)
        deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN
        while delivery is not None and self._outbox.knows(delivery):
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(_LOOK_EVERY)
            if not self._outbox.knows(delivery):
                delivery = await self._store.delivery(_SCOPE, delivery_id)
        return delivery

    async def _apply(self, delivery: Delivery, mark: Mark) -> None:
        await self._store.mark((mark,))
        if mark.state is DeliveryState.HELD:
            self.keep(delivery)
        elif mark.state is DeliveryState.PENDING:
            again = replace(
                delivery,
                state=DeliveryState.PENDING,
                attempts=mark.attempts,
                not_before=mark.not_before,
                started=False,
            )
            self._outbox.put((again,))


def _place(delivery: Delivery) -> Place:
    return delivery.channel, delivery.address.destination
