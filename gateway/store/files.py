"""What is known of files; what is in them stands on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, delete, exists, literal_column, select

from gateway.ports.records import FileScope, OperatorScope, SessionScope, StoredFile
from gateway.store import items, sql
from gateway.store.scope import scoped
from gateway.store.tables import files, sessions
from gateway.store.text import clean

_FILE = [column for column in files.c if column is not files.c.settled]
_UNSETTLED = files.c.settled == literal_column("0")

_insert = sql.insert(files)
_by_id = sql.Prepared(select(*_FILE).where(files.c.id == sql.value("id")), "id")
_of_session = sql.Prepared(
    select(*_FILE).where(
        files.c.id == sql.value("id"), files.c.session_id == sql.value("session_id")
    ),
    "id session_id",
)
_is_session = sql.Prepared(select(sessions.c.id).where(sessions.c.id == sql.value("id")), "id")
_known = sql.Prepared(
    lambda dialect: select(files.c.digest).where(sql.among(files.c.digest, "digests", dialect)),
    "digests",
)


def add(connection: Connection, file: StoredFile) -> None:
    """Record a file; whether its session was ever made is looked into later where it is not yet."""
    settled = _is_session.one(connection, file.session_id) is not None
    _insert.run(
        connection,
        *(file.id, file.session_id, file.digest, clean(file.name), clean(file.media_type)),
        *(file.size, file.created_at, int(settled)),
    )


@scoped(SessionScope, FileScope)
def one(connection: Connection, scope: SessionScope | FileScope, file_id: str) -> StoredFile | None:
    """One file of the session, or the one that the scope is for."""
    if isinstance(scope, SessionScope):
        row = _of_session.one(connection, file_id, scope.session_id)
    else:
        row = _by_id.one(connection, file_id) if scope.file_id == file_id else None
    return None if row is None else _file(row)


@scoped(OperatorScope)
def known(connection: Connection, scope: OperatorScope, digests: Sequence[str]) -> frozenset[str]:
    """Which of the digests some file, or something on a shelf, has."""
    return known_among(connection, digests)


def known_among(connection: Connection, digests: Sequence[str]) -> frozenset[str]:
    """The same, for who forgets them."""
    if not digests:
        return frozenset()
    rows = _known.all(connection, sql.array(connection, digests))
    return items.known(connection, digests).union(row[0] for row in rows)


def delete_of_session(connection: Connection, session_id: str) -> list[str]:
    """Drop every file of a session; the digests that nothing else has."""
    return _dropped(connection, files.c.session_id == session_id)


def delete_one(connection: Connection, session_id: str, file_id: str) -> None:
    """Drop a file of a session."""
    connection.execute(delete(files).where(files.c.id == file_id, files.c.session_id == session_id))


def drop(connection: Connection, session_id: str, file_id: str) -> list[str]:
    """Drop a file of a session; its digest, if nothing else has it."""
    return _dropped(connection, files.c.id == file_id, files.c.session_id == session_id)


def drop_of_lane(connection: Connection, lane_id: str, ids: Sequence[str]) -> list[str]:
    """Drop those of the files that are of a session on the lane; digests that nothing else has."""
    if not ids:
        return []
    there = select(sessions.c.id).where(sessions.c.lane_id == lane_id)
    return _dropped(connection, files.c.id.in_(ids), files.c.session_id.in_(there))


def settle(connection: Connection, before: float, limit: int) -> tuple[int, list[str]]:
    """Look into up to ``limit`` files of before that time whose session was not there yet.

    Those whose session never came are dropped. Returns how many were looked into, and the digests
    that nothing else has.
    """
    old = connection.execute(
        select(files.c.id).where(_UNSETTLED, files.c.created_at < before).limit(limit)
    )
    ids = list(old.scalars())
    if not ids:
        return 0, []
    stands = exists().where(sessions.c.id == files.c.session_id)
    gone = _dropped(connection, files.c.id.in_(ids), ~stands)
    connection.execute(sqlalchemy.update(files).where(files.c.id.in_(ids)).values(settled=1))
    return len(ids), gone


def _dropped(connection: Connection, *which: Any) -> list[str]:
    digests = set(connection.execute(select(files.c.digest).where(*which)).scalars())
    if not digests:
        return []
    connection.execute(delete(files).where(*which))
    return sorted(digests - known_among(connection, sorted(digests)))


def _file(row: Any) -> StoredFile:
    file_id, session_id, digest, name, media_type, size, created_at = row
    return StoredFile(
        id=file_id,
        session_id=session_id,
        digest=digest,
        name=name,
        media_type=media_type,
        size=size,
        created_at=created_at,
    )
