"""What opens the sessions of known users and of service clients: one more token for each device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, tuple_

from gateway.domain import Role, Session
from gateway.ports.records import Credential, LaneScope, Owned, PersonScope, SessionScope
from gateway.store import lanes, sessions
from gateway.store.acting import Acting
from gateway.store.lanes import Writer
from gateway.store.scope import scoped
from gateway.store.tables import credentials, messages, questions
from gateway.store.tables import lanes as lane_rows
from gateway.store.tables import sessions as rows
from gateway.store.text import clean

MOST = 20
"""Tokens that open one session at the same time; a further one takes the oldest one's place."""

_FIRST_WORDS = 200


class Tickets(Acting):
    """The part of the store that opens sessions again."""

    async def ensure_session(
        self, session: Session, lane_key: str, key: Credential, *, strict: bool
    ) -> tuple[Session, bool]:
        """As ``Store.ensure_session``."""
        found: tuple[Session, bool] = await self._act(
            partial(ensure, session=session, lane_key=lane_key, key=key, strict=strict)
        )
        return found

    async def open_session(self, scope: PersonScope, session_id: str, key: Credential) -> Session:
        """As ``Store.open_session``."""
        opened: Session = await self._act(lambda c, _: open_again(c, scope, session_id, key))
        return opened

    async def live_sessions(
        self, scope: PersonScope, *, agent: str = "", after_id: str = "", limit: int = 50
    ) -> Sequence[Owned]:
        """As ``Store.live_sessions``."""
        return await self._read(live, scope, agent, after_id, limit)


def ensure(
    connection: Connection,
    writer: Writer,
    session: Session,
    lane_key: str,
    key: Credential,
    strict: bool,
) -> tuple[Session, bool]:
    """The live session under this key, or this one; and whether it is new."""
    lane_id = lanes.found(connection, writer, lane_key, session.channel, session.owner)
    owner = _lock(connection, lane_id)
    if strict and owner != clean(session.owner):
        raise LookupError("what stands there is somebody else's")
    there = sessions.current(connection, LaneScope(lane_id=lane_id), session.agent)
    opened = there or replace(session, lane_id=lane_id, owner=owner)
    if there is None:
        sessions.insert_all(connection, [opened])
    _give(connection, opened, key)
    return opened, there is None


@scoped(PersonScope)
def open_again(
    connection: Connection, scope: PersonScope, session_id: str, key: Credential
) -> Session:
    """One of the owner's live sessions, which this token opens too. Raises ``LookupError``."""
    found = sessions.one(connection, SessionScope(session_id=session_id))
    mine = found is not None and (found.channel, found.owner) == (scope.channel, _owner(scope))
    if found is None or not mine or found.state(time.time()) in ("ended", "expired"):
        raise LookupError(f"no live session {session_id} of this owner")
    _lock(connection, found.lane_id)
    _give(connection, found, key)
    return found


@scoped(PersonScope)
def live(
    connection: Connection, scope: PersonScope, agent: str, after_id: str, limit: int
) -> list[Owned]:
    """The owner's live sessions, the most recently active first."""
    place = (rows.c.last_activity, rows.c.id)
    now = time.time()
    asked = exists().where(
        questions.c.session_id == rows.c.id,
        questions.c.state == "open",
        func.coalesce(questions.c.expires_at, now + 1) > now,
    )
    said = (
        select(func.substr(messages.c.text, 1, _FIRST_WORDS))
        .where(messages.c.session_id == rows.c.id, messages.c.in_context == 1)
        .where(messages.c.role == Role.USER.value)
        .order_by(messages.c.number)
        .limit(1)
        .scalar_subquery()
    )
    query = select(rows, asked, said).where(*_mine(scope, agent, now))
    if after_id:
        behind = select(*place).where(rows.c.id == after_id, *_whose(scope)).scalar_subquery()
        query = query.where(tuple_(*place) < behind)
    query = query.order_by(*(column.desc() for column in place)).limit(limit)
    return [_owned(row) for row in connection.execute(query)]


def _whose(scope: PersonScope) -> tuple[ColumnElement[bool], ...]:
    return rows.c.channel == scope.channel, rows.c.owner == _owner(scope)


def _mine(scope: PersonScope, agent: str, now: float) -> list[ColumnElement[bool]]:
    alive = func.coalesce(rows.c.expires_at, now + 1) > now
    agents = (rows.c.agent == agent,) if agent else ()
    return [*_whose(scope), rows.c.ended_at.is_(None), alive, *agents]


def _owner(scope: PersonScope) -> str:
    if not scope.owner:
        raise LookupError("nobody's sessions were asked for")
    return clean(scope.owner)


def _owned(row: Any) -> Owned:
    *values, waiting, first = row
    return Owned(session=sessions.read(values), waiting=bool(waiting), first=first or "")


def _lock(connection: Connection, lane_id: str) -> str:
    """Whose the lane is. Nobody else opens anything on it until the transaction ends."""
    query = select(lane_rows.c.owner).where(lane_rows.c.id == lane_id).with_for_update()
    return str(connection.execute(query).scalar_one())


def _give(connection: Connection, session: Session, key: Credential) -> None:
    """This token opens the session too; of the others the dead and the oldest go."""
    dated = credentials.c.session_id == session.id, credentials.c.expires_at.is_not(None)
    newest = (
        select(credentials.c.token_hash)
        .where(*dated, credentials.c.expires_at > time.time())
        .order_by(credentials.c.expires_at.desc(), credentials.c.token_hash)
        .limit(MOST - 1)
    )
    kept = list(connection.execute(newest).scalars())
    connection.execute(delete(credentials).where(*dated, credentials.c.token_hash.not_in(kept)))
    sessions.give_credential(connection, session, key)
