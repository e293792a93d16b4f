"""Units of work in a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, delete, select

from gateway.domain import Task, TaskState
from gateway.ports.records import SessionScope
from gateway.store import sql
from gateway.store.scope import scoped
from gateway.store.tables import inbox, sessions, tasks
from gateway.store.text import dumps, loads

_UNFINISHED = (TaskState.SUBMITTED, TaskState.WORKING, TaskState.INPUT_REQUIRED)

_put = sql.upsert(tasks, "state updated_at steps")
_find = sql.Prepared(
    select(tasks).where(
        tasks.c.session_id == sql.value("session_id"), tasks.c.id == sql.value("id")
    ),
    "session_id id",
)
_waiting = sql.Prepared(
    select(inbox.c.state, inbox.c.accepted_at)
    .join(sessions, sessions.c.lane_id == inbox.c.lane_id)
    .where(
        sessions.c.id == sql.value("session_id"),
        sessions.c.ended_at.is_(None),
        inbox.c.state != sql.constant("done"),
        inbox.c.state != sql.constant("dead"),
        inbox.c.task_id == sql.value("id"),
    )
    .order_by(inbox.c.id),
    "session_id id",
)


def put_all(connection: Connection, items: Sequence[Task]) -> None:
    """Store tasks as they are now; when one was made never changes."""
    _put.many(connection, [_values(item) for item in items])


def cancel_of_session(
    connection: Connection, session_id: str, waiting: Sequence[str], now: float
) -> None:
    """What was under way in the session, or waited under these task ids, is cancelled."""
    connection.execute(
        sqlalchemy.update(tasks)
        .where(tasks.c.session_id == session_id, tasks.c.state.in_([s.value for s in _UNFINISHED]))
        .values(state=TaskState.CANCELED.value, updated_at=now)
    )
    put_all(
        connection,
        [
            Task(
                id=task_id,
                session_id=session_id,
                state=TaskState.CANCELED,
                created_at=now,
                updated_at=now,
            )
            for task_id in waiting
        ],
    )


def delete_of_session(connection: Connection, session_id: str) -> None:
    """Drop every task of a session."""
    connection.execute(delete(tasks).where(tasks.c.session_id == session_id))


@scoped(SessionScope)
def one(connection: Connection, scope: SessionScope, task_id: str) -> Task | None:
    """A task of this session, also one whose message still waits on the session's lane."""
    row = _find.one(connection, scope.session_id, task_id)
    if row is not None:
        return _task(row)
    waiting = _waiting.one(connection, scope.session_id, task_id)
    if waiting is None:
        return None
    state, at = waiting
    return Task(
        id=task_id,
        session_id=scope.session_id,
        state=TaskState.WORKING if state == "claimed" else TaskState.SUBMITTED,
        created_at=at,
        updated_at=at,
    )


def _values(item: Task) -> sql.Values:
    steps = dumps(item.steps) if item.steps else "[]"
    return (item.session_id, item.id, item.state.value, item.created_at, item.updated_at, steps)


def _task(row: Any) -> Task:
    session_id, task_id, state, created_at, updated_at, steps = row
    return Task(
        id=task_id,
        session_id=session_id,
        state=TaskState(state),
        created_at=created_at,
        updated_at=updated_at,
        steps=tuple(loads(steps)),
    )
