"""What outlives its time: lanes on which somebody was erased, old sessions, what nobody changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Connection, Table, and_, exists, or_, select

from gateway.ports.records import OperatorScope
from gateway.store import clearing, deliveries, endings, inbox, lanes, sessions, tables
from gateway.store.erasing import Gone
from gateway.store.lanes import Writer
from gateway.store.scope import scoped

AT_ONCE = 500
"""Rows that one act deletes, and one read finds."""


class Old(NamedTuple):
    """When a session has outlived its time; None: never."""

    dormant_before: float | None
    ended_before: float | None


@scoped(OperatorScope)
def old_sessions(
    connection: Connection, scope: OperatorScope, old: Old, after: str
) -> Sequence[str]:
    """Some sessions that have, by their ids; those behind the last one."""
    row = tables.sessions.c
    found = select(row.id).where(_is_old(old), row.id > after).order_by(row.id).limit(AT_ONCE)
    return list(connection.execute(found).scalars())


def _is_old(old: Old) -> Any:
    row = tables.sessions.c
    # A comparison with NULL is never true.
    dormant = row.last_activity < old.dormant_before if old.dormant_before else sqlalchemy.false()
    ended = row.ended_at < old.ended_before if old.ended_before else sqlalchemy.false()
    return or_(dormant, ended)


def close(connection: Connection, _: Writer, *, session_id: str, old: Old) -> str | None:
    """End a session that has outlived its time; its lane's id.

    None where somebody wrote meanwhile: what waits on its lane is to be answered first.
    """
    row = tables.sessions.c
    found = connection.execute(select(tables.sessions).where(row.id == session_id, _is_old(old)))
    session = next((sessions.read(values) for values in found), None)
    if session is None:
        return None
    if session.ended_at is None:
        if clearing.waits(connection, session.lane_id):
            return None
        endings.end_quietly(connection, session)
    return session.lane_id


def leave(connection: Connection, writer: Writer, *, lane_id: str, session_id: str) -> None:
    """What was sent for a session goes with it, and the lane with the last one."""
    deliveries.delete_of_session(connection, lane_id, session_id)
    inbox.erase_dead(connection, lane_id)
    lanes.drop_if_empty(connection, writer, lane_id)


_KEPT: Mapping[Table, tuple[str, Sequence[str]]] = {
    tables.data_rows: ("updated_at", ("channel", "owner", "agent")),
    tables.facts: ("created_at", ("channel", "owner", "agent", "id")),
    tables.items: ("created_at", ("channel", "owner", "agent", "name")),
}


_COUNTED = {tables.data_rows: "data", tables.facts: "facts", tables.items: "items"}


@scoped(OperatorScope)
def old_things(
    connection: Connection, scope: OperatorScope, name: str, before: float
) -> list[tuple[str, ...]]:
    """The keys of some data, facts or items of people that nobody changed since then.

    What an agent has of its own is its operators' matter.
    """
    table, changed, key = _kept(name)
    columns = [table.c[column] for column in key]
    query = select(*columns).where(table.c.owner != "", table.c[changed] < before).limit(AT_ONCE)
    return [tuple(row) for row in connection.execute(query)]


def drop_things(
    connection: Connection, _: Writer, *, name: str, keys: Sequence[tuple[str, ...]], before: float
) -> Gone:
    """Drop those of them that nobody changed meanwhile; with the digests they had."""
    table, changed, key = _kept(name)
    digests: list[str] = []
    number = 0
    for values in keys:
        pairs = zip(key, values, strict=True)
        mine = [table.c[changed] < before, *(table.c[column] == value for column, value in pairs)]
        if "digest" in table.c:
            digests += connection.execute(select(table.c.digest).where(*mine)).scalars()
        number += connection.execute(sqlalchemy.delete(table).where(*mine)).rowcount
    return Gone({_COUNTED[table]: number}, [digest for digest in digests if digest])


def names() -> Iterator[str]:
    """Of the tables with what outlives sessions."""
    return (table.name for table in _KEPT)


def _kept(name: str) -> tuple[Table, str, Sequence[str]]:
    table = next(table for table in _KEPT if table.name == name)
    return table, *_KEPT[table]


class Rest(NamedTuple):
    """A lane on which somebody was erased, and when."""

    lane_id: str
    at: float


@scoped(OperatorScope)
def forgotten_lanes(connection: Connection, scope: OperatorScope, after: str) -> list[Rest]:
    """Some lanes on which somebody was erased, by their ids; those behind the last one."""
    lane = tables.lanes.c
    query = select(lane.id, lane.forgotten_at).where(lane.forgotten_at.is_not(None))
    found = connection.execute(query.where(lane.id > after).order_by(lane.id).limit(AT_ONCE))
    return [Rest(*row) for row in found]


def clear_lane(connection: Connection, writer: Writer, *, rest: Rest) -> int:
    """Drop some of what is left on a lane on which somebody was erased; how many deliveries.

    What was made up to then goes; with nothing to do, to send and to remember there the lane goes
    too. It is looked into again while anything is left of before.
    """
    number = deliveries.delete_settled(connection, rest.lane_id, rest.at, AT_ONCE)
    if number < AT_ONCE and not deliveries.are_due(connection, rest.lane_id):
        number += _over(connection, writer, rest)
    return number


def _over(connection: Connection, writer: Writer, rest: Rest) -> int:
    lane = tables.lanes
    free = exists().where(lane.c.id == rest.lane_id, lanes.FREE)
    held = not connection.execute(select(free)).scalar()
    if held or clearing.waits(connection, rest.lane_id):
        return 0
    if sessions.ids_on(connection, rest.lane_id):
        # Somebody wrote again, or a token's session stands: it is a lane like any other.
        same = and_(lane.c.id == rest.lane_id, lane.c.forgotten_at == rest.at)
        connection.execute(sqlalchemy.update(lane).where(same).values(forgotten_at=None))
        return 0
    number = deliveries.delete_settled(connection, rest.lane_id, float("inf"), AT_ONCE)
    if number < AT_ONCE:
        lanes.drop_if_empty(connection, writer, rest.lane_id)
    return number
