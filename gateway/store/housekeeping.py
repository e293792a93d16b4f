"""What is done when a process takes a database over, and now and then afterwards."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import Connection, delete

from gateway.ports.records import SessionScope
from gateway.store import bookmarks, deliveries, endings, files, inbox, owing, sealing, sessions
from gateway.store.lanes import Writer
from gateway.store.tables import replicas

ROWS_AT_ONCE = 500
SESSIONS_AT_ONCE = 20
SESSION_COMES_WITHIN = 86_400.0
"""A file may come before the session that it is for, by so many seconds."""
BOOKMARKS_LAST = 90 * 86_400.0
"""Seconds; no platform hands out what is older and was missed."""


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
    writer.seal = sealing.of(connection)
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


class Dropped(NamedTuple):
    """How many were looked into, none when nothing is left; digests that no file has any more."""

    number: int
    digests: Sequence[str] = ()


def forget_rows(connection: Connection, _: Writer, *, before: float) -> Dropped:
    """Drop some inbox rows that were done before."""
    return Dropped(inbox.forget(connection, before, ROWS_AT_ONCE))


def forget_deliveries(connection: Connection, _: Writer, *, before: float) -> Dropped:
    """Drop some deliveries that were settled before."""
    number = deliveries.forget(connection, before, ROWS_AT_ONCE)
    if number:
        owing.owe(connection)
    return Dropped(number)


def forget_sessions(connection: Connection, writer: Writer, *, now: float) -> Dropped:
    """Delete some sessions that are past their end."""
    expired = sessions.expired(connection, now, SESSIONS_AT_ONCE)
    digests: list[str] = []
    for session_id in expired:
        digests += endings.delete(connection, SessionScope(session_id=session_id), writer)
    return Dropped(len(expired), digests)


def forget_files(connection: Connection, _: Writer, *, now: float) -> Dropped:
    """Drop those of some files whose session never came."""
    return Dropped(*files.settle(connection, now - SESSION_COMES_WITHIN, ROWS_AT_ONCE))


def forget_bookmarks(connection: Connection, _: Writer, *, now: float) -> Dropped:
    """Drop some positions in places where nothing happened for long."""
    return Dropped(bookmarks.forget(connection, now - BOOKMARKS_LAST, ROWS_AT_ONCE))
