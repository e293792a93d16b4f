"""Sessions, and the tokens that open them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import sqlalchemy
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from gateway.domain import Conversation, ConversationKind, Session
from gateway.ports.records import (
    Credential,
    LaneScope,
    OperatorScope,
    OwnerScope,
    SessionQuery,
    SessionScope,
    TokenScope,
)
from gateway.store import questions, sql
from gateway.store.scope import scoped
from gateway.store.tables import credentials, sessions
from gateway.store.text import clean, dumps, loads

_insert = sql.insert(sessions)
_CHANGING = (
    "agent conversation last_activity message_count last_number variables ended_at expires_at"
)
_WHERE_GIVEN = "name overrides"


# Name and overrides are given only by who changes them: a turn under way knows older ones. What
# changed the session besides raised its version, which never falls back. The version has two names:
# values given in order cost no sorting.
_update = sql.Prepared(
    sqlalchemy.update(sessions)
    .ordered_values(
        *((sessions.c[name], sql.value(name)) for name in _CHANGING.split()),
        *(
            (sessions.c[name], func.coalesce(sql.value(name), sessions.c[name]))
            for name in _WHERE_GIVEN.split()
        ),
        (
            sessions.c.version,
            case(
                (sessions.c.version < sql.value("version_at"), sql.value("version")),
                else_=sessions.c.version + literal_column("1"),
            ),
        ),
    )
    .where(sessions.c.id == sql.value("id"), sessions.c.lane_id == sql.value("lane_id")),
    f"{_CHANGING} {_WHERE_GIVEN} version_at version id lane_id",
)
_supersede = sql.Prepared(
    sqlalchemy.update(sessions)
    .ordered_values((sessions.c.ended_at, sql.value("now")))
    .where(
        sessions.c.lane_id == sql.value("lane_id"),
        sessions.c.agent == sql.value("agent"),
        sessions.c.ended_at.is_(None),
    ),
    "now lane_id agent",
)


def _alive(expires_at: ColumnElement[float | None]) -> ColumnElement[bool]:
    return or_(expires_at.is_(None), expires_at > sql.value("now"))


_current = sql.Prepared(
    select(sessions)
    .where(
        sessions.c.lane_id == sql.value("lane_id"),
        sessions.c.agent == sql.value("agent"),
        sessions.c.ended_at.is_(None),
        _alive(sessions.c.expires_at),
    )
    .order_by(sessions.c.id.desc())
    .limit(literal_column("1")),
    "lane_id agent now",
)
_by_id = sql.Prepared(select(sessions).where(sessions.c.id == sql.value("id")), "id")
_by_token = sql.Prepared(
    select(sessions)
    .join(credentials, credentials.c.session_id == sessions.c.id)
    .where(
        credentials.c.token_hash == sql.value("token_hash"),
        credentials.c.channel == sql.value("channel"),
        _alive(credentials.c.expires_at),
        sessions.c.ended_at.is_(None),
        _alive(sessions.c.expires_at),
    ),
    "token_hash channel now",
)


def insert_all(connection: Connection, items: Sequence[Session]) -> None:
    """Store new sessions; one that stood in the place of a new one is over."""
    if not items:
        return
    now = time.time()
    _supersede.many(connection, [(now, item.lane_id, item.agent) for item in items])
    _insert.many(connection, [_values(item) for item in items])


def update_all(connection: Connection, items: Iterable[tuple[Session, bool, bool]]) -> None:
    """Store sessions as they are now: with the name, and the overrides, of each that says so."""
    _update.many(connection, [_changed(*item) for item in items])


def rename(connection: Connection, session: Session, name: str) -> Session:
    """Call a session by another name; a turn under way, which read the old one, leaves it so."""
    renamed = replace(session, name=clean(name), version=session.version + 1)
    update_all(connection, [(renamed, True, False)])
    return renamed


def override(connection: Connection, session: Session, overrides: dict[str, Any]) -> Session:
    """Give a session other tools, another model or prompt."""
    changed = replace(session, overrides=loads(dumps(overrides)), version=session.version + 1)
    update_all(connection, [(changed, False, True)])
    return changed


def hand_over(connection: Connection, lane_id: str, heir: str, owner: str) -> None:
    """A lane's sessions are another's from now on, and its owner's."""
    connection.execute(
        sqlalchemy.update(sessions)
        .where(sessions.c.lane_id == lane_id)
        .values(lane_id=heir, owner=owner, version=sessions.c.version + 1)
    )


def has_any(connection: Connection, channel: str, owner: str) -> bool:
    """Whether the owner has a session, with whichever agent, in whichever state."""
    query = select(sessions.c.id).where(sessions.c.channel == channel, sessions.c.owner == owner)
    return connection.execute(query.limit(1)).first() is not None


def touch(connection: Connection, session_id: str) -> None:
    """What was said in the session has changed."""
    connection.execute(
        sqlalchemy.update(sessions)
        .where(sessions.c.id == session_id)
        .values(version=sessions.c.version + 1)
    )


def live_on(connection: Connection, lane_id: str) -> list[Session]:
    """The lane's sessions that have not ended."""
    on_lane = (sessions.c.lane_id == lane_id, sessions.c.ended_at.is_(None))
    return [_session(row) for row in connection.execute(select(sessions).where(*on_lane))]


def began(connection: Connection, lane_id: str) -> float:
    """When the first of the lane's live sessions began; infinity where none lives."""
    now = time.time()
    live = [s for s in live_on(connection, lane_id) if s.expires_at is None or s.expires_at > now]
    return min((session.created_at for session in live), default=inf)


def ids_on(connection: Connection, lane_id: str) -> list[str]:
    """All sessions of the lane, also those that have ended."""
    query = select(sessions.c.id).where(sessions.c.lane_id == lane_id)
    return list(connection.execute(query).scalars())


def give_credential(connection: Connection, session: Session, key: Credential) -> None:
    """From now on the token opens the session."""
    connection.execute(
        sqlalchemy.insert(credentials).values(
            token_hash=key.token_hash,
            channel=session.channel,
            session_id=session.id,
            expires_at=key.expires_at,
        )
    )


def revoke(connection: Connection, session_id: str) -> None:
    """No token opens the session any more."""
    connection.execute(delete(credentials).where(credentials.c.session_id == session_id))


def remove(connection: Connection, session_id: str) -> None:
    """Drop the session's own row."""
    connection.execute(delete(sessions).where(sessions.c.id == session_id))


def expired(connection: Connection, now: float, limit: int) -> list[str]:
    """Ids of sessions that are past their end."""
    query = select(sessions.c.id).where(sessions.c.expires_at <= now)
    return list(connection.execute(query.order_by(sessions.c.expires_at).limit(limit)).scalars())


@scoped(LaneScope)
def current(connection: Connection, scope: LaneScope, agent: str) -> Session | None:
    """The lane's live session with this agent."""
    row = _current.one(connection, scope.lane_id, agent, time.time())
    return None if row is None else _session(row)


@scoped(LaneScope)
def on_lane(connection: Connection, scope: LaneScope, agent: str, limit: int) -> list[Session]:
    """The lane's sessions with this agent, also those that have ended, the latest first."""
    query = (
        select(sessions)
        .where(sessions.c.lane_id == scope.lane_id, sessions.c.agent == agent)
        .order_by(sessions.c.last_activity.desc(), sessions.c.id.desc())
        .limit(limit)
    )
    return [_session(row) for row in connection.execute(query)]


@scoped(OwnerScope)
def owned(
    connection: Connection, scope: OwnerScope, limit: int, among: Sequence[str] | None = None
) -> list[Session]:
    """The owner's sessions, or those of them that are among these, the latest first."""
    query = (
        select(sessions)
        .where(*is_owned(scope))
        .order_by(sessions.c.last_activity.desc(), sessions.c.id.desc())
        .limit(max(limit, 0))
    )
    if among is not None:
        query = query.where(sessions.c.id.in_(among))
    return selected(connection, query)


def selected(connection: Connection, query: Select[Any]) -> list[Session]:
    """The sessions whose rows a query finds."""
    return [_session(row) for row in connection.execute(query)]


def is_owned(scope: OwnerScope) -> tuple[ColumnElement[bool], ...]:
    """That a session is this owner's, with this agent on this channel."""
    return (
        sessions.c.channel == scope.channel,
        sessions.c.owner == clean(scope.owner),
        sessions.c.agent == scope.agent,
    )


@scoped(SessionScope, TokenScope)
def one(connection: Connection, scope: SessionScope | TokenScope) -> Session | None:
    """One session; through a token only while token and session live."""
    if isinstance(scope, TokenScope):
        row = _by_token.one(connection, scope.token_hash, scope.channel, time.time())
    else:
        row = _by_id.one(connection, scope.session_id)
    return None if row is None else _session(row)


@scoped(OperatorScope)
def listed(connection: Connection, scope: OperatorScope, wanted: SessionQuery) -> list[Session]:
    """Sessions for operators, the most recently active first. Reads them all."""
    place = (sessions.c.last_activity, sessions.c.id)
    query = select(sessions).where(*_filters(wanted, time.time()))
    if wanted.after_id:
        query = query.where(
            tuple_(*place)
            < select(*place).where(sessions.c.id == wanted.after_id).scalar_subquery()
        )
    query = query.order_by(*(column.desc() for column in place)).limit(wanted.limit)
    return [_session(row) for row in connection.execute(query)]


def _filters(wanted: SessionQuery, now: float) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.channel:
        found.append(sessions.c.channel == wanted.channel)
    if wanted.agent:
        found.append(sessions.c.agent == wanted.agent)
    if wanted.owner:
        found.append(sessions.c.owner == wanted.owner)
    if wanted.state:
        found.append(_state_is(wanted, now))
    if wanted.text:
        columns = (sessions.c.id, sessions.c.name, sessions.c.owner, sessions.c.conversation)
        found.append(or_(*(c.icontains(wanted.text, autoescape=True) for c in columns)))
    return found


def _state_is(wanted: SessionQuery, now: float) -> ColumnElement[bool]:
    ended = sessions.c.ended_at.is_not(None)
    expired = and_(~ended, func.coalesce(sessions.c.expires_at, now + 1) <= now)
    waiting = questions.waits(sessions.c.id, now)
    recent = sessions.c.last_activity > now - wanted.idle_after
    states = {
        "ended": ended,
        "expired": expired,
        "waiting": and_(~ended, ~expired, waiting),
        "active": and_(~ended, ~expired, ~waiting, recent),
        "dormant": and_(~ended, ~expired, ~waiting, ~recent),
    }
    return states.get(wanted.state, sqlalchemy.false())


def read(row: Any) -> Session:
    """What a row of the whole table says."""
    return _session(row)


def _values(item: Session) -> sql.Values:
    return (
        *(item.id, item.lane_id, item.channel, item.agent, clean(item.owner)),
        dumps(item.conversation),
        *(item.created_at, item.last_activity, clean(item.name)),
        *(item.message_count, item.last_number, item.version),
        dumps(item.variables) if item.variables else "{}",
        *(item.ended_at, item.expires_at),
        dumps(item.overrides) if item.overrides else "{}",
    )


def _changed(item: Session, renamed: bool, overridden: bool) -> sql.Values:
    return (
        item.agent,
        dumps(item.conversation),
        item.last_activity,
        item.message_count,
        item.last_number,
        dumps(item.variables) if item.variables else "{}",
        item.ended_at,
        item.expires_at,
        clean(item.name) if renamed else None,
        dumps(item.overrides) if overridden else None,
        *(item.version, item.version),
        item.id,
        item.lane_id,
    )


def _session(row: Any) -> Session:
    (session_id, lane_id, channel, agent, owner, conversation, created_at, last_activity) = row[:8]
    (name, message_count, last_number, version, variables, ended_at, expires_at) = row[8:15]
    return Session(
        id=session_id,
        lane_id=lane_id,
        channel=channel,
        agent=agent,
        owner=owner,
        conversation=_conversation(loads(conversation)),
        created_at=created_at,
        last_activity=last_activity,
        name=name,
        message_count=message_count,
        last_number=last_number,
        version=version,
        variables=loads(variables),
        ended_at=ended_at,
        expires_at=expires_at,
        overrides=loads(row[15]),
    )


def _conversation(values: dict[str, Any]) -> Conversation:
    return Conversation(**{**values, "kind": ConversationKind(values["kind"])})
