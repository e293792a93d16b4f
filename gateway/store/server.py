"""Talking to a PostgreSQL server: connections, the lock, and what its errors mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from gateway.errors import (
    ConfigurationError,
    Problem,
    StoreCorrupt,
    StoreError,
    StoreLocked,
    Unavailable,
)
from gateway.store import lockfile
from gateway.store.scope import is_operators

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
RETRY_AFTER = 1.0
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 30.0
LOCK_SECONDS = 1.0
"""How long the server may take to notice that the former holder died."""

_LOCK = text("SELECT pg_try_advisory_lock(1668507764, hashtext(current_schema()))")
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks"
    " WHERE locktype = 'advisory' AND classid = 1668507764 AND pid = :process"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_HAS_HOLDERS = text("SELECT to_regclass('replicas') IS NOT NULL")
_HOLDER = text("SELECT pid, host, started FROM replicas ORDER BY started DESC LIMIT 1")

# SQLSTATE classes: away, for a while or until somebody helps; refused; damaged. What is in none of
# them is an item's own fault.
_AWAY = ("08", "25006", "40", "53", "55", "57", "58", "XX000")
_REFUSED = ("28", "3D000")
_DAMAGED = ("XX001", "XX002")


class Server:
    """One database on a PostgreSQL server; connections are made when they are needed."""

    def __init__(self, url: URL, *, read_only: bool) -> None:
        self.name = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"
        settings = {
            "application_name": "chat-gateway",
            # A holder whose machine vanished is found dead, and its lock free, in half a minute.
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "4",
        }
        if read_only:
            settings["default_transaction_read_only"] = "on"
        options = {
            "connect_args": {
                "timeout": CONNECT_SECONDS,
                "command_timeout": STATEMENT_SECONDS,
                "server_settings": settings,
            },
            # What people said is in no error, and so in no log.
            "hide_parameters": True,
        }
        address = _for_asyncpg(url)
        self._writing = create_async_engine(
            address, poolclass=NullPool, isolation_level="AUTOCOMMIT", **options
        )
        self._reading = create_async_engine(
            address,
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=STATEMENT_SECONDS,
            isolation_level="AUTOCOMMIT",
            **options,
        )
        # An operator's list may read a million sessions; no turn waits for it.
        self._listing = asyncio.Semaphore(READERS // 2)
        event.listen(self._reading.sync_engine, "checkout", _refuse_closed)
        dbapi = self._writing.dialect.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (
            *(SQLAlchemyError, dbapi.Error, asyncpg.PostgresError, asyncpg.InterfaceError),
            *(asyncpg.InternalClientError, OSError, TimeoutError, Unavailable, StoreError),
        )

    async def close(self) -> None:
        """Close every connection that reads; the one that writes is its user's."""
        await self._reading.dispose()
        await self._writing.dispose()

    async def read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call the function with a connection that commits each statement by itself."""
        turn = self._listing if is_operators(args) else contextlib.nullcontext()
        async with turn, self._reading.connect() as connection:
            return await connection.run_sync(function, *args, **kwargs)

    async def connect(self) -> AsyncConnection:
        """A connection of one's own."""
        return await self._writing.connect()

    async def drop(self, line: AsyncConnection) -> None:
        """End a connection, dead or alive."""
        with contextlib.suppress(*self.errors):
            await line.invalidate()
        with contextlib.suppress(*self.errors):
            await line.close()

    async def lock(self, line: AsyncConnection) -> None:
        """Take the lock for as long as the connection lives. Raises ``StoreLocked``."""
        deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
        while not await self._ask(line, _LOCK):
            if asyncio.get_running_loop().time() > deadline:
                raise StoreLocked(f"{self.name} is in use by {await self._holder(line)}")
            await asyncio.sleep(0.02)

    async def end(self, line: AsyncConnection, process: int) -> None:
        """End the server's side of a connection that held the lock, if it still does."""
        await line.execute(_END, {"process": process})

    def process_of(self, line: AsyncConnection) -> int:
        """The number of the server's process for this connection."""
        return int(_driver_of(line.sync_connection).get_server_pid())

    def is_closed(self, line: AsyncConnection | None) -> bool:
        """Whether the connection is known to be lost."""
        if line is None or line.closed or line.invalidated:
            return True
        return bool(_driver_of(line.sync_connection).is_closed())

    def explained(self, error: BaseException) -> BaseException:
        """The trouble in the gateway's words; the error itself where it is an item's own fault."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        state = str(getattr(cause, "sqlstate", None) or "")
        if state.startswith(_REFUSED):
            problem = Problem(where="gateway.database", what=f"{self.name}: {_words(cause)}")
            return ConfigurationError([problem])
        if state.startswith(_DAMAGED):
            return StoreCorrupt(f"{self.name}: {_words(cause)}")
        if state.startswith(_AWAY) or _is_connection_trouble(error, cause):
            return Unavailable(f"{self.name}: {_words(cause)}", retry_after=RETRY_AFTER)
        return error

    async def _ask(self, line: AsyncConnection, query: Any) -> Any:
        return (await line.execute(query)).scalar()

    async def _holder(self, line: AsyncConnection) -> str:
        if not await self._ask(line, _HAS_HOLDERS):
            return "another process"
        row = (await line.execute(_HOLDER)).first()
        if row is None:
            return "another process"
        started = datetime.fromtimestamp(row.started, UTC).isoformat(timespec="seconds")
        return lockfile.name(row.pid, row.host, started)


@contextlib.contextmanager
def transaction(
    connection: Connection, first: str = "", committing: Callable[[], None] | None = None
) -> Iterator[str]:
    """A transaction on a connection that commits each statement by itself.

    ``first``, a statement without values, travels with BEGIN: SQLAlchemy's own transactions take a
    trip more. Yields what the server says to it, as in "UPDATE 1". ``committing`` is called just
    before COMMIT is sent.
    """
    adapted: Any = connection.connection.dbapi_connection

    def send(statements: str) -> str:
        status: str = adapted.run_async(lambda driver: driver.execute(statements))
        return status

    if connection.in_transaction():
        connection.rollback()
    try:
        yield send(f"BEGIN; {first}")
        if committing is not None:
            committing()
        send("COMMIT")
    except BaseException:
        if not adapted.driver_connection.is_closed():
            send("ROLLBACK")
        raise
    finally:
        if connection.in_transaction():
            connection.rollback()


def _for_asyncpg(url: URL) -> URL:
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query)


def _driver_of(connection: Connection | None) -> Any:
    return None if connection is None else connection.connection.driver_connection


def _refuse_closed(dbapi_connection: Any, _: Any, __: Any) -> None:
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError


def _is_connection_trouble(error: BaseException, cause: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # asyncpg's own, when the server ended an idle connection with a last word.
    if isinstance(cause.__cause__ or cause, asyncpg.InternalClientError):
        return True
    if isinstance(cause, OSError | TimeoutError | DisconnectionError):
        return True
    words = str(cause)
    return "connection is closed" in words or "connection was closed" in words


def _words(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
