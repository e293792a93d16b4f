"""What was said in sessions, searched across several of them: an owner's own, or all of them.

Both go page by page, each page a read of its own, so that nobody waits for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, tuple_

from gateway.belongings import Found
from gateway.ports.records import OperatorScope, OwnerScope
from gateway.store import messages, sessions, sql
from gateway.store.scope import scoped
from gateway.store.tables import messages as said
from gateway.store.tables import sessions as stood
from gateway.store.words import folded, has_all

READ_AT_ONCE = 500

_SPOKEN = said.c.role.in_([sql.constant("user"), sql.constant("assistant")])


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is searched for: words, as ``folded`` gives them, and when it was said."""

    words: tuple[str, ...]
    since: float = 0.0
    until: float = sql.FOREVER
    channel: str = ""


@dataclass(frozen=True, order=True, slots=True)
class Hit:
    """Where a message stands that was found; the newer sorts behind."""

    said_at: float
    session_id: str
    number: int


def wanted(words: Sequence[str], since: float, until: float, channel: str = "") -> Wanted:
    """The search for these words; 0 is whenever."""
    return Wanted(words=folded(words), since=since, until=until or sql.FOREVER, channel=channel)


@scoped(OwnerScope)
def page_of_session(
    connection: Connection, scope: OwnerScope, session_id: str, before: int, search: Wanted
) -> tuple[list[Hit], int]:
    """Hits among the messages before that number, in a session of the owner's, and the number to
    go on before; 0 when that was all."""
    query = (
        select(said.c.session_id, said.c.number, said.c.text, said.c.created_at)
        .join(stood, stood.c.id == said.c.session_id)
        .where(*sessions.is_owned(scope), said.c.session_id == session_id)
        .where(said.c.number < before, said.c.in_context == 1, *_spoken(search))
        .order_by(said.c.number.desc())
        .limit(READ_AT_ONCE)
    )
    rows = connection.execute(query).all()
    return _hits(rows, search), rows[-1].number if len(rows) == READ_AT_ONCE else 0


@scoped(OperatorScope)
def page_of_all(
    connection: Connection, scope: OperatorScope, after: Hit, search: Wanted
) -> tuple[list[Hit], Hit | None]:
    """Hits among the messages that stand behind this one, by session and number, and the one to
    go on behind; None when that was all."""
    key = (said.c.session_id, said.c.number)
    query = (
        select(*key, said.c.text, said.c.created_at)
        .where(tuple_(*key) > (after.session_id, after.number), *_spoken(search))
        .order_by(*key)
        .limit(READ_AT_ONCE)
    )
    rows = connection.execute(query).all()
    hits = _on_channel(connection, _hits(rows, search), search.channel)
    last = rows[-1] if len(rows) == READ_AT_ONCE else None
    return hits, last and Hit(last.created_at, last.session_id, last.number)


def _spoken(search: Wanted) -> tuple[Any, ...]:
    return _SPOKEN, said.c.created_at >= search.since, said.c.created_at < search.until


def _hits(rows: Sequence[Any], search: Wanted) -> list[Hit]:
    return [
        Hit(row.created_at, row.session_id, row.number)
        for row in rows
        if has_all(search.words, row.text)
    ]


def _on_channel(connection: Connection, hits: list[Hit], channel: str) -> list[Hit]:
    if not channel or not hits:
        return hits
    query: Select[Any] = select(stood.c.id).where(
        stood.c.id.in_({hit.session_id for hit in hits}), stood.c.channel == channel
    )
    there = set(connection.execute(query).scalars())
    return [hit for hit in hits if hit.session_id in there]


@scoped(OwnerScope)
def of_owner(connection: Connection, scope: OwnerScope, hits: Sequence[Hit]) -> list[Found]:
    """The messages that were hit, in this order, but those that are gone or not the owner's."""
    return _found(connection, hits, *sessions.is_owned(scope))


@scoped(OperatorScope)
def of_anybody(connection: Connection, scope: OperatorScope, hits: Sequence[Hit]) -> list[Found]:
    """The messages that were hit, in this order, but those that are gone."""
    return _found(connection, hits)


def _found(connection: Connection, hits: Sequence[Hit], *which: Any) -> list[Found]:
    query = select(stood).where(stood.c.id.in_({hit.session_id for hit in hits}), *which)
    there = {session.id: session for session in sessions.selected(connection, query)}
    return [
        Found(session=there[hit.session_id], message=message)
        for hit in hits
        if hit.session_id in there
        for message in messages.numbered(connection, hit.session_id, hit.number)
    ]
