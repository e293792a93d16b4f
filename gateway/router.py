"""Accepting: judge an event, commit it, and only then let the platform have its acknowledgement."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, TypeVar

import orjson

from gateway import commands
from gateway import observability as obs
from gateway.boundary import ONE_PERSON, Boundary
from gateway.channels import Channel
from gateway.domain import (
    CONTROL_ACTIONS,
    Action,
    Address,
    Attachment,
    Conversation,
    ConversationKind,
    Delivery,
    Inbound,
    Moved,
    Outcome,
    Participant,
    Press,
    Quote,
    new_id,
)
from gateway.errors import LimitExceeded
from gateway.failpoints import failpoint
from gateway.lane import Waiting
from gateway.lanes import Lanes
from gateway.limits import Allowance, MessageRate, incoming_text
from gateway.notices import NOTHING_RUNS
from gateway.ports.adapter import Receipt
from gateway.ports.records import Accepted, Arrival, LaneScope, OperatorScope, Row
from gateway.ports.store import Store

CACHED_KEYS = 10_000

T = TypeVar("T")


class Router:
    """Takes raw events in, one call each; also what a restart or a scan finds waiting."""

    def __init__(
        self,
        *,
        store: Store,
        lanes: Lanes,
        put: Callable[[Iterable[Delivery]], None],
        rate: MessageRate,
        channels: Mapping[str, Channel],
        merged: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._put = put
        self._rate = rate
        self._channels = channels
        self._merged = merged
        self._clock = clock
        self._lane_keys: OrderedDict[str, None] = OrderedDict()
        self._linked: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def receive(self, channel: Channel, raw: bytes) -> Receipt:
        """Commit 1. Raises ``Unavailable`` when the store is away: do not acknowledge then."""
        verdict = channel.judge(raw)
        inbound, boundary = verdict.inbound, verdict.boundary
        if verdict.moved is not None:
            await self.moved(channel, verdict.moved)
            return Receipt(outcome="accepted", reason=verdict.reason, settled=True)
        takes_part = verdict.follows and boundary is not None and await self._knows(boundary.key)
        accepted = verdict.outcome == "accepted" or takes_part
        if inbound is None or boundary is None or not accepted:
            self._turned_away(channel, verdict.outcome, verdict.reason, verdict.unreadable)
            return Receipt(outcome=verdict.outcome, reason=verdict.reason)
        try:
            inbound = _cleaned(inbound)
        except LimitExceeded as error:
            self._turned_away(channel, "refused", str(error), unreadable=False)
            return Receipt(outcome="refused", reason=str(error))
        if inbound.also and boundary.rule in ONE_PERSON:
            await self._link(channel, inbound, boundary)
        return await self._accept(channel, raw, inbound, boundary)

    async def _link(self, channel: Channel, inbound: Inbound, boundary: Boundary) -> None:
        """A participant has other ids: each leads to their lane."""
        for other in inbound.also:
            who = replace(inbound.participant, id=other)
            keys = boundary.key, channel.place(replace(inbound, participant=who)).key
            if keys in self._linked:
                continue
            emptied = await self._store.link(channel.name, boundary.owner, keys)
            _remember(self._linked, keys)
            if emptied:
                obs.log.info(obs.Event.PERSON_MOVED, channel=channel.name, lanes=list(emptied))
                await self._leave(emptied)

    def forget(self) -> None:
        """Lanes may be gone, and what led to them: what is known of them is looked up anew."""
        self._lane_keys.clear()
        self._linked.clear()

    async def _knows(self, lane_key: str) -> bool:
        """Whether the lane exists; asked of each message that may go on in a thread."""
        if lane_key in self._lane_keys:
            self._lane_keys.move_to_end(lane_key)
            return True
        if not await self._store.has_lane(lane_key):
            return False
        _remember(self._lane_keys, lane_key)
        return True

    async def moved(self, channel: Channel, moved: Moved) -> None:
        """A group goes on under another id, and its lanes with it; told once more, a no-op."""
        emptied = await self._store.move(channel.name, moved.old_id, moved.new_id)
        obs.log.info(
            obs.Event.GROUP_MOVED, channel=channel.name, old=moved.old_id, new=moved.new_id
        )
        if emptied:
            await self._leave(emptied)

    async def _leave(self, lane_ids: Iterable[str]) -> None:
        """These lanes gave way to others, on which their rows wait now: one owner has it all."""
        self._merged()
        for lane_id in lane_ids:
            self._lanes.revoke(lane_id)
        await self.recover()

    async def recover(self, *, before: float = math.inf) -> int:
        """Put every row accepted ``before``, that waits in the store and is not known here, on its
        lane."""
        found = 0
        scope = OperatorScope(why="rows that wait in the store")
        async for row in self._store.waiting(scope):
            channel = self._channels.get(row.channel)
            if channel is None or row.accepted_at > before:
                continue
            if self._lanes.knows(row.lane_id, row.id):
                continue
            found += 1
            await self._readmit(channel, row)
        return found

    def _turned_away(self, channel: Channel, outcome: str, reason: str, unreadable: bool) -> None:
        obs.TURNED_AWAY.labels(channel.name, outcome).inc()
        if unreadable or outcome == "refused":
            event = obs.Event.EVENT_UNREADABLE if unreadable else obs.Event.EVENT_REFUSED
            obs.log.warning(event, channel=channel.name, reason=reason)

    async def _accept(
        self, channel: Channel, raw: bytes, inbound: Inbound, boundary: Boundary
    ) -> Receipt:
        control = inbound.action in CONTROL_ACTIONS
        if not control and commands.is_stop(inbound.text):
            control, inbound = True, _as_stop(inbound)
        allowance = None if control else await self._rate.take(boundary.key)
        refused = allowance is not None and not allowance.allowed
        now = self._clock()
        arrival = Arrival(
            row_id=new_id(),
            task_id=new_id(),
            channel=channel.name,
            event_id=inbound.event_id,
            lane_key=boundary.key,
            owner=boundary.owner,
            shared=boundary.shared,
            raw=raw,
            inbound=orjson.dumps(inbound),
            accepted_at=now,
            control=control,
            order=inbound.order,
            fingerprint=_fingerprint(inbound),
            refusal=_refusal(channel, inbound, allowance, now) if refused else None,
        )
        failpoint("before-commit-1")
        accepted = await self._store.accept(arrival)
        failpoint("after-commit-1")
        if refused and not accepted.duplicate:
            return self._over_the_rate(channel, arrival, accepted, allowance)
        return await self._accepted(channel, arrival, accepted, inbound, boundary)

    def _over_the_rate(
        self, channel: Channel, arrival: Arrival, accepted: Accepted, allowance: Allowance | None
    ) -> Receipt:
        obs.TURNED_AWAY.labels(channel.name, "rate").inc()
        self._put(_on_lane(arrival.refusal or (), accepted.lane_id))
        return Receipt(
            outcome="refused",
            reason="too many messages",
            row_id=accepted.row_id,
            task_id=accepted.task_id,
            retry_after=allowance.retry_after if allowance else None,
        )

    async def _accepted(
        self,
        channel: Channel,
        arrival: Arrival,
        accepted: Accepted,
        inbound: Inbound,
        boundary: Boundary,
    ) -> Receipt:
        receipt = Receipt(
            outcome="accepted",
            row_id=accepted.row_id,
            task_id=accepted.task_id,
            duplicate=accepted.duplicate,
            conflict=accepted.conflict,
            settled=arrival.control,
        )
        if accepted.duplicate:
            obs.DUPLICATES.labels(channel.name).inc()
            return receipt
        channel.accepted.inc()
        channel.last_inbound.set(arrival.accepted_at)
        row = Waiting(
            id=accepted.row_id,
            task_id=accepted.task_id,
            channel=channel.name,
            inbound=inbound,
            boundary=boundary,
            accepted_at=arrival.accepted_at,
            preview=inbound.preview,
        )
        if arrival.control:
            await self._control(channel, accepted.lane_id, row)
        else:
            self._lanes.admit(accepted.lane_id, row, accepted.hold)
        return receipt

    async def _control(self, channel: Channel, lane_id: str, row: Waiting) -> None:
        """To the lane's holder at once; a no-op, and said so, when it comes too late."""
        if self._lanes.control(lane_id, row):
            return
        if row.inbound.action is not Action.STOP:
            revisions = row.revisions()
            await self._store.revise(row.id, LaneScope(lane_id=lane_id), revisions)
            self._lanes.revised(lane_id, revisions)
            return
        notices: tuple[Delivery, ...] = ()
        if not channel.transcript:
            notices = (_notice(channel, row.inbound, NOTHING_RUNS, self._clock(), lane_id),)
        await self._store.end_control(row.id, Outcome.SILENT, notices)
        self._put(notices)

    async def _readmit(self, channel: Channel, row: Row) -> None:
        inbound = decode(row.inbound)
        waiting = Waiting(
            id=row.id,
            task_id=row.task_id,
            channel=row.channel,
            inbound=inbound,
            boundary=channel.place(inbound),
            accepted_at=row.accepted_at,
            attempts=row.attempts,
            preview=row.preview or inbound.preview,
        )
        if row.control:
            await self._control(channel, row.lane_id, waiting)
        else:
            self._lanes.admit(row.lane_id, waiting)


def _remember(cache: OrderedDict[T, None], key: T) -> None:
    cache[key] = None
    if len(cache) > CACHED_KEYS:
        cache.popitem(last=False)


def decode(data: bytes) -> Inbound:
    """An inbound event as ``Arrival.inbound`` holds it."""
    fields: dict[str, Any] = orjson.loads(data)
    place, who = fields["conversation"], fields["participant"]
    press = fields["press"]
    fields["conversation"] = Conversation(**{**place, "kind": ConversationKind(place["kind"])})
    fields["participant"] = Participant(**{**who, "aliases": tuple(who["aliases"])})
    fields["address"] = Address(**fields["address"])
    fields["action"] = Action(fields["action"])
    fields["press"] = press and Press(**press)
    fields["attachments"] = tuple(Attachment(**one) for one in fields.get("attachments", ()))
    quote = fields.get("quote")
    fields["quote"] = quote and Quote(**quote)
    fields["deleted"] = tuple(fields.get("deleted", ()))
    fields["also"] = tuple(fields.get("also", ()))
    return Inbound(**fields)


def _cleaned(inbound: Inbound) -> Inbound:
    text = incoming_text(inbound.text)
    return inbound if text is inbound.text else replace(inbound, text=text)


def _as_stop(inbound: Inbound) -> Inbound:
    return replace(inbound, action=Action.STOP)


def _fingerprint(inbound: Inbound) -> str:
    press = inbound.press
    what = f"{press.question_id}:{press.option}" if press else inbound.text
    for file in inbound.attachments:
        what += f"\0{file.id or file.ref}"
    return blake2b(what.encode(), digest_size=8).hexdigest()


def _refusal(
    channel: Channel, inbound: Inbound, allowance: Allowance | None, now: float
) -> tuple[Delivery, ...]:
    if allowance is None or not allowance.tell or channel.transcript:
        return ()
    wait = max(1, round(allowance.retry_after))
    text = f"That was a lot at once. I read on in {wait} s; please send your message again then."
    return (_notice(channel, inbound, text, now),)


def _notice(
    channel: Channel, inbound: Inbound, text: str, now: float, lane_id: str = ""
) -> Delivery:
    return Delivery(
        id=new_id(),
        channel=channel.name,
        lane_id=lane_id,
        address=inbound.address,
        text=text,
        created_at=now,
    )


def _on_lane(deliveries: tuple[Delivery, ...], lane_id: str) -> list[Delivery]:
    return [replace(delivery, lane_id=lane_id) for delivery in deliveries]
