"""SQLite: one writer thread, two readers, WAL, and a file lock that names its holder."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gateway import observability as obs
from gateway.domain import new_id
from gateway.errors import GatewayError, StoreCorrupt, StoreError, Unavailable
from gateway.store import housekeeping, migrations, schema
from gateway.store.batches import Kind, Write, perform
from gateway.store.group_commit import GroupCommit
from gateway.store.lanes import Writer
from gateway.store.lockfile import LockFile
from gateway.store.scope import is_operators
from gateway.store.scrubbing import Pages, Place
from gateway.store.worker import Workers

P = ParamSpec("P")
T = TypeVar("T")

READERS = 2
"""One thread for what turns and people ask, one for operators."""

SAFE_VERSION = (3, 51, 3)
BUSY_SECONDS = 5.0
RETRY_AFTER = 1.0
ALWAYS_CHECKED = 512 * 2**20
WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    # What is deleted is overwritten; what that leaves, ``scrubbing`` finds.
    "secure_delete=ON",
    "cache_size=-4000",
    # Four times the usual: a page changed often is written back once, not each time.
    "wal_autocheckpoint=4000",
)
SCRUB_PATIENCE = 30.0
"""Seconds to wait for those who read, one after the other, what is still in the log."""
SCRUB_PAUSE = 0.1
READER_PRAGMAS = ("query_only=ON", "cache_size=-1000")


def driver() -> ModuleType:
    """The sqlite3 module with the newer library: pysqlite3 where it is installed."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    module: ModuleType = dbapi2
    return module


class SqliteBackend:
    """A database file; ``read_only`` looks beside its gateway, and neither locks nor creates."""

    def __init__(self, path: Path, *, replica: str, read_only: bool = False) -> None:
        self._path = path.absolute()
        self._read_only = read_only
        self._driver = driver()
        self._errors: tuple[type[Exception], ...] = (DBAPIError, self._driver.Error)
        self._log = self._path.with_name(f"{self._path.name}-wal")
        self._lock = LockFile(self._path.with_name(f"{self._path.name}.lock"))
        self._writer = Writer(holder=f"{replica}:{new_id()}")
        self._connection: Connection | None = None
        self._readers: SimpleQueue[Connection] = SimpleQueue()
        self._broken: GatewayError | None = None
        self._file: int | None = None

    async def open(self) -> None:
        """As ``Store.open``."""
        self._loop = asyncio.get_running_loop()
        how = self._open_beside if self._read_only else self._open_alone
        await asyncio.to_thread(self._guarded, how)
        self._reading = Workers("gateway-store-reader")
        # An operator's list may read a million sessions; no turn waits for it.
        self._listing = Workers("gateway-store-operator")
        if not self._read_only:
            self._writing = Workers("gateway-store-writer")
            self._pump = GroupCommit(self._start)

    async def close(self) -> None:
        """As ``Store.close``."""
        if not self._read_only:
            await self._pump.close()
            await self._writing.stop()
        await self._reading.stop()
        await self._listing.stop()
        await asyncio.to_thread(self._close)

    async def migrate(self) -> list[str]:
        """As ``Backend.migrate``."""
        return await asyncio.to_thread(self._guarded, self._migrate)

    async def state(self) -> schema.SchemaState:
        """As ``Backend.state``."""
        return await asyncio.to_thread(self._guarded, self._state)

    async def write(self, kind: Kind, item: Any, *, patient: bool = False) -> Any:
        """As ``Backend.write``."""
        if self._read_only:
            raise StoreError(f"{self._path} was opened for reading only")
        return await self._pump.submit(kind, item, patient=patient)

    async def scrub(self) -> None:
        """As ``Backend.scrub``: piece by piece, between what is written meanwhile."""
        place: Place | None = Place()
        deadline = self._loop.time() + SCRUB_PATIENCE
        while place is not None:
            following = await self._writing.call(self._scrub, place)
            if following != place:
                place, deadline = following, self._loop.time() + SCRUB_PATIENCE
            elif self._loop.time() > deadline:
                raise Unavailable(f"{self._path}: somebody reads for long", retry_after=RETRY_AFTER)
            else:
                await asyncio.sleep(SCRUB_PAUSE)

    async def read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As ``Backend.read``."""
        workers = self._listing if is_operators(args) else self._reading
        return await workers.call(self._read, function, args, kwargs)

    # The pump's, in the event loop.

    def _start(self, writes: list[Write]) -> None:
        self._writing.post(partial(self._answer, writes), self._perform, writes)

    def _answer(self, writes: list[Write], _: None, error: BaseException | None) -> None:
        if error is not None:
            error = self._explained(error)
            if isinstance(error, StoreCorrupt):
                self._broken = error
            for write in writes:
                if not write.done:
                    write.fail(error)
        self._pump.finished(writes)

    # From here on in threads.

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            result = work()
        except self._errors as error:
            self._close()
            raise self._explained(error) from error
        except BaseException:
            self._close()
            raise
        return result

    def _open_beside(self) -> None:
        if not self._path.exists():
            raise StoreError(f"there is no database at {self._path}")
        self._add_readers()
        self._read(schema.state, (), {}).check(str(self._path))

    def _state(self) -> schema.SchemaState:
        if not self._path.exists():
            return schema.SchemaState(version=None, empty=True)
        self._add_readers()
        found = self._read(schema.state, (), {})
        self._close()
        return found

    def _migrate(self) -> list[str]:
        connection = self._take()
        # Alembic commits where Core knows of no transaction.
        with self._transaction(), connection.begin():
            applied = migrations.upgrade(connection, str(self._path))
        self._close()
        return applied

    def _take(self) -> Connection:
        """The connection that writes, on a database that is locked and sound."""
        self._file = _open_private(self._path)
        self._lock.take()
        _warn_of_old(self._driver)
        must_check = self._must_be_checked()
        self._connection = self._connect("rw", WRITER_PRAGMAS)
        self._transaction = _Transaction(self._connection)
        if must_check:
            self._check_integrity(self._connection)
        return self._connection

    def _open_alone(self) -> None:
        connection = self._take()
        with self._transaction():
            found = schema.state(connection)
            if found.empty:
                schema.create(connection)
            else:
                found.check(str(self._path))
            housekeeping.take_over(connection, self._writer)
        self._add_readers()

    def _add_readers(self) -> None:
        for _ in range(READERS):
            self._readers.put(self._reader())

    def _reader(self) -> Connection:
        # Without a log nobody writes, and SQLite would leave an empty one behind, were it not told.
        still = self._read_only and not self._log.exists()
        connection = self._connect("ro&immutable=1" if still else "ro", READER_PRAGMAS)
        connection.info["still"] = still
        return connection

    def _connect(self, mode: str, pragmas: Sequence[str]) -> Connection:
        uri = f"{self._path.as_uri()}?mode={mode}"

        def connect() -> Any:
            connection = self._driver.connect(
                uri,
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=BUSY_SECONDS,
                cached_statements=256,
            )
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
            return connection

        engine = sqlalchemy.create_engine(
            "sqlite://",
            module=self._driver,
            creator=connect,
            poolclass=NullPool,
            # What people said is in no error, and so in no log.
            hide_parameters=True,
        )
        return engine.connect()

    def _must_be_checked(self) -> bool:
        """A large file costs a second for each gigabyte: only if its last process did not close it.

        SQLite removes the write-ahead log when the last connection closes in order.
        """
        return self._log.exists() or self._path.stat().st_size <= ALWAYS_CHECKED

    def _check_integrity(self, connection: Connection) -> None:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        connection.rollback()
        if found != "ok":
            raise StoreCorrupt(
                f"{self._path} is damaged ({found}): restore a copy,"
                f" or save what can be saved with `sqlite3 {self._path} .recover`"
            )

    def _close(self) -> None:
        while not self._readers.empty():
            self._readers.get().close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._file is not None:
            # After the connections: closing a file takes all locks on it away from the process.
            os.close(self._file)
            self._file = None
        self._lock.release()

    def _perform(self, writes: list[Write]) -> None:
        if self._broken is not None:
            raise self._broken
        connection = self._connection
        if connection is None:
            raise Unavailable(f"{self._path} is closed")
        perform(connection, self._writer, writes, self._transaction, self._is_away)

    def _scrub(self, place: Place) -> Place | None:
        """Write zeros over what is left in a piece of the file; where the next one is: the same,
        where the log could not be emptied because somebody reads it."""
        connection, file = self._connection, self._file
        if connection is None or file is None:
            raise Unavailable(f"{self._path} is closed")
        run: Any = connection.connection.cursor().execute
        try:
            self._empty_log(run)
            run("BEGIN IMMEDIATE")
            try:
                return self._scrub_piece(file, place) if self._log_is_empty() else place
            finally:
                run("ROLLBACK")
                # What is written later is made of pages read anew.
                run("PRAGMA shrink_memory")
        except self._errors as error:
            raise self._explained(error) from error
        except OSError as error:
            raise Unavailable(f"{self._path}: {error}", retry_after=RETRY_AFTER) from error

    def _empty_log(self, run: Any) -> None:
        run("PRAGMA busy_timeout=50")
        try:
            run("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            run(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")

    def _log_is_empty(self) -> bool:
        """Asked by who may write alone: what anybody wrote before, whoever reads the log copies
        into the file when they please."""
        return not self._log.exists() or self._log.stat().st_size == 0

    def _scrub_piece(self, file: int, place: Place) -> Place | None:
        pages = Pages(file)
        following = pages.scrub(place)
        if pages.changed:
            os.fsync(file)
        return following

    def _read(self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        connection = self._readers.get()
        if self._read_only and connection.info["still"] and self._log.exists():
            connection.close()
            connection = self._reader()
        try:
            return function(connection, *args, **kwargs)
        except self._errors as error:
            raise self._explained(error) from error
        finally:
            if connection.in_transaction():
                connection.rollback()
            self._readers.put(connection)

    def _is_away(self, error: BaseException) -> bool:
        return isinstance(self._explained(error), Unavailable | StoreCorrupt)

    def _explained(self, error: BaseException) -> BaseException:
        """The trouble in the gateway's words; the error itself where it is an item's own fault."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if type(cause) is self._driver.DatabaseError:
            return StoreCorrupt(f"{self._path}: {cause}")
        if isinstance(cause, self._driver.OperationalError):
            return Unavailable(f"{self._path}: {cause}", retry_after=RETRY_AFTER)
        return error


class _Transaction:
    """What ``Connection.begin`` does, without the third of a message's time that its events take.

    Core statements run in it all the same: SQLAlchemy believes that the driver commits each.
    """

    __slots__ = ("_connection", "_cursor", "_driver")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver: Any = connection.connection.driver_connection
        self._cursor = connection.connection.cursor()

    def __call__(self, _: Sequence[Write] = ()) -> Self:
        return self

    def __enter__(self) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, at: object) -> None:
        try:
            if kind is None and self._driver.in_transaction:
                self._cursor.execute("COMMIT")
        finally:
            # Nothing is left to undo after a commit; Core's own belief in a transaction ends too.
            if self._driver.in_transaction:
                self._driver.rollback()
            if self._connection.in_transaction():
                self._connection.rollback()


def _open_private(path: Path) -> int:
    """What people wrote is nobody else's to read; SQLite gives its other files the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _warn_of_old(module: ModuleType) -> None:
    if module.sqlite_version_info < SAFE_VERSION:
        safe = ".".join(map(str, SAFE_VERSION))
        obs.log.warning(obs.Event.SQLITE_OLD, version=module.sqlite_version, safe=safe)
