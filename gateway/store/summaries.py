"""What the older messages of a session come to."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, select, update

from gateway.domain import Summary
from gateway.ports.records import SessionScope
from gateway.store import sql
from gateway.store.scope import scoped
from gateway.store.tables import sessions, summaries
from gateway.store.text import clean, dumps, loads

_new = sql.insert(summaries, or_ignore=True)


@scoped(SessionScope)
def one(connection: Connection, scope: SessionScope) -> Summary:
    """The session's, as it stands."""
    query = select(summaries).where(summaries.c.session_id == scope.session_id)
    row = connection.execute(query).first()
    if row is None:
        return Summary()
    return Summary(
        text=row.text, topics=tuple(loads(row.topics)), upto=row.upto, revision=row.revision
    )


@scoped(SessionScope)
def put(connection: Connection, scope: SessionScope, summary: Summary) -> bool:
    """Store what was made of revision ``summary.revision``, unless that is no longer the one that
    stands, or the session is gone. Returns whether it was."""
    session = select(sessions.c.id).where(sessions.c.id == scope.session_id)
    if connection.execute(session).first() is None:
        return False
    text, topics = clean(summary.text), dumps([clean(topic) for topic in summary.topics])
    if summary.revision == 0:
        return _new.run(connection, scope.session_id, text, topics, summary.upto, 1) == 1
    changed = connection.execute(
        update(summaries)
        .where(
            summaries.c.session_id == scope.session_id,
            summaries.c.revision == summary.revision,
        )
        .values(text=text, topics=topics, upto=summary.upto, revision=summary.revision + 1)
    )
    return changed.rowcount == 1


def outdated(connection: Connection, session_id: str, number: int) -> None:
    """A message was changed: a summary that has it is dropped, and what is being made meanwhile
    comes too late."""
    has_it = summaries.c.upto >= number
    changed = connection.execute(
        update(summaries)
        .where(summaries.c.session_id == session_id)
        .values(
            text=case((has_it, ""), else_=summaries.c.text),
            topics=case((has_it, "[]"), else_=summaries.c.topics),
            upto=case((has_it, 0), else_=summaries.c.upto),
            revision=summaries.c.revision + 1,
        )
    )
    if not changed.rowcount:
        _new.run(connection, session_id, "", "[]", 0, 1)


def delete_of_session(connection: Connection, session_id: str) -> None:
    """Drop the summary of a session."""
    connection.execute(delete(summaries).where(summaries.c.session_id == session_id))
