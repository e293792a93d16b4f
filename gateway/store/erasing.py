"""How a person is erased: acts that each take one bounded piece, and may be repeated at will.

A session loses its oldest messages first and its own row last, so that whoever comes after a crash
finds what is left to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Column, Connection, Table, delete, exists, select

from gateway.domain import DeliveryState, Message, Role, Session
from gateway.ports.records import PersonScope, SessionScope
from gateway.store import (
    clearing,
    deliveries,
    files,
    keepings,
    lanes,
    messages,
    people,
    questions,
    sessions,
    summaries,
    tables,
)
from gateway.store.lanes import Writer
from gateway.store.scope import scoped
from gateway.store.text import clean

AT_ONCE = 500
"""Rows that one act deletes."""

_SETTLED = tuple(state for state in DeliveryState if state not in deliveries.NOT_YET_SENT)


class Gone(NamedTuple):
    """What an act erased, by ``Traces``' names, and digests that nothing has any more."""

    counts: Mapping[str, int] = {}
    digests: Sequence[str] = ()
    number: int = 0


def mark(connection: Connection, _: Writer, *, lane_id: str, now: float) -> None:
    """Somebody is erased here: what is left goes with ``housekeeping.forget_lanes``."""
    lane = tables.lanes
    connection.execute(sqlalchemy.update(lane).where(lane.c.id == lane_id).values(forgotten_at=now))


def silence(connection: Connection, _: Writer, *, lane_id: str, kept: bool) -> Gone:
    """Nobody commits on the lane any more, and nothing waits there; where it is ``kept``, only the
    dead rows go."""
    if not kept:
        lanes.expel(connection, lane_id)
    return Gone({"events": clearing.erase_lane(connection, lane_id, only_dead=kept)})


def shorten(connection: Connection, _: Writer, *, session_id: str) -> Gone:
    """Drop some of a session's messages and tasks, the oldest first."""
    said = _some(connection, tables.messages, "number", {"session_id": session_id})
    done = _some(connection, tables.tasks, "id", {"session_id": session_id})
    return Gone({"messages": said}, number=said + done)


def clear(connection: Connection, _: Writer, *, session_id: str, kept_lane: str) -> Gone:
    """Drop what is left of a session, and itself; where a token opens it on the lane that is kept,
    it stays, empty."""
    session = sessions.one(connection, SessionScope(session_id=session_id))
    if session is None:
        return Gone()
    counts = {"sessions": 1, "summaries": _had_summary(connection, session_id)}
    questions.delete_of_session(connection, session_id)
    counts["files"], digests = _drop_files(connection, session_id)
    if session.lane_id == kept_lane and session.ended_at is None and _opened(connection, session):
        _empty(connection, session)
    else:
        summaries.delete_of_session(connection, session_id)
        sessions.revoke(connection, session_id)
        sessions.remove(connection, session_id)
    return Gone(counts, digests)


def _opened(connection: Connection, session: Session) -> bool:
    key = tables.credentials
    return bool(connection.execute(select(exists().where(key.c.session_id == session.id))).scalar())


def _empty(connection: Connection, session: Session) -> None:
    # Not deleted: what is being made of it meanwhile would find nothing in its way.
    summaries.outdated(connection, session.id, 0)
    row = tables.sessions
    nothing = {"name": "", "message_count": 0, "variables": "{}", "overrides": "{}"}
    connection.execute(
        sqlalchemy.update(row)
        .where(row.c.id == session.id)
        .values(version=row.c.version + 1, **nothing)
    )


def drop_deliveries(connection: Connection, _: Writer, *, lane_id: str, kept: bool) -> Gone:
    """Drop some of what was or is to be sent from a lane; where it is ``kept``, of what is over."""
    number = 0
    for state in _SETTLED if kept else DeliveryState:
        if number < AT_ONCE:
            number += _some(
                connection, tables.deliveries, "id", {"state": state.value, "lane_id": lane_id}
            )
    return Gone({"deliveries": number}, number=number)


@scoped(PersonScope)
def drop_kept(connection: Connection, scope: PersonScope) -> Gone:
    """Drop the owner's data, facts and items."""
    counts = people.count_kept(connection, scope)
    digests: list[str] = []
    for owner in people.owners(connection, scope):
        digests += keepings.delete_of_owner(connection, scope.channel, owner)
    return Gone(counts, digests)


def drop_lane(connection: Connection, writer: Writer, *, lane_id: str) -> None:
    """Forget the lane and its keys, unless somebody wrote again."""
    lanes.drop_if_empty(connection, writer, lane_id)


# What people said in sessions that they share.


def interrupt(
    connection: Connection, _: Writer, *, lane_id: str, rows: Sequence[people.Open], kept: bool
) -> Gone:
    """Erase these rows of a shared lane. Whoever holds it, and is not ``kept``, has to claim again
    what waits there: it saw what is gone."""
    if not kept:
        lanes.expel(connection, lane_id)
        clearing.release(connection, lane_id)
    mine = [row for row in rows if row.state == "dead" or not kept]
    events = clearing.erase_rows(connection, lane_id, [row.id for row in mine])
    carried = [file_id for row in mine for file_id in row.files]
    return Gone({"events": events}, files.drop_of_lane(connection, lane_id, carried))


def unquote(connection: Connection, _: Writer, *, session: Session, numbers: Sequence[int]) -> None:
    """These messages repeat nothing any more."""
    messages.unquote(connection, session.id, numbers)


class Unsaid(NamedTuple):
    """What an act erased, and whether a summary had a part in it."""

    gone: Gone
    summarised: bool


def unsay(
    connection: Connection,
    _: Writer,
    *,
    session: Session,
    said: Sequence[Message],
    senders: Sequence[str],
    kept: bool,
) -> Unsaid:
    """Drop these messages of a shared session, whole tasks, with what went out for them."""
    numbers = [message.number for message in said]
    tasks = {message.task_id for message in said} - {""}
    rows = {message.row_id for message in said} - {""}
    number = messages.delete_some(connection, session.id, numbers)
    _forget_tasks(connection, session.id, tasks, senders)
    lane_ids = [session.lane_id, *lanes.gave_way_to(connection, session.lane_id)]
    states = _SETTLED if kept else tuple(DeliveryState)
    turns = clearing.turns_of(connection, sorted(rows))
    deliveries.delete_of_turns(connection, lane_ids, states, turns)
    # What people say is not sent, and could be made to have others' answers in it.
    answers = [message.text for message in said if message.role is not Role.USER]
    deliveries.delete_saying(connection, session.id, lane_ids, states, answers)
    dropped, digests = _drop_mentioned(connection, session.id, said)
    summarised = summaries.one(connection, SessionScope(session_id=session.id)).upto >= min(numbers)
    summaries.outdated(connection, session.id, min(numbers))
    _recount(connection, session.id, sum(message.in_context for message in said))
    counts = {"messages": number, "files": dropped, "summaries": int(summarised)}
    return Unsaid(Gone(counts, digests), summarised)


def drop_sent(connection: Connection, _: Writer, *, session: Session) -> int:
    """Drop some of the record of what was sent in a shared session: whom an answer was for is not
    known of every one."""
    number = 0
    for lane_id in (session.lane_id, *lanes.gave_way_to(connection, session.lane_id)):
        for state in ("sent", "failed"):
            which = {"state": state, "lane_id": lane_id, "session_id": session.id}
            if number < AT_ONCE:
                number += _some(connection, tables.deliveries, "id", which)
    return number


def _forget_tasks(
    connection: Connection, session_id: str, tasks: set[str], senders: Sequence[str]
) -> None:
    done, asked = tables.tasks, tables.questions
    connection.execute(delete(done).where(done.c.session_id == session_id, done.c.id.in_(tasks)))
    theirs = asked.c.task_id.in_(tasks) | asked.c.addressee.in_([clean(who) for who in senders])
    connection.execute(delete(asked).where(asked.c.session_id == session_id, theirs))


def _recount(connection: Connection, session_id: str, number: int) -> None:
    row = tables.sessions
    connection.execute(
        sqlalchemy.update(row)
        .where(row.c.id == session_id)
        .values(message_count=row.c.message_count - number, version=row.c.version + 1)
    )


def _drop_mentioned(
    connection: Connection, session_id: str, said: Sequence[Message]
) -> tuple[int, list[str]]:
    ids = {attachment.id for message in said for attachment in message.attachments} - {""}
    digests: list[str] = []
    number = 0
    for file_id in sorted(ids):
        # An agent may have sent it back to somebody else.
        if not messages.mention(connection, session_id, file_id):
            digests += files.drop(connection, session_id, file_id)
            number += 1
    return number, digests


def _drop_files(connection: Connection, session_id: str) -> tuple[int, list[str]]:
    file = tables.files
    query = select(sqlalchemy.func.count()).where(file.c.session_id == session_id)
    number = connection.execute(query).scalar_one()
    return number, files.delete_of_session(connection, session_id)


def _had_summary(connection: Connection, session_id: str) -> int:
    return int(bool(summaries.one(connection, SessionScope(session_id=session_id))))


def _some(connection: Connection, table: Table, by: str, which: Mapping[str, Any]) -> int:
    """Delete the first of these rows in the order of a column; how many."""
    mine = [table.c[name] == value for name, value in which.items()]
    column: Column[Any] = table.c[by]
    found = select(column).where(*mine).order_by(column).limit(AT_ONCE)
    first = list(connection.execute(found).scalars())
    if not first:
        return 0
    return connection.execute(delete(table).where(*mine, column <= first[-1])).rowcount
