"""What is done when a process takes a database over, and now and then afterwards."""

from __future__ import annotations

import os
import socket
import time

import sqlalchemy
from sqlalchemy import Connection, delete

from gateway.ports.store import SessionScope
from gateway.store import deliveries, endings, inbox, sessions
from gateway.store.lanes import Writer
from gateway.store.tables import replicas

ROWS_AT_ONCE = 500
SESSIONS_AT_ONCE = 20


def take_over(connection: Connection, writer: Writer) -> None:
    """Be the only replica; what former ones had claimed waits again."""
    now = time.time()
    connection.execute(delete(replicas))
    connection.execute(
        sqlalchemy.insert(replicas).values(
            id=writer.holder,
            pid=os.getpid(),
            host=socket.gethostname(),
            started=now,
            heartbeat=now,
            batch=0,
        )
    )
    inbox.recover(connection)


def signature(writer: Writer, batch: int) -> str:
    """A statement that signs a transaction, and changes nothing when the replica was replaced."""
    name = writer.holder.replace("'", "''")
    return (
        f"UPDATE replicas SET batch = {batch:d}, heartbeat = {time.time():f}"  # noqa: S608 - all ours
        f" WHERE id = '{name}'"
    )


def leave(connection: Connection, writer: Writer) -> None:
    """Be no replica any more."""
    connection.execute(delete(replicas).where(replicas.c.id == writer.holder))


def forget_rows(connection: Connection, _: Writer, *, before: float) -> int:
    """Drop some inbox rows that were done before; none are left when it returns 0."""
    return inbox.forget(connection, before, ROWS_AT_ONCE)


def forget_deliveries(connection: Connection, _: Writer, *, before: float) -> int:
    """Drop some deliveries that were settled before; none are left when it returns 0."""
    return deliveries.forget(connection, before, ROWS_AT_ONCE)


def forget_sessions(connection: Connection, writer: Writer, *, now: float) -> int:
    """Delete some sessions that are past their end; none are left when it returns 0."""
    expired = sessions.expired(connection, now, SESSIONS_AT_ONCE)
    for session_id in expired:
        endings.delete(connection, SessionScope(session_id=session_id), writer)
    return len(expired)
