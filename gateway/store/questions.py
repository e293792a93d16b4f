"""What waiting tasks ask, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, delete, or_, select

from gateway.domain import Question, QuestionKind
from gateway.ports.records import LaneScope, OperatorScope, QuestionEnd, SessionScope
from gateway.store import sql
from gateway.store.scope import scoped
from gateway.store.tables import questions, sessions
from gateway.store.text import clean, dumps, loads

_OPEN = questions.c.state == sql.constant("open")

_insert = sql.insert(questions)
_end = sql.update(questions, "state answer", "id", _OPEN)
_open_of_session = sql.Prepared(
    select(questions)
    .where(questions.c.session_id == sql.value("session_id"), _OPEN)
    .order_by(questions.c.id),
    "session_id",
)
_on_lane = sql.Prepared(
    select(questions)
    .join(sessions, sessions.c.id == questions.c.session_id)
    .where(questions.c.id == sql.value("id"), sessions.c.lane_id == sql.value("lane_id")),
    "id lane_id",
)


def insert_all(connection: Connection, items: Sequence[Question]) -> None:
    """Store new questions, open."""
    _insert.many(connection, [_values(item) for item in items])


def end_all(connection: Connection, ends: Sequence[QuestionEnd]) -> None:
    """These questions ended; one that had ended before keeps its end."""
    _end.many(connection, [(end.state, clean(end.answer), end.question_id) for end in ends])


def cancel_of_session(connection: Connection, session_id: str) -> None:
    """Nobody waits for an answer in this session any more."""
    connection.execute(
        sqlalchemy.update(questions)
        .where(questions.c.session_id == session_id, _OPEN)
        .values(state="cancelled")
    )


def delete_of_session(connection: Connection, session_id: str) -> None:
    """Drop every question of a session."""
    connection.execute(delete(questions).where(questions.c.session_id == session_id))


@scoped(SessionScope)
def still_open(connection: Connection, scope: SessionScope) -> list[Question]:
    """Questions that wait for an answer, oldest first."""
    return [_question(row) for row in _open_of_session.all(connection, scope.session_id)]


@scoped(LaneScope)
def one(connection: Connection, scope: LaneScope, question_id: str) -> tuple[Question, str] | None:
    """A question asked in a session of this lane, and its state."""
    row = _on_lane.one(connection, question_id, scope.lane_id)
    return None if row is None else (_question(row), row[9])


def waits(session_id: ColumnElement[str], now: float) -> ColumnElement[bool]:
    """Whether a question of this session waits for its answer."""
    alive = or_(questions.c.expires_at.is_(None), questions.c.expires_at > now)
    return select(questions.c.id).where(questions.c.session_id == session_id, _OPEN, alive).exists()


@scoped(OperatorScope)
def asking(
    connection: Connection, scope: OperatorScope, session_ids: Sequence[str]
) -> frozenset[str]:
    """Those of these sessions in which a question waits."""
    query = select(sessions.c.id).where(
        sessions.c.id.in_(session_ids), waits(sessions.c.id, time.time())
    )
    return frozenset(connection.execute(query).scalars())


def packed(item: Question) -> str:
    """A question as JSON, for a delivery that carries it."""
    return dumps(_values(item))


def unpacked(text: str) -> Question:
    """The question that ``packed`` wrote."""
    return _question(loads(text))


def _values(item: Question) -> sql.Values:
    return (
        *(item.id, item.session_id, item.task_id, clean(item.addressee)),
        *(item.kind.value, clean(item.text), dumps(item.options)),
        *(item.created_at, item.expires_at, "open", ""),
    )


def _question(row: Any) -> Question:
    (question_id, session_id, task_id, addressee, kind, text, options, created_at, expires_at) = (
        row[:9]
    )
    return Question(
        id=question_id,
        session_id=session_id,
        task_id=task_id,
        addressee=addressee,
        kind=QuestionKind(kind),
        text=text,
        options=tuple(loads(options)),
        created_at=created_at,
        expires_at=expires_at,
    )
