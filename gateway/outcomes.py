"""What platforms tell of deliveries after they took them; see ``gateway.ports.host.Outcomes``."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway import observability as obs
from gateway.channels import Channel
from gateway.domain import Delivery, DeliveryState
from gateway.errors import SendError, Unavailable
from gateway.outbox import Outbox
from gateway.ports.records import Mark, OperatorScope
from gateway.ports.store import Store

SETTLES_WITHIN = 10.0
"""Seconds that a report waits for the attempt which it is about to be on record."""
A_MOMENT = 120.0
"""Seconds for which an attempt that began before a place was let go may still end in ``Held``."""
REMEMBERED = 10_000
"""Places that may be written to, in case something is held for them a moment later."""
_LOOK_EVERY = 0.02
_SCOPE = OperatorScope(why="what the platform tells of a delivery")
_OPEN = frozenset({DeliveryState.SENT, DeliveryState.UNKNOWN})
"""Where a report of failure still says something new."""

Place = tuple[str, str]
"""A channel and a destination."""


@dataclass(frozen=True, slots=True)
class _LetGo:
    """When a place was let go, and which deliveries went: they are tried once for that."""

    at: float
    ids: frozenset[str] = frozenset()


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
        self._free: OrderedDict[Place, _LetGo] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Learn what is held."""
        self._held = Counter(map(_place, await self._store.held(_SCOPE)))

    # What is told

    async def report(
        self, channel: str, delivery_id: str, error: SendError | None, *, platform_id: str = ""
    ) -> None:
        """As ``Outcomes.report``."""
        if error is None:
            obs.CONFIRMED.labels(channel).inc()
            return
        found = await self._find(channel, delivery_id, platform_id)
        if found is None or found.channel != channel:
            return
        deadline = asyncio.get_running_loop().time() + SETTLES_WITHIN
        while not await self._told(found, error, platform_id):
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("the delivery is still being sent")
            await asyncio.sleep(_LOOK_EVERY)

    async def _find(self, channel: str, delivery_id: str, platform_id: str) -> Delivery | None:
        if delivery_id:
            return await self._store.delivery(_SCOPE, delivery_id)
        return await self._store.sent_as(_SCOPE, channel, platform_id)

    async def _told(self, delivery: Delivery, error: SendError, platform_id: str) -> bool:
        """Record it; False while what became of the attempt is not durable: it may be told
        sooner."""
        if self._outbox.knows(delivery):
            return False
        async with self._one_at_a_time:
            # As it stands now: the same may have been told meanwhile.
            now = await self._store.delivery(_SCOPE, delivery.id)
            if now is not None and (self._outbox.knows(now) or now.state is DeliveryState.PENDING):
                return False
            if now is not None and now.state in _OPEN and _is_about(now, platform_id):
                await self._apply(now, error)
        return True

    async def _apply(self, delivery: Delivery, error: SendError) -> None:
        channel = self._channels[delivery.channel]
        obs.log.warning(
            obs.Event.NOT_DELIVERED, channel=channel.name, delivery=delivery.id, reason=str(error)
        )
        mark = self._outbox.reported(channel, delivery, error)
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

    # What is held

    async def release(self, channel: str, destination: str) -> int:
        """As ``Outcomes.release``."""
        place = (channel, destination)
        self._let_go(place)
        if not self._held.get(place):
            return 0
        async with self._one_at_a_time:
            count = self._held.pop(place, 0)
            if not count:
                return 0
            try:
                return await self._send_held(place)
            except BaseException:
                # Nothing, or nobody knows whether anything, was let go.
                self._held[place] += count
                raise

    async def _send_held(self, place: Place) -> int:
        channel, destination = place
        held = await self._store.held(_SCOPE, channel=channel, destination=destination)
        self._let_go(place, held)
        waiting = [replace(one, state=DeliveryState.PENDING, not_before=0.0) for one in held]
        await self._store.mark(
            [Mark(delivery_id=one.id, state=one.state, attempts=one.attempts) for one in waiting]
        )
        self._outbox.put(waiting)
        return len(waiting)

    def _let_go(self, place: Place, held: Sequence[Delivery] = ()) -> None:
        now = asyncio.get_running_loop().time()
        self._free.pop(place, None)
        self._free[place] = _LetGo(now, frozenset(one.id for one in held))
        if len(self._free) > REMEMBERED:
            self._free.popitem(last=False)

    def keep(self, delivery: Delivery) -> None:
        """The outbox holds this one; what it is held for may have come to pass meanwhile."""
        place = _place(delivery)
        self._held[place] += 1
        gone = self._free.get(place)
        if gone is None or delivery.id in gone.ids:
            return
        if asyncio.get_running_loop().time() - gone.at < A_MOMENT:
            self._spawn(self._once_more(place))

    async def _once_more(self, place: Place) -> None:
        """Nobody else will: that they wrote is not told again."""
        while True:
            try:
                await self.release(*place)
                return
            except Unavailable as error:
                await asyncio.sleep(error.retry_after)


def _is_about(delivery: Delivery, platform_id: str) -> bool:
    """Whether what is told is of the message that it became, and not of an earlier attempt's; of
    what is in doubt only an earlier one's is known."""
    known = delivery.platform_id
    if not platform_id or not known:
        return True
    return (platform_id == known) is (delivery.state is DeliveryState.SENT)


def _place(delivery: Delivery) -> Place:
    return delivery.channel, delivery.address.destination
