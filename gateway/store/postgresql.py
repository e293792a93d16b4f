"""PostgreSQL: one connection that writes and holds the lock, a few that read.

The lock is an advisory one on the very connection that writes. When that connection is lost, so is
the lock, and nothing is written until a new connection has taken it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain import new_id
from gateway.errors import StoreError, StoreLocked, Unavailable
from gateway.store import housekeeping, migrations, schema
from gateway.store.batches import Kind, Write, perform
from gateway.store.group_commit import GroupCommit
from gateway.store.lanes import Writer
from gateway.store.server import Server, transaction
from gateway.store.tables import replicas

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 2
"""A connection found dead is replaced once before anybody is told."""

SETTLE_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)


class PostgresqlBackend:
    """A database on a server; ``read_only`` looks beside its gateway, and takes no lock."""

    def __init__(self, url: URL, *, replica: str, read_only: bool = False) -> None:
        self._server = Server(url, read_only=read_only)
        self._read_only = read_only
        self._writer = Writer(holder=f"{replica}:{new_id()}")
        self._line: AsyncConnection | None = None
        self._ours = False
        self._process = 0
        self._broken: StoreError | None = None
        self._batch = 0
        self._in_doubt: tuple[int, Sequence[Write]] = (0, ())
        self._closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """As ``Store.open``."""
        try:
            await self._open()
        except self._server.errors as error:
            await self._end()
            raise self._server.explained(error) from error
        except BaseException:
            await self._end()
            raise

    async def _open(self) -> None:
        if self._read_only:
            (await self.read(schema.state)).check(self._server.name)
            return
        line = await self._writing()
        await line.run_sync(self._take_over)
        self._ours = True
        self._pump = GroupCommit(self._start)

    def _take_over(self, connection: Connection) -> None:
        with transaction(connection):
            found = schema.state(connection)
            if found.empty:
                schema.create(connection)
            else:
                found.check(self._server.name)
            housekeeping.take_over(connection, self._writer)

    async def close(self) -> None:
        """As ``Store.close``."""
        self._closing.set()
        if not self._read_only:
            await self._pump.close()
            await self._leave()
        await self._end()

    async def _end(self) -> None:
        await self._drop()
        await self._server.close()

    async def _leave(self) -> None:
        if self._line is not None and self._broken is None:
            # With the database away there is nobody to take leave of.
            with contextlib.suppress(*self._server.errors):
                await self._line.run_sync(self._sign_off)

    def _sign_off(self, connection: Connection) -> None:
        with transaction(connection):
            housekeeping.leave(connection, self._writer)

    async def migrate(self) -> list[str]:
        """As ``Backend.migrate``."""
        return await self._once(self._migrate)

    async def state(self) -> schema.SchemaState:
        """As ``Backend.state``."""
        return await self._once(lambda: self.read(schema.state))

    async def _migrate(self) -> list[str]:
        line = await self._writing()
        return await line.run_sync(self._upgrade)

    def _upgrade(self, connection: Connection) -> list[str]:
        # Alembic commits where Core knows of no transaction.
        with transaction(connection), connection.begin():
            return migrations.upgrade(connection, self._server.name)

    async def _once(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except self._server.errors as error:
            raise self._server.explained(error) from error
        finally:
            await self._end()

    async def write(self, kind: Kind, item: Any, *, patient: bool = False) -> Any:
        """As ``Backend.write``."""
        if self._read_only:
            raise StoreError(f"{self._server.name} was opened for reading only")
        return await self._pump.submit(kind, item, patient=patient)

    async def scrub(self) -> None:
        """Nothing: what is deleted is read by no query, and the server does the rest.

        Its vacuum empties the space of deleted rows
        (https://www.postgresql.org/docs/current/routine-vacuuming.html), its log is recycled within
        a few checkpoints (https://www.postgresql.org/docs/current/wal-configuration.html).
        """

    async def read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As ``Backend.read``."""
        failure: BaseException = Unavailable(f"{self._server.name} is away")
        for _ in range(ATTEMPTS):
            try:
                return await self._server.read(function, *args, **kwargs)
            except self._server.errors as error:
                failure = self._server.explained(error)
                if not isinstance(failure, Unavailable):
                    break
        raise failure

    # One batch at a time, started by the pump.

    def _start(self, writes: list[Write]) -> None:
        self._running = asyncio.create_task(self._perform(writes))
        self._running.add_done_callback(partial(self._answer, writes))

    def _answer(self, writes: list[Write], done: asyncio.Task[None]) -> None:
        away = Unavailable(f"{self._server.name} is away")
        error = away if done.cancelled() else done.exception() or away
        for write in writes:
            if not write.done:
                write.fail(error)
        self._pump.finished(writes)

    async def _perform(self, writes: list[Write]) -> None:
        """Return when every write is done, or raise what stood in the way of the rest."""
        for attempt in range(ATTEMPTS):
            rest = [write for write in writes if not write.done]
            try:
                await self._attempt(rest)
            except self._server.errors as error:
                await self._drop()
                await self._settle()
                failure = self._server.explained(error)
                if not isinstance(failure, Unavailable) or attempt + 1 == ATTEMPTS:
                    raise failure from error
            else:
                return

    async def _attempt(self, writes: list[Write]) -> None:
        self._in_doubt = (0, ())
        if writes:
            line = await self._writing()
            await line.run_sync(self._write, writes)

    def _write(self, connection: Connection, writes: list[Write]) -> None:
        transaction = partial(self._transaction, connection)
        perform(connection, self._writer, writes, transaction, self._is_away)

    def _is_away(self, error: BaseException) -> bool:
        return (
            isinstance(error, StoreLocked)
            or self._server.is_closed(self._line)
            or self._server.explained(error) is not error
        )

    @contextlib.contextmanager
    def _transaction(self, connection: Connection, writes: Sequence[Write]) -> Iterator[None]:
        """Signed with a number, so that it can be told afterwards whether it was committed."""
        self._batch += 1
        sign = housekeeping.signature(self._writer, self._batch)

        def committing() -> None:
            self._in_doubt = (self._batch, writes)

        with transaction(connection, sign, committing) as signed:
            if signed != "UPDATE 1":
                self._broken = self._taken()
                raise self._broken
            yield

    async def _settle(self) -> None:
        """Find out whether the last batch was committed, however long the database is away.

        The lock is free only once the server has done with the former connection, so what is read
        after taking it again is final.
        """
        batch, writes = self._in_doubt
        pauses = [*SETTLE_PAUSES]
        while not all(write.done for write in writes):
            try:
                line = await self._writing()
                committed = await line.run_sync(self._last_batch) == batch
            except self._server.errors:
                await self._drop()
                if self._broken is not None or self._closing.is_set():
                    return
                await self._pause(pauses.pop(0) if len(pauses) > 1 else pauses[0])
                continue
            for write in writes if committed else ():
                write.done = True
            return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _last_batch(self, connection: Connection) -> int | None:
        query = select(replicas.c.batch).where(replicas.c.id == self._writer.holder)
        return connection.execute(query).scalar()

    # The line that writes.

    async def _writing(self) -> AsyncConnection:
        """The connection that holds the lock, made anew when it was lost."""
        if self._broken is not None:
            raise self._broken
        if self._line is not None and self._server.is_closed(self._line):
            await self._drop()
        if self._line is None:
            self._line = await self._locked()
        return self._line

    async def _locked(self) -> AsyncConnection:
        line = await self._server.connect()
        try:
            await self._lock(line)
        except BaseException:
            await self._server.drop(line)
            raise
        self._process = self._server.process_of(line)
        return line

    async def _lock(self, line: AsyncConnection) -> None:
        if self._ours:
            # It may not know yet that the wire was cut. Its last work is then done, or undone.
            await self._server.end(line, self._process)
        try:
            await self._server.lock(line)
        except StoreLocked as locked:
            if not self._ours:
                raise
            if await self._is_registered(line):
                raise Unavailable("the former connection still holds the lock") from None
            self._broken = self._taken(str(locked))
            raise self._broken from None

    async def _is_registered(self, line: AsyncConnection) -> bool:
        return await line.run_sync(self._last_batch) is not None

    def _taken(self, by: str = "") -> StoreLocked:
        return StoreLocked(
            f"{by or self._server.name}: it was taken over by another process while the connection"
            " was lost; this one writes no more and has to be started again"
        )

    async def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await self._server.drop(line)
