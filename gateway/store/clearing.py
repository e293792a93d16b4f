"""Inbox rows that are cleared away, and what is asked of them then."""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, and_, func, select

from gateway.domain import Outcome
from gateway.store import sql
from gateway.store.inbox import OPEN
from gateway.store.tables import inbox

_CLAIMED = inbox.c.state == sql.constant("claimed")
_DEAD = inbox.c.state == sql.constant("dead")


def erase_lane(connection: Connection, lane_id: str, *, only_dead: bool) -> int:
    """Every row of the lane that is not over is cancelled, and nothing of it is left; or only the
    dead ones are erased. Returns how many."""
    mine = inbox.c.lane_id == lane_id
    return _cancel(connection, and_(mine, _DEAD) if only_dead else mine)


def erase_rows(connection: Connection, lane_id: str, ids: Sequence[str]) -> int:
    """The same with these of its rows."""
    return _cancel(connection, and_(inbox.c.lane_id == lane_id, inbox.c.id.in_(ids)))


def _cancel(connection: Connection, which: ColumnElement[bool]) -> int:
    cancelled = func.coalesce(inbox.c.outcome, sql.constant(Outcome.CANCELLED.value))
    done_at = func.coalesce(inbox.c.done_at, time.time())
    gone = {"raw": None, "inbound": None, "ord": 0, "preview": ""}
    return connection.execute(
        sqlalchemy.update(inbox)
        .where(which, OPEN)
        .values(state="done", outcome=cancelled, done_at=done_at, **gone)
    ).rowcount


def release(connection: Connection, lane_id: str) -> None:
    """What was claimed on a lane waits again, its attempt not counted: its holder is expelled."""
    connection.execute(
        sqlalchemy.update(inbox)
        .where(inbox.c.lane_id == lane_id, OPEN, _CLAIMED)
        .values(state="waiting", attempts=inbox.c.attempts - 1)
    )


def waits(connection: Connection, lane_id: str) -> bool:
    """Whether anything waits on the lane, or is being done."""
    query = select(inbox.c.id).where(inbox.c.lane_id == lane_id, OPEN, ~_DEAD).limit(1)
    return connection.execute(query).first() is not None


def turns_of(connection: Connection, row_ids: Sequence[str]) -> list[str]:
    """The turns that ended these rows."""
    query = select(inbox.c.turn_id).where(inbox.c.id.in_(row_ids), inbox.c.turn_id.is_not(None))
    return list(connection.execute(query.distinct()).scalars())
