"""Inbox rows from their claim to their one outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    case,
    func,
    literal_column,
    select,
)

from gateway.domain import Delivery, Outcome
from gateway.ports.records import (
    Counts,
    Dead,
    Effects,
    Hold,
    LaneScope,
    OperatorScope,
    Row,
    RowEnd,
    RowRetry,
)
from gateway.store import deliveries, lanes, sql
from gateway.store.lanes import Writer
from gateway.store.scope import scoped
from gateway.store.tables import inbox
from gateway.store.text import clean

OPEN = inbox.c.state != sql.constant("done")
_LIVE: ColumnElement[bool] = literal_column("state IN ('waiting', 'claimed')", Boolean)
_WAITING = inbox.c.state == sql.constant("waiting")
_CLAIMED = inbox.c.state == sql.constant("claimed")
_DEAD = inbox.c.state == sql.constant("dead")
_ROW = (
    *(inbox.c.id, inbox.c.task_id, inbox.c.lane_id, inbox.c.channel),
    *(inbox.c.inbound, inbox.c.accepted_at, inbox.c.control, inbox.c.ord, inbox.c.attempts),
    *(inbox.c.not_before, inbox.c.preview),
)

# What a platform counts by says as much as an event's id, and is needed no longer.
_ERASED = "raw inbound ord preview"
_NOTHING = (None, None, 0, "")

_end = sql.update(inbox, f"state outcome task_id turn_id done_at {_ERASED}", "id lane_id", _LIVE)
_kill = sql.update(inbox, "state outcome task_id turn_id done_at", "id lane_id", _LIVE)
_end_control = sql.update(
    *(inbox, f"state outcome done_at {_ERASED}", "id"),
    *(inbox.c.control == literal_column("1"), _LIVE),
)
_preview = sql.update(inbox, "preview", "id", _LIVE)
_retry = sql.Prepared(
    sqlalchemy.update(inbox)
    .ordered_values(
        (inbox.c.state, sql.constant("waiting")),
        (inbox.c.not_before, sql.value("not_before")),
        (inbox.c.attempts, inbox.c.attempts - sql.value("refund")),
    )
    .where(inbox.c.id == sql.value("id"), inbox.c.lane_id == sql.value("lane_id"), _LIVE),
    "not_before refund id lane_id",
)
_displace = sql.Prepared(
    sqlalchemy.update(inbox)
    .ordered_values((inbox.c.state, sql.constant("waiting")))
    .where(inbox.c.lane_id == sql.value("lane_id"), OPEN, _CLAIMED),
    "lane_id",
)
_reclaim = sql.Prepared(
    sqlalchemy.update(inbox)
    .ordered_values((inbox.c.state, sql.constant("claimed")))
    .where(inbox.c.id == sql.value("id"), inbox.c.lane_id == sql.value("lane_id")),
    "id lane_id",
)
_claim = sql.Prepared(
    sqlalchemy.update(inbox)
    .ordered_values(
        (inbox.c.state, sql.constant("claimed")),
        (inbox.c.attempts, inbox.c.attempts + literal_column("1")),
    )
    .where(inbox.c.id == sql.value("id"), inbox.c.lane_id == sql.value("lane_id"), _WAITING),
    "id lane_id",
)
_live_among = sql.Prepared(
    lambda dialect: select(*_ROW, inbox.c.state).where(
        sql.among(inbox.c.id, "ids", dialect), inbox.c.lane_id == sql.value("lane_id"), _LIVE
    ),
    "ids lane_id",
)
_waiting_of_lane = sql.Prepared(
    select(inbox.c.id).where(inbox.c.lane_id == sql.value("lane_id"), OPEN, _WAITING), "lane_id"
)
_waiting = sql.Prepared(select(inbox.c.id).where(OPEN, _WAITING))
_page_of_lane = sql.Prepared(
    lambda dialect: select(*_ROW).where(
        sql.among(inbox.c.id, "ids", dialect), inbox.c.lane_id == sql.value("lane_id"), _WAITING
    ),
    "ids lane_id",
)
_page = sql.Prepared(
    lambda dialect: select(*_ROW).where(sql.among(inbox.c.id, "ids", dialect), _WAITING),
    "ids",
)


def claim(
    connection: Connection, writer: Writer, lane_id: str, row_ids: Sequence[str]
) -> tuple[Hold, list[Row]]:
    """Claim the lane for those of the rows that still wait, in the order given.

    What an earlier claim of the lane left claimed waits again, its attempt counted; unless it is
    claimed anew, which then is the same attempt. Raises ``Fenced``.
    """
    hold = lanes.take(connection, writer, lane_id)
    rows = _live_among.all(connection, sql.array(connection, row_ids), lane_id)
    live = {row[0]: row for row in rows}
    _displace.run(connection, lane_id)
    claimed = []
    for found in (live[row_id] for row_id in row_ids if row_id in live):
        again = found[-1] == "claimed"
        (_reclaim if again else _claim).run(connection, found[0], lane_id)
        claimed.append(_row(found, claims=0 if again else 1))
    return hold, claimed


def claim_all(connection: Connection, rows: Sequence[tuple[str, str]]) -> None:
    """Claim each waiting (row id, lane id), which counts as an attempt."""
    _claim.many(connection, rows)


def unclaim(connection: Connection, hold: Hold, holder: str) -> None:
    """Undo a claim that nobody learnt of: its rows wait again, the attempt was none."""
    if lanes.let_go(connection, hold, holder):
        connection.execute(
            sqlalchemy.update(inbox)
            .where(inbox.c.lane_id == hold.lane_id, OPEN, _CLAIMED)
            .values(state="waiting", attempts=inbox.c.attempts - 1)
        )


def recover(connection: Connection) -> None:
    """What was claimed waits again and its lanes are free: every former holder is dead."""
    claimed = select(inbox.c.lane_id).where(OPEN, _CLAIMED)
    lanes.free(connection, list(connection.execute(claimed.distinct()).scalars()))
    connection.execute(sqlalchemy.update(inbox).where(OPEN, _CLAIMED).values(state="waiting"))


def end_all(connection: Connection, ends: Sequence[tuple[RowEnd, Effects, float]]) -> None:
    """These rows have their outcome; what people wrote is erased from them."""
    _end.many(
        connection,
        [
            ("done", *_outcome(end, e, now), *_NOTHING, end.row_id, e.hold.lane_id)
            for end, e, now in ends
        ],
    )


def kill_all(connection: Connection, ends: Sequence[tuple[RowEnd, Effects, float]]) -> None:
    """These rows gave up; they keep what people wrote, for an operator."""
    _kill.many(
        connection,
        [("dead", *_outcome(end, e, now), end.row_id, e.hold.lane_id) for end, e, now in ends],
    )


def _outcome(end: RowEnd, effects: Effects, now: float) -> tuple[str, str, str, float]:
    return (end.outcome.value, end.task_id, effects.turn_id, now)


def retry_all(connection: Connection, retries: Sequence[tuple[RowRetry, Effects]]) -> None:
    """These rows wait again."""
    _retry.many(
        connection,
        [(r.not_before, int(r.refund), r.row_id, e.hold.lane_id) for r, e in retries],
    )


def ended_by(connection: Connection, row_id: str, turn_id: str) -> bool:
    """Whether it was this turn that ended the row."""
    query = select(inbox.c.turn_id).where(inbox.c.id == row_id)
    return connection.execute(query).scalar() == turn_id


def end_control(
    connection: Connection, row_id: str, outcome: Outcome, notices: Sequence[Delivery]
) -> None:
    """A control row is done; saying so twice has the effect of once."""
    if _over(connection, row_id, outcome):
        deliveries.insert_all(connection, notices)


def end_revision(connection: Connection, row_id: str, found: bool) -> bool:
    """A control row that edits or deletes is done; False when it was over before."""
    outcome = Outcome.ANSWERED if found else Outcome.SILENT
    return _over(connection, row_id, outcome)


def _over(connection: Connection, row_id: str, outcome: Outcome) -> bool:
    values = ("done", outcome.value, time.time(), *_NOTHING)
    return _end_control.run(connection, *values, row_id) > 0


def preview(connection: Connection, row_id: str, message_id: str) -> None:
    """Which platform message shows the answer to this row, unless it is over."""
    _preview.run(connection, clean(message_id), row_id)


def hand_over(connection: Connection, lane_id: str, heir: str) -> None:
    """What is not over on a lane goes to another; what was claimed there waits again."""
    connection.execute(
        sqlalchemy.update(inbox)
        .where(inbox.c.lane_id == lane_id, OPEN)
        .values(
            lane_id=heir,
            state=case((_CLAIMED, sql.constant("waiting")), else_=inbox.c.state),
        )
    )


def cancel_lane(connection: Connection, lane_id: str) -> list[tuple[str, str]]:
    """The lane's turn rows that are not over end as cancelled; returns their (id, task id)."""
    live = (inbox.c.lane_id == lane_id, OPEN, _LIVE, inbox.c.control == 0)
    rows = connection.execute(select(inbox.c.id, inbox.c.task_id).where(*live).order_by(inbox.c.id))
    cancelled = [(row.id, row.task_id) for row in rows]
    outcome = {"outcome": Outcome.CANCELLED.value, "done_at": time.time()}
    connection.execute(
        sqlalchemy.update(inbox)
        .where(*live)
        .values(state="done", raw=None, inbound=None, ord=0, preview="", **outcome)
    )
    return cancelled


def erase_dead(connection: Connection, lane_id: str) -> None:
    """Nothing that people wrote is left in the lane's dead rows."""
    _erase(connection, inbox.c.lane_id == lane_id)


@scoped(OperatorScope)
def retry_row(connection: Connection, scope: OperatorScope, row_id: str) -> Row:
    """A dead row waits again, attempts at 0. Raises ``LookupError``."""
    again = {"outcome": None, "turn_id": None, "done_at": None, "attempts": 0, "not_before": 0.0}
    changed = connection.execute(
        sqlalchemy.update(inbox).where(inbox.c.id == row_id, _DEAD).values(state="waiting", **again)
    )
    if not changed.rowcount:
        raise LookupError(f"no dead row {row_id}")
    return _row(connection.execute(select(*_ROW).where(inbox.c.id == row_id)).one())


@scoped(OperatorScope)
def discard_row(connection: Connection, scope: OperatorScope, row_id: str) -> None:
    """A dead row's content is erased. Raises ``LookupError``."""
    if not _erase(connection, inbox.c.id == row_id):
        raise LookupError(f"no dead row {row_id}")


def _erase(connection: Connection, which: Any) -> int:
    return connection.execute(
        sqlalchemy.update(inbox)
        .where(which, OPEN, _DEAD)
        .values(state="done", raw=None, inbound=None, ord=0, preview="")
    ).rowcount


@scoped(LaneScope, OperatorScope)
def waiting_ids(connection: Connection, scope: LaneScope | OperatorScope) -> list[str]:
    """The rows that wait, oldest first."""
    if isinstance(scope, LaneScope):
        found = _waiting_of_lane.all(connection, scope.lane_id)
    else:
        found = _waiting.all(connection)
    return sorted(row[0] for row in found)


@scoped(LaneScope, OperatorScope)
def waiting_page(
    connection: Connection, scope: LaneScope | OperatorScope, ids: Sequence[str]
) -> list[Row]:
    """Those of the rows that still wait, oldest first."""
    wanted = sql.array(connection, ids)
    if isinstance(scope, LaneScope):
        found = _page_of_lane.all(connection, wanted, scope.lane_id)
    else:
        found = _page.all(connection, wanted)
    return sorted((_row(values) for values in found), key=lambda row: row.id)


@scoped(OperatorScope)
def dead_rows(connection: Connection, scope: OperatorScope, limit: int) -> list[Dead]:
    """Dead-lettered rows, newest first."""
    query = select(*_ROW, inbox.c.raw, inbox.c.done_at).where(OPEN, _DEAD)
    # Not the bare column: along the primary key every row would be read to find the few dead ones.
    rows = connection.execute(query.order_by(inbox.c.id.concat("").desc()).limit(limit))
    return [Dead(row=_row(row), raw=row.raw or b"", died_at=row.done_at) for row in rows]


@scoped(OperatorScope)
def counts(connection: Connection, scope: OperatorScope) -> Counts:
    """How much waits."""
    number = func.count().label("number")
    query = select(inbox.c.state, number).where(OPEN).group_by(inbox.c.state)
    rows = {row.state: row.number for row in connection.execute(query)}
    unsent = deliveries.unsent(connection, scope)
    return Counts(
        waiting_rows=rows.get("waiting", 0),
        dead_rows=rows.get("dead", 0),
        pending_deliveries=unsent.get("pending", 0),
        by_state=unsent,
    )


def forget(connection: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` rows that were done when they were accepted before that time."""
    old = (
        select(inbox.c.id)
        .where(
            inbox.c.id < sql.id_at(before),
            inbox.c.accepted_at < before,
            inbox.c.state == sql.constant("done"),
        )
        .limit(limit)
    )
    return connection.execute(sqlalchemy.delete(inbox).where(inbox.c.id.in_(old))).rowcount


def _row(values: Any, claims: int = 0) -> Row:
    (row_id, task_id, lane_id, channel, inbound, at, control, order) = values[:8]
    attempts, later, preview = values[8 : len(_ROW)]
    return Row(
        id=row_id,
        task_id=task_id,
        lane_id=lane_id,
        channel=channel,
        inbound=inbound or b"",
        accepted_at=at,
        control=bool(control),
        order=order,
        attempts=attempts + claims,
        not_before=later,
        preview=preview,
    )
