"""The store: SQLite or PostgreSQL behind one contract, ``gateway.ports.store.Store``."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gateway.errors import ConfigurationError, Problem
from gateway.ports.store import Store
from gateway.store.backend import Backend
from gateway.store.schema import SchemaState
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore


def connect(url: str, *, replica: str = "", read_only: bool = False) -> Store:
    """A store on this database, still to be opened.

    ``url`` is ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or
    ``postgresql://user:password@host/name``; anything else raises ``ConfigurationError``.
    ``replica`` names this process where people see who holds the database. ``read_only`` opens
    beside a running gateway: no lock, nothing created, every write refused.
    """
    return SqlStore(_backend(url, replica or _name(), read_only))


def migrate(url: str) -> list[str]:
    """Bring the database to this program's schema; returns the revisions that were applied.

    An empty one is given the schema. Takes the database's lock: raises ``StoreLocked`` while a
    gateway runs, and ``SchemaMismatch`` when the schema is newer than this program or not ours.
    Not to be called from an event loop.
    """
    return asyncio.run(_backend(url, _name(), read_only=False).migrate())


def schema_state(url: str) -> SchemaState:
    """Which schema the database has, without changing or locking it. Not from an event loop."""
    return asyncio.run(_backend(url, _name(), read_only=True).state())


def _name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _backend(url: str, replica: str, read_only: bool) -> Backend:
    hint = "sqlite:///data/gateway.db, or postgresql://user:password@host/name"
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername == "sqlite" and parsed.database:
        return SqliteBackend(Path(parsed.database), replica=replica, read_only=read_only)
    if parsed is not None and parsed.drivername in ("postgresql", "postgres"):
        # Half of its import time is asyncpg's, which a gateway on SQLite never uses.
        from gateway.store.postgresql import PostgresqlBackend

        return PostgresqlBackend(parsed, replica=replica, read_only=read_only)
    raise ConfigurationError(
        [Problem(where="database", what="is not an address the store knows", hint=hint)]
    )
