"""How sessions begin with a token of their own, end, and are deleted; each in one transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from gateway.domain import Message, Role, Session
from gateway.ports.records import Credential, Entry, SessionScope
from gateway.store import (
    deliveries,
    files,
    inbox,
    keepings,
    lanes,
    messages,
    owing,
    questions,
    sessions,
    summaries,
    tasks,
)
from gateway.store.lanes import Writer
from gateway.store.scope import scoped
from gateway.store.text import clean


def create(
    connection: Connection, writer: Writer, session: Session, lane_key: str, key: Credential
) -> Session:
    """A session on the lane of this key, and the token that opens it."""
    lane_id = lanes.found(connection, writer, lane_key, session.channel, session.owner)
    return _begin(connection, replace(session, lane_id=lane_id), key)


@scoped(SessionScope)
def supersede(
    connection: Connection, scope: SessionScope, successor: Session, key: Credential, notice: str
) -> Session:
    """End a session and begin its successor on the same lane. Raises ``LookupError``."""
    old = _end(connection, scope, notice)
    return _begin(connection, replace(successor, lane_id=old.lane_id), key)


@scoped(SessionScope)
def end(connection: Connection, scope: SessionScope, notice: str) -> None:
    """End a session. Raises ``LookupError`` when it is over or never was."""
    _end(connection, scope, notice)


def end_of_lane(connection: Connection, lane_id: str) -> None:
    """End every live session of a lane that is nobody's any more; nothing is said about it."""
    now = time.time()
    for session in sessions.live_on(connection, lane_id):
        _over(connection, session, (), now)


def end_quietly(connection: Connection, session: Session) -> None:
    """End a live session on whose lane nothing waits; whoever would go on in it is refused."""
    lanes.expel(connection, session.lane_id)
    _over(connection, session, (), time.time())


@scoped(SessionScope)
def rename(connection: Connection, scope: SessionScope, name: str) -> Session:
    """Call a session by another name. Raises ``LookupError`` when it is over or never was."""
    return sessions.rename(connection, _live(connection, scope), name)


@scoped(SessionScope)
def override(connection: Connection, scope: SessionScope, overrides: dict[str, Any]) -> Session:
    """Replace what a session turned on for itself. Raises ``LookupError`` as ``rename`` does."""
    return sessions.override(connection, _live(connection, scope), overrides)


def _live(connection: Connection, scope: SessionScope) -> Session:
    session = sessions.one(connection, scope)
    if session is None or session.state(time.time()) in ("ended", "expired"):
        raise LookupError(f"no live session {scope.session_id}")
    return session


@scoped(SessionScope)
def delete(connection: Connection, scope: SessionScope, writer: Writer) -> list[str]:
    """End a session, and leave nothing of it but the keys that deduplicate.

    Returns the digests of its files that no other file has.
    """
    session = sessions.one(connection, scope)
    if session is None:
        raise LookupError(f"no session {scope.session_id}")
    if session.ended_at is None:
        _end(connection, scope, "")
    for noun in (messages, tasks, questions, summaries):
        noun.delete_of_session(connection, session.id)
    deliveries.delete_of_session(connection, session.lane_id, session.id)
    inbox.erase_dead(connection, session.lane_id)
    sessions.revoke(connection, session.id)
    sessions.remove(connection, session.id)
    lanes.drop_if_empty(connection, writer, session.lane_id)
    owing.owe(connection)
    dropped = {
        *files.delete_of_session(connection, session.id),
        *_kept_so_long(connection, session),
    }
    return sorted(dropped - files.known_among(connection, sorted(dropped)))


def _kept_so_long(connection: Connection, session: Session) -> list[str]:
    """Whose sessions expire (an anonymous person's) has what outlives one only until the last."""
    owner = clean(session.owner)
    if session.expires_at is None or sessions.has_any(connection, session.channel, owner):
        return []
    return keepings.delete_of_owner(connection, session.channel, owner)


def _begin(connection: Connection, session: Session, key: Credential) -> Session:
    sessions.insert_all(connection, [session])
    sessions.give_credential(connection, session, key)
    return session


def _end(connection: Connection, scope: SessionScope, notice: str) -> Session:
    session = sessions.one(connection, scope)
    if session is None or session.ended_at is not None:
        raise LookupError(f"no live session {scope.session_id}")
    now = time.time()
    lanes.expel(connection, session.lane_id)
    cancelled = inbox.cancel_lane(connection, session.lane_id)
    said = [
        Message(
            number=session.last_number + place,
            role=Role.SYSTEM,
            text=notice,
            created_at=now,
            task_id=task_id,
            row_id=row_id,
            in_context=False,
        )
        for place, (row_id, task_id) in enumerate(cancelled, 1)
        if notice
    ]
    messages.insert_all(connection, [Entry(session_id=session.id, message=m) for m in said])
    told = replace(session, last_number=session.last_number + len(said))
    return _over(connection, told, [task_id for _, task_id in cancelled], now)


def _over(connection: Connection, session: Session, waiting: Sequence[str], now: float) -> Session:
    """Nothing of the session goes on, nor of the tasks that waited for it."""
    tasks.cancel_of_session(connection, session.id, waiting, now)
    questions.cancel_of_session(connection, session.id)
    sessions.revoke(connection, session.id)
    ended = replace(session, ended_at=now, version=session.version + 1)
    sessions.update_all(connection, [(ended, False, False)])
    return ended
