"""What was said in a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, literal_column, select

from gateway.domain import Message, Role
from gateway.ports.store import Entry, SessionScope
from gateway.store import sql
from gateway.store.scope import scoped
from gateway.store.tables import messages
from gateway.store.text import clean

_MESSAGE = [column for column in messages.c if column is not messages.c.session_id]
_IN_SESSION = messages.c.session_id == sql.value("session_id")

_insert = sql.insert(messages)
_window = sql.Prepared(
    select(*_MESSAGE)
    .where(_IN_SESSION, messages.c.in_context == literal_column("1"))
    .order_by(messages.c.number.desc())
    .limit(sql.value("limit")),
    "session_id limit",
)
_history = sql.Prepared(
    select(*_MESSAGE)
    .where(
        _IN_SESSION,
        messages.c.number > sql.value("after"),
        messages.c.number < sql.value("before"),
    )
    .order_by(messages.c.number.desc())
    .limit(sql.value("limit")),
    "session_id after before limit",
)
_of_task = sql.Prepared(
    select(*_MESSAGE)
    .where(_IN_SESSION, messages.c.task_id == sql.value("task_id"))
    .order_by(messages.c.number),
    "session_id task_id",
)

NO_NUMBER = 2**31 - 1
_ROLES = {role.value: role for role in Role}


def insert_all(connection: Connection, entries: Sequence[Entry]) -> None:
    """Store new messages; a number may be given once in a session."""
    _insert.many(connection, [_values(entry) for entry in entries])


def delete_of_session(connection: Connection, session_id: str) -> None:
    """Drop every message of a session."""
    connection.execute(delete(messages).where(messages.c.session_id == session_id))


@scoped(SessionScope)
def window(connection: Connection, scope: SessionScope, limit: int) -> list[Message]:
    """The newest messages that agents may see, oldest first; all for a negative limit."""
    rows = _window.all(connection, scope.session_id, limit if limit >= 0 else NO_NUMBER)
    return [_message(row) for row in reversed(rows)]


@scoped(SessionScope)
def history(
    connection: Connection, scope: SessionScope, before: int | None, after: int, limit: int
) -> list[Message]:
    """The newest messages between two numbers, both left out, oldest first."""
    end = NO_NUMBER if before is None else before
    rows = _history.all(connection, scope.session_id, after, end, limit)
    return [_message(row) for row in reversed(rows)]


@scoped(SessionScope)
def of_task(connection: Connection, scope: SessionScope, task_id: str) -> list[Message]:
    """What was said for a task, oldest first."""
    return [_message(row) for row in _of_task.all(connection, scope.session_id, task_id)]


def _values(entry: Entry) -> sql.Values:
    said = entry.message
    return (
        entry.session_id,
        said.number,
        said.role.value,
        clean(said.text),
        said.created_at,
        clean(said.sender),
        clean(said.sender_id),
        said.task_id,
        said.row_id,
        1 if said.in_context else 0,
        said.question_id,
    )


def _message(row: Any) -> Message:
    (number, role, text, at, sender, sender_id, task_id, row_id, in_context, question_id) = row
    return Message(
        number=number,
        role=_ROLES[role],
        text=text,
        created_at=at,
        sender=sender,
        sender_id=sender_id,
        task_id=task_id,
        row_id=row_id,
        in_context=bool(in_context),
        question_id=question_id,
    )
