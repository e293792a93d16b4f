"""The one way out: due deliveries, in order, within the destination's budget.

The order key is (lane, destination): one worker each, started when there is something to send and
gone when there is not, so a retrying head blocks only its own key. What became of an attempt is
durable before the next item of the key is tried; a crash therefore leaves at most one delivery of a
key in doubt.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from gateway import observability as obs
from gateway.channels import Channel
from gateway.domain import Address, Delivery, DeliveryState, Moved
from gateway.errors import (
    Held,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.failpoints import failpoint
from gateway.ports.adapter import Act, Preview, Previewing, Retracting, Sent, Settling, Typing
from gateway.ports.coordinator import Coordinator
from gateway.ports.records import LaneScope, Mark, OperatorScope
from gateway.ports.store import Store

MAX_ATTEMPTS = 5
GIVE_UP_AFTER = 86400.0
"""Seconds for which a platform may be away, or refuse for its rate, before a delivery dies."""
SEND_TIMEOUT = 60.0
COSMETIC_TIMEOUT = 10.0
_BACKOFF = (1.0, 2.0, 5.0, 15.0)
_GONE = "recipient gone: "

Key = tuple[str, str]
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Queue:
    """One order key's deliveries; ``ids`` are those not yet durably settled, nor erased."""

    items: deque[Delivery] = field(default_factory=deque)
    ids: set[str] = field(default_factory=set)

    def insert(self, delivery: Delivery) -> None:
        """Put it in its place; the first is being tried, and stays the first."""
        place = len(self.items)
        while place > 1 and self.items[place - 1].id > delivery.id:
            place -= 1
        self.items.insert(place, delivery)


class Outbox:
    """Sends what commits left to send."""

    def __init__(
        self,
        *,
        store: Store,
        coordinator: Coordinator,
        channels: Mapping[str, Channel],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        moved: Callable[[Channel, Moved], Awaitable[None]],
        held: Callable[[Delivery], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._coordinator = coordinator
        self._channels = channels
        self._spawn = spawn
        self._moved = moved
        self._held = held
        self._clock = clock
        self._queues: dict[Key, _Queue] = {}
        # Kept here: looking a metric's child up costs more than counting.
        self._settlements = {state: obs.DELIVERIES.labels(state.value) for state in DeliveryState}

    def idle(self, lane_id: str, destination: str) -> bool:
        """Whether something for this key would be tried at once."""
        return (lane_id, destination) not in self._queues

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Send these, in the order of their making: what is tried again goes before what was made
        after it and waits. Known ones are left alone."""
        for delivery in deliveries:
            if delivery.channel not in self._channels:
                continue
            key = (delivery.lane_id, delivery.address.destination)
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = _Queue()
                self._spawn(self._drain(key, queue))
            if delivery.id not in queue.ids:
                queue.ids.add(delivery.id)
                queue.insert(delivery)

    def knows(self, delivery: Delivery) -> bool:
        """Whether this process still has to settle it, or to record that it did."""
        queue = self._queues.get((delivery.lane_id, delivery.address.destination))
        return queue is not None and delivery.id in queue.ids

    async def withdraw(self, lane_ids: Collection[str]) -> None:
        """Send nothing more from these lanes that the store has no longer: it was erased."""
        scope = OperatorScope(why="what was erased is not sent")
        for queue in [queue for key, queue in self._queues.items() if key[0] in lane_ids]:
            for delivery in list(queue.items):
                if await self._store.delivery(scope, delivery.id) is None:
                    queue.ids.discard(delivery.id)
            # The first may be being tried, and finds out.
            queue.items = deque(d for d in queue.items if d.id in queue.ids or d is queue.items[0])

    def unsent(self) -> int:
        """How many deliveries are queued here."""
        return sum(len(queue.items) for queue in self._queues.values())

    async def typing(self, channel: Channel, address: Address) -> None:
        """Show that an answer is being written, if the destination's budget has room to spare."""
        adapter = channel.adapter
        if isinstance(adapter, Typing) and await self._room(channel, address, Act.TYPING):
            async with asyncio.timeout(min(adapter.typing_every, COSMETIC_TIMEOUT)):
                await self._politely(channel, address, Act.TYPING, adapter.typing(address))

    async def preview(self, channel: Channel, preview: Preview) -> str:
        """Show an answer that is being written, under the same condition; see ``Previewing``."""
        adapter = channel.adapter
        address = preview.address
        if isinstance(adapter, Previewing) and await self._room(channel, address, Act.PREVIEW):
            async with asyncio.timeout(COSMETIC_TIMEOUT):
                call = adapter.preview(preview)
                return await self._politely(channel, address, Act.PREVIEW, call)
        return preview.message_id

    async def retract(self, channel: Channel, address: Address, message_id: str) -> None:
        """Take a preview away that no answer becomes, if the platform lets it."""
        if isinstance(channel.adapter, Retracting):
            async with asyncio.timeout(COSMETIC_TIMEOUT):
                call = channel.adapter.retract(address, message_id)
                await self._politely(channel, address, Act.PREVIEW, call)

    async def _room(self, channel: Channel, address: Address, act: Act) -> bool:
        """Take from the destination's budget, unless that would make a delivery wait."""
        for name, rate in channel.budgets(address, act):
            spare = rate if rate.burst == 1 else replace(rate, burst=rate.burst - 1)
            if await self._coordinator.wait_for(f"{channel.name}:{name}", spare):
                return False
        return True

    async def _politely(
        self, channel: Channel, address: Address, act: Act, call: Awaitable[T]
    ) -> T:
        """A call that nothing depends on; asked to wait, nothing goes there for as long."""
        try:
            return await call
        except RateLimited as error:
            await self._hold(channel, address, act, error.retry_after)
            raise

    async def _hold(self, channel: Channel, address: Address, act: Act, seconds: float) -> None:
        for name, _ in channel.budgets(address, act)[:1]:
            await self._coordinator.hold(f"{channel.name}:{name}", seconds)

    async def _drain(self, key: Key, queue: _Queue) -> None:
        settled: list[Mark] = []
        try:
            while queue.items:
                delivery = queue.items[0]
                mark = await self._attempt(delivery, queue, settled)
                queue.items.popleft()
                if mark.state is DeliveryState.PENDING:
                    await self._record(queue, [mark])
                    queue.items.appendleft(_after(delivery, mark))
                    await asyncio.sleep(max(0.0, mark.not_before - self._clock()))
                    continue
                settled.append(mark)
                if mark.state is DeliveryState.HELD:
                    held = [delivery, *_rest_of_its_turn(queue, delivery)]
                    settled += [_mark(one, mark.state, error=mark.error) for one in held[1:]]
                    await self._record(queue, settled)
                    for one in held:
                        self._held(one)
                if mark.state is DeliveryState.FAILED and mark.error.startswith(_GONE):
                    settled.extend(_with_the_rest(queue, mark))
                if settled and not queue.items:
                    # While others are busy a transaction to share is near; alone it would not be.
                    await self._record(queue, settled, patient=len(self._queues) > 1)
        finally:
            if self._queues.get(key) is queue:
                del self._queues[key]

    async def _attempt(self, delivery: Delivery, queue: _Queue, settled: list[Mark]) -> Mark:
        """Try once; the marks in ``settled`` are made durable before anything leaves."""
        channel = self._channels[delivery.channel]
        if delivery.not_before > self._clock():
            if settled:
                # This may be an hour.
                await self._record(queue, settled)
            await asyncio.sleep(delivery.not_before - self._clock())
        if delivery.state is DeliveryState.UNKNOWN:
            if settled:
                await self._record(queue, settled)
            known = await self._in_doubt(channel, delivery)
            if known is not None:
                return known
        if settled or not delivery.started:
            settled.append(_mark(delivery, DeliveryState.PENDING, started=True))
            await self._record(queue, settled)
            if delivery.part:
                failpoint("between-parts")
        await self._wait_for_budget(channel, delivery)
        if delivery.id not in queue.ids:
            return _mark(delivery, DeliveryState.FAILED, error="erased")
        return await self._send(channel, delivery)

    async def _in_doubt(self, channel: Channel, delivery: Delivery) -> Mark | None:
        """What to do with a delivery that may have arrived: None is, send it."""
        if isinstance(channel.adapter, Settling):
            try:
                return await self._looked_up(channel.adapter, delivery)
            except (RateLimited, Unavailable, TimeoutError) as error:
                pause = getattr(error, "retry_after", _BACKOFF[-1])
                return self._later(delivery, error, pause, doubt=True)
            except SendError as error:
                reason = str(error)
                obs.log.warning(obs.Event.NOT_SETTLED, delivery=delivery.id, reason=reason)
        if channel.on_unknown == "hold":
            return _mark(delivery, DeliveryState.UNKNOWN, error="its outcome is unknown")
        obs.RESENT_UNKNOWN.labels(channel.name).inc()
        return None

    async def _looked_up(self, adapter: Settling, delivery: Delivery) -> Mark | None:
        scope = LaneScope(lane_id=delivery.lane_id)
        after = await self._store.last_sent(scope, delivery.address.destination)
        async with asyncio.timeout(SEND_TIMEOUT):
            sent = await adapter.settle(delivery, after)
        if sent is None:
            return None
        await self._pass_on(self._channels[delivery.channel], sent)
        obs.FOUND_UNKNOWN.labels(delivery.channel).inc()
        return _mark(delivery, DeliveryState.SENT, platform_id=sent.platform_id)

    async def _wait_for_budget(self, channel: Channel, delivery: Delivery) -> None:
        for name, rate in channel.budgets(delivery.address):
            key = f"{channel.name}:{name}"
            wait = await self._coordinator.wait_for(key, rate)
            while wait:
                await asyncio.sleep(wait)
                wait = await self._coordinator.wait_for(key, rate)

    async def _send(self, channel: Channel, delivery: Delivery) -> Mark:
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                sent: Sent = await channel.adapter.send(delivery)
        except TimeoutError:
            return self._failed(channel, delivery, OutcomeUnknown("no answer in time"))
        except (SendError, Unavailable) as error:
            obs.SEND_ATTEMPTS.labels(channel.name, type(error).__name__).inc()
            return await self._refused(channel, delivery, error)
        except Exception as error:
            obs.log.exception(obs.Event.SEND_FAILED, channel=channel.name, delivery=delivery.id)
            return self._failed(channel, delivery, OutcomeUnknown(type(error).__name__))
        failpoint("after-send")
        channel.sent.inc()
        await self._pass_on(channel, sent)
        return _mark(delivery, DeliveryState.SENT, platform_id=sent.platform_id)

    async def _pass_on(self, channel: Channel, sent: Sent) -> None:
        """Tell that the place it went to has another id now."""
        if sent.moved is not None:
            # What is sent there next would tell it again.
            with suppress(Unavailable):
                await self._moved(channel, sent.moved)

    async def _refused(
        self, channel: Channel, delivery: Delivery, error: SendError | Unavailable
    ) -> Mark:
        if isinstance(error, RateLimited):
            await self._hold(channel, delivery.address, Act.SEND, error.retry_after)
        if isinstance(error, RateLimited | Unavailable):
            return self._later(delivery, error, error.retry_after)
        return self._failed(channel, delivery, error)

    def reported(self, channel: Channel, delivery: Delivery, error: SendError) -> Mark:
        """What becomes of a delivery that the platform took, and of which it told this later."""
        if isinstance(error, RateLimited):
            return self._later(delivery, error, error.retry_after)
        return self._failed(channel, delivery, error)

    def _later(
        self, delivery: Delivery, error: Exception, pause: float, *, doubt: bool = False
    ) -> Mark:
        """Nothing was tried in earnest: no attempt burns."""
        reason = str(error) or type(error).__name__
        if self._clock() - delivery.created_at > GIVE_UP_AFTER:
            return _mark(delivery, DeliveryState.DEAD, error=reason)
        due = self._clock() + pause
        return _mark(delivery, DeliveryState.PENDING, not_before=due, error=reason, started=doubt)

    def _failed(self, channel: Channel, delivery: Delivery, error: SendError) -> Mark:
        """An attempt that burned."""
        attempts = delivery.attempts + 1
        if isinstance(error, Held):
            obs.log.warning(
                obs.Event.DELIVERY_HELD,
                channel=channel.name,
                delivery=delivery.id,
                reason=str(error),
            )
            return _mark(delivery, DeliveryState.HELD, error=str(error))
        if isinstance(error, RecipientGone | Rejected):
            obs.log.warning(
                obs.Event.DELIVERY_REFUSED,
                channel=channel.name,
                delivery=delivery.id,
                reason=str(error),
            )
            gone = _GONE if isinstance(error, RecipientGone) else ""
            return _mark(delivery, DeliveryState.FAILED, attempts=attempts, error=f"{gone}{error}")
        settling = isinstance(channel.adapter, Settling)
        if isinstance(error, OutcomeUnknown) and not settling:
            if channel.on_unknown == "hold":
                obs.log.warning(obs.Event.DELIVERY_UNKNOWN, delivery=delivery.id, reason=str(error))
                return _mark(delivery, DeliveryState.UNKNOWN, attempts=attempts, error=str(error))
            obs.RESENT_UNKNOWN.labels(channel.name).inc()
        if attempts >= MAX_ATTEMPTS:
            obs.log.error(obs.Event.DELIVERY_DEAD, delivery=delivery.id, reason=str(error))
            return _mark(delivery, DeliveryState.DEAD, attempts=attempts, error=str(error))
        due = self._clock() + _BACKOFF[min(attempts, len(_BACKOFF)) - 1]
        return _mark(
            delivery,
            DeliveryState.PENDING,
            attempts=attempts,
            not_before=due,
            error=str(error),
            started=settling and isinstance(error, OutcomeUnknown),
        )

    async def _record(self, queue: _Queue, marks: list[Mark], *, patient: bool = False) -> None:
        """Make marks durable; a store that is away is waited for, since what was sent was sent."""
        for mark in marks:
            if mark.state is not DeliveryState.PENDING:
                self._settlements[mark.state].inc()
        pause = 0.1
        while True:
            try:
                await self._store.mark(tuple(marks), patient=patient)
                _forget(queue, marks)
                return
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)


def _mark(delivery: Delivery, state: DeliveryState, **changes: Any) -> Mark:
    fields = {"attempts": delivery.attempts, **changes}
    return Mark(delivery_id=delivery.id, state=state, **fields)


def _with_the_rest(queue: _Queue, mark: Mark) -> list[Mark]:
    """Nobody is there: what else waits for the same place fails with it, uncalled."""
    rest = [_mark(item, DeliveryState.FAILED, error=mark.error) for item in queue.items]
    queue.items.clear()
    return rest


def _rest_of_its_turn(queue: _Queue, head: Delivery) -> list[Delivery]:
    """What else an answer says waits with its beginning, uncalled, or it would be read first."""
    mine = (one for one in queue.items if head.turn_id and one.turn_id == head.turn_id)
    rest = [one for one in mine if not one.started]
    for one in rest:
        queue.items.remove(one)
    return rest


def _forget(queue: _Queue, recorded: list[Mark]) -> None:
    """These are durable: what a scan reads from now on is true of them."""
    done = (mark.delivery_id for mark in recorded if mark.state is not DeliveryState.PENDING)
    queue.ids.difference_update(done)
    recorded.clear()


def _after(delivery: Delivery, mark: Mark) -> Delivery:
    return replace(
        delivery,
        state=DeliveryState.UNKNOWN if mark.started else DeliveryState.PENDING,
        attempts=mark.attempts,
        not_before=mark.not_before,
        started=mark.started,
    )
