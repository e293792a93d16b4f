"""The outbox: what is to be sent, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, func, select

from gateway.domain import Address, Attachment, Delivery, DeliveryState, Question
from gateway.ports.records import LaneScope, Mark, OperatorScope
from gateway.store import lanes, questions, sql
from gateway.store.scope import scoped
from gateway.store.tables import deliveries
from gateway.store.text import clean, dumps, loads

# Spelled out, so that the index on the state is sought for each and what was sent is never read.
_NOT_SENT = tuple(state.value for state in DeliveryState if state is not DeliveryState.SENT)
NOT_YET_SENT = (DeliveryState.PENDING, DeliveryState.HELD)
_SENT_LATELY = 3 * 86400.0
_PENDING = deliveries.c.state == sql.constant("pending")

_insert = sql.insert(deliveries)
_mark = sql.Prepared(
    sqlalchemy.update(deliveries)
    .ordered_values(
        *((deliveries.c[name], sql.value(name)) for name in ("state", "started", "attempts")),
        (deliveries.c.not_before, sql.value("not_before")),
        (
            deliveries.c.platform_id,
            func.coalesce(
                func.nullif(sql.value("platform_id"), sql.constant("")), deliveries.c.platform_id
            ),
        ),
        (deliveries.c.error, sql.value("error")),
    )
    .where(deliveries.c.id == sql.value("id")),
    "state started attempts not_before platform_id error id",
)


def insert_all(connection: Connection, items: Iterable[Delivery]) -> None:
    """Store new deliveries, as they stand."""
    _insert.many(connection, [_values(item) for item in items])


def mark_all(connection: Connection, marks: Iterable[Mark]) -> None:
    """Record what became of deliveries; a platform id once known stays until there is another."""
    _mark.many(connection, [_marked(mark) for mark in marks])


def _marked(mark: Mark) -> sql.Values:
    return (
        mark.state.value,
        int(mark.started),
        mark.attempts,
        mark.not_before,
        clean(mark.platform_id),
        clean(mark.error),
        mark.delivery_id,
    )


@scoped(LaneScope, OperatorScope)
def pending(
    connection: Connection, scope: LaneScope | OperatorScope, destination: str, limit: int
) -> list[Delivery]:
    """Deliveries that are to be sent, in the order of their making."""
    query = select(deliveries).where(_PENDING).order_by(deliveries.c.id).limit(limit)
    if isinstance(scope, LaneScope):
        query = query.where(deliveries.c.lane_id == scope.lane_id)
    if destination:
        query = query.where(deliveries.c.destination == destination)
    return [_delivery(row) for row in connection.execute(query)]


@scoped(LaneScope)
def last_sent(connection: Connection, scope: LaneScope, destination: str) -> str:
    """The platform's id of the last delivery sent from this lane to there; empty if none."""
    query = (
        select(deliveries.c.platform_id)
        .where(
            deliveries.c.state == sql.constant("sent"),
            deliveries.c.lane_id == scope.lane_id,
            deliveries.c.destination == destination,
            deliveries.c.platform_id != sql.constant(""),
        )
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    return str(connection.execute(query).scalar() or "")


@scoped(OperatorScope)
def in_states(
    connection: Connection, scope: OperatorScope, states: Sequence[DeliveryState], limit: int
) -> list[Delivery]:
    """Deliveries in these states, newest first."""
    wanted = [state.value for state in states]
    # Most were sent: the newest of those are found along the primary key, others by their state.
    state = deliveries.c.state.concat("") if DeliveryState.SENT in states else deliveries.c.state
    query = select(deliveries).where(state.in_(wanted))
    rows = connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit))
    return [_delivery(row) for row in rows]


@scoped(OperatorScope)
def held(
    connection: Connection, scope: OperatorScope, channel: str, destination: str
) -> list[Delivery]:
    """Deliveries that are held, in the order of their making; those for one destination."""
    query = select(deliveries).where(deliveries.c.state == sql.constant("held"))
    if channel:
        mine = (deliveries.c.channel == channel, deliveries.c.destination == clean(destination))
        query = query.where(*mine)
    return [_delivery(row) for row in connection.execute(query.order_by(deliveries.c.id))]


@scoped(OperatorScope)
def sent_as(
    connection: Connection, scope: OperatorScope, channel: str, platform_id: str
) -> Delivery | None:
    """The delivery that was sent as this message, among those of the last days."""
    query = select(deliveries).where(
        deliveries.c.id >= sql.id_at(time.time() - _SENT_LATELY),
        # Not the bare column: the index on it would read everything that was ever sent.
        deliveries.c.state.concat("") == "sent",
        deliveries.c.channel == channel,
        deliveries.c.platform_id == clean(platform_id),
    )
    found = connection.execute(query.limit(1)).first() if platform_id else None
    return None if found is None else _delivery(found)


@scoped(OperatorScope)
def one(connection: Connection, scope: OperatorScope, delivery_id: str) -> Delivery | None:
    """One delivery."""
    found = connection.execute(select(deliveries).where(deliveries.c.id == delivery_id)).first()
    return None if found is None else _delivery(found)


@scoped(OperatorScope)
def unsent(connection: Connection, scope: OperatorScope) -> dict[str, int]:
    """How many deliveries are in each state but ``sent``."""
    query = (
        select(deliveries.c.state, func.count().label("number"))
        .where(deliveries.c.state.in_(_NOT_SENT))
        .group_by(deliveries.c.state)
    )
    return {row.state: row.number for row in connection.execute(query)}


def delete_of_session(connection: Connection, lane_id: str, session_id: str) -> None:
    """Drop everything that was or is to be sent for a session."""
    connection.execute(
        sqlalchemy.delete(deliveries).where(
            deliveries.c.state.in_([state.value for state in DeliveryState]),
            deliveries.c.lane_id.in_([lane_id, *lanes.gave_way_to(connection, lane_id)]),
            deliveries.c.session_id == session_id,
        )
    )


def delete_of_turns(
    connection: Connection,
    lane_ids: Sequence[str],
    states: Sequence[DeliveryState],
    turns: Sequence[str],
) -> None:
    """Drop what these turns had to send from the lanes, where it is in one of the states."""
    if turns:
        theirs = deliveries.c.turn_id.in_(turns)
        connection.execute(sqlalchemy.delete(deliveries).where(*_among(lane_ids, states), theirs))


def delete_saying(
    connection: Connection,
    session_id: str,
    lane_ids: Sequence[str],
    states: Sequence[DeliveryState],
    texts: Sequence[str],
) -> None:
    """Drop what is left to send for a session, or failed, where it says a part of these texts."""
    left = [state for state in states if state is not DeliveryState.SENT]
    query = select(deliveries.c.id, deliveries.c.text).where(
        *_among(lane_ids, left), deliveries.c.session_id == session_id
    )
    whole = "\n".join(texts)
    said = [row.id for row in connection.execute(query) if row.text and row.text.strip() in whole]
    connection.execute(sqlalchemy.delete(deliveries).where(deliveries.c.id.in_(said)))


def delete_settled(connection: Connection, lane_id: str, until: float, limit: int) -> int:
    """Drop up to ``limit`` of a lane's deliveries made up to then of which nothing is to come."""
    states = [state for state in DeliveryState if state not in NOT_YET_SENT]
    old = select(deliveries.c.id).where(
        *_among([lane_id], states), deliveries.c.created_at <= until
    )
    query = sqlalchemy.delete(deliveries).where(deliveries.c.id.in_(old.limit(limit)))
    return connection.execute(query).rowcount


def are_due(connection: Connection, lane_id: str) -> bool:
    """Whether something is still to be sent from the lane."""
    query = select(deliveries.c.id).where(*_among([lane_id], NOT_YET_SENT)).limit(1)
    return connection.execute(query).first() is not None


def _among(
    lane_ids: Sequence[str], states: Sequence[DeliveryState]
) -> tuple[ColumnElement[bool], ...]:
    wanted = [state.value for state in states]
    return deliveries.c.state.in_(wanted), deliveries.c.lane_id.in_(lane_ids)


def forget(connection: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` deliveries of before that time which were sent or refused."""
    old = (
        select(deliveries.c.id)
        .where(
            deliveries.c.id < sql.id_at(before),
            deliveries.c.created_at < before,
            # Not the bare column: the index on it would read everything that was ever sent.
            deliveries.c.state.concat("").in_(["sent", "failed"]),
        )
        .limit(limit)
    )
    return connection.execute(
        sqlalchemy.delete(deliveries).where(deliveries.c.id.in_(old))
    ).rowcount


def _values(item: Delivery) -> sql.Values:
    address, question = item.address, item.question
    return (
        item.id,
        item.channel,
        item.lane_id,
        clean(address.destination),
        dumps(address.data) if address.data else "{}",
        clean(item.text),
        item.turn_id,
        item.session_id,
        None if question is None else questions.packed(question),
        item.state.value,
        item.attempts,
        1 if item.started else 0,
        item.not_before,
        item.created_at,
        item.part,
        clean(item.platform_id),
        clean(item.error),
        dumps(item.format) if item.format else None,
        None if item.attachment is None else dumps(item.attachment),
        clean(item.replaces),
    )


def _delivery(row: Any) -> Delivery:
    question: Question | None = None if row.question is None else questions.unpacked(row.question)
    return Delivery(
        id=row.id,
        channel=row.channel,
        lane_id=row.lane_id,
        address=Address(destination=row.destination, data=loads(row.address)),
        text=row.text,
        turn_id=row.turn_id,
        session_id=row.session_id,
        question=question,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        started=bool(row.started),
        not_before=row.not_before,
        created_at=row.created_at,
        part=row.part,
        platform_id=row.platform_id,
        error=row.error,
        format={} if row.format is None else loads(row.format),
        attachment=None if row.attachment is None else Attachment(**loads(row.attachment)),
        replaces=row.replaces,
    )
