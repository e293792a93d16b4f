"""Commit 1: accepted events enter the inbox, once each."""

from __future__ import annotations

import time
from collections.abc import Container, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from gateway.domain import Delivery, Outcome
from gateway.ports.records import Accepted, Arrival, Hold
from gateway.store import deliveries, lanes, sql
from gateway.store import inbox as rows
from gateway.store.lanes import Writer
from gateway.store.sealing import Seal
from gateway.store.tables import inbox

_insert = sql.insert(inbox, or_ignore=True)
_first = sql.Prepared(
    select(inbox.c.id, inbox.c.task_id, inbox.c.lane_id, inbox.c.fingerprint).where(
        inbox.c.channel == sql.value("channel"), inbox.c.event_id == sql.value("event_id")
    ),
    "channel event_id",
)
_stored = sql.Prepared(
    lambda dialect: select(inbox.c.id).where(
        sql.among(inbox.c.id, "ids", dialect), inbox.c.turn_id == sql.value("stamp")
    ),
    "ids stamp",
)


def accept_all(
    connection: Connection, writer: Writer, arrivals: Sequence[Arrival]
) -> list[Accepted]:
    """Store each unless it is known; on an idle lane claim the first in the platform's order."""
    lane_ids = lanes.resolve(connection, writer, arrivals)
    firsts = _firsts(arrivals, lane_ids)
    fences = lanes.claim_idle(connection, writer, list(firsts))
    holds = {firsts[lane]: Hold(lane_id=lane, fence=fence) for lane, fence in fences.items()}
    stamp, now = writer.stamp(), time.time()
    values = [
        _values(arrival, writer.seal, lane_id, index in holds, stamp, now)
        for index, (arrival, lane_id) in enumerate(zip(arrivals, lane_ids, strict=True))
    ]
    known: dict[int, Accepted] = {}
    if _insert.many(connection, values) != len(values):
        known = _known(connection, writer.seal, arrivals, stamp)
        _pass_on(connection, arrivals, _firsts(arrivals, lane_ids, known), holds, known)
    deliveries.insert_all(connection, _notices(arrivals, lane_ids, known))
    return [
        known.get(index) or _accepted(arrival, lane_id, holds.get(index))
        for index, (arrival, lane_id) in enumerate(zip(arrivals, lane_ids, strict=True))
    ]


def _accepted(arrival: Arrival, lane_id: str, hold: Hold | None) -> Accepted:
    return Accepted(row_id=arrival.row_id, task_id=arrival.task_id, lane_id=lane_id, hold=hold)


def _firsts(
    arrivals: Sequence[Arrival], lane_ids: Sequence[str], without: Container[int] = ()
) -> dict[str, int]:
    """Which arrival would claim each lane: the lowest in the platform's order, else the first."""
    firsts: dict[str, int] = {}
    for index, (arrival, lane_id) in enumerate(zip(arrivals, lane_ids, strict=True)):
        if arrival.control or arrival.refusal is not None or index in without:
            continue
        if lane_id not in firsts or arrival.order < arrivals[firsts[lane_id]].order:
            firsts[lane_id] = index
    return firsts


def _values(
    arrival: Arrival, seal: Seal, lane_id: str, claimed: bool, stamp: str, now: float
) -> sql.Values:
    refused = arrival.refusal is not None
    event = seal.event(arrival.channel, arrival.event_id)
    return (
        arrival.row_id,
        arrival.channel,
        event,
        lane_id,
        arrival.task_id,
        stamp,
        1 if arrival.control else 0,
        0 if refused else arrival.order,
        "done" if refused else "claimed" if claimed else "waiting",
        Outcome.REFUSED.value if refused else None,
        1 if claimed else 0,
        0.0,
        None if refused else arrival.raw,
        None if refused else arrival.inbound,
        seal.content(event, arrival.fingerprint),
        arrival.accepted_at,
        now if refused else None,
        "",
    )


def _known(
    connection: Connection, seal: Seal, arrivals: Sequence[Arrival], stamp: str
) -> dict[int, Accepted]:
    """Those that were there before this transaction, by their place."""
    ids = sql.array(connection, [arrival.row_id for arrival in arrivals])
    stored = {row[0] for row in _stored.all(connection, ids, stamp)}
    return {
        index: _duplicate(connection, seal, arrival)
        for index, arrival in enumerate(arrivals)
        if arrival.row_id not in stored
    }


def _duplicate(connection: Connection, seal: Seal, arrival: Arrival) -> Accepted:
    event = seal.event(arrival.channel, arrival.event_id)
    row_id, task_id, lane_id, fingerprint = _first.one(connection, arrival.channel, event)
    return Accepted(
        row_id=row_id,
        task_id=task_id,
        lane_id=lane_id,
        duplicate=True,
        conflict=fingerprint != seal.content(event, arrival.fingerprint),
    )


def _pass_on(
    connection: Connection,
    arrivals: Sequence[Arrival],
    firsts: dict[str, int],
    holds: dict[int, Hold],
    known: Container[int],
) -> None:
    """A lane claimed for what turned out a duplicate goes to the next in order, or is freed."""
    idle = []
    for index in [index for index in holds if index in known]:
        hold = holds.pop(index)
        if hold.lane_id in firsts:
            heir = firsts[hold.lane_id]
            holds[heir] = hold
            rows.claim_all(connection, [(arrivals[heir].row_id, hold.lane_id)])
        else:
            idle.append(hold.lane_id)
    if idle:
        lanes.free(connection, idle)


def _notices(
    arrivals: Sequence[Arrival], lane_ids: Sequence[str], known: Container[int]
) -> list[Delivery]:
    return [
        replace(notice, lane_id=lane_id)
        for index, (arrival, lane_id) in enumerate(zip(arrivals, lane_ids, strict=True))
        if arrival.refusal and index not in known
        for notice in arrival.refusal
    ]
