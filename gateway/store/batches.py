"""One transaction for everything submitted at the same instant, set by set and not item by item."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from gateway.errors import Fenced, GatewayError
from gateway.ports.records import Mark
from gateway.store import arrivals, commits, deliveries
from gateway.store.lanes import Writer

Act = Callable[[Connection, Writer], Any]
"""A rare write: what it returns is the caller's, an expected error undoes it alone."""


class Kind(StrEnum):
    """What a write is, and with that how it shares a transaction."""

    ACCEPT = "accept"
    COMMIT = "commit"
    MARK = "mark"
    ACT = "act"


@dataclass(slots=True, eq=False)
class Write:
    """Something to be written for a caller who waits on ``future``."""

    kind: Kind
    item: Any
    future: Future[Any]
    result: Any = None
    error: BaseException | None = None
    done: bool = False

    def fail(self, error: BaseException) -> None:
        """It did not happen, and why."""
        self.result, self.error, self.done = None, error, True


Transaction = Callable[[Sequence[Write]], AbstractContextManager[object]]
"""What begins a transaction for these writes; leaving it commits, or undoes it after an error."""


def perform(
    connection: Connection,
    writer: Writer,
    writes: Sequence[Write],
    transaction: Transaction,
    is_away: Callable[[BaseException], bool],
) -> None:
    """Write all of them in one ``transaction``; where it fails, find the one that is to blame.

    Afterwards each is ``done``, with its result or its error. Raises only what ``is_away`` says is
    the database's own trouble: then what is not ``done`` did not happen, unless it was the end of
    its transaction that failed.
    """
    try:
        with transaction(writes):
            _write(connection, writer, writes)
    except Exception as error:  # whatever is wrong with one item, it fails alone
        writer.rolled_back()
        if is_away(error):
            raise
        if len(writes) == 1:
            writes[0].fail(error)
            return
        middle = len(writes) // 2
        for half in (writes[:middle], writes[middle:]):
            perform(connection, writer, half, transaction, is_away)
    else:
        writer.committed()
        for write in writes:
            write.done = True


def _write(connection: Connection, writer: Writer, writes: Sequence[Write]) -> None:
    """Commits free lanes before anything arrives on them; marks find what commits delivered."""
    by_kind: dict[Kind, list[Write]] = {}
    for write in writes:
        write.error = None
        by_kind.setdefault(write.kind, []).append(write)
    for kind in IN_ORDER if len(by_kind) > 1 else by_kind:
        if kind in by_kind:
            _WRITE[kind](connection, writer, by_kind[kind])


def _accept(connection: Connection, writer: Writer, writes: Sequence[Write]) -> None:
    accepted = arrivals.accept_all(connection, writer, [write.item for write in writes])
    for write, result in zip(writes, accepted, strict=True):
        write.result = result


def _mark(connection: Connection, _: Writer, writes: Sequence[Write]) -> None:
    marks: list[Mark] = [mark for write in writes for mark in write.item]
    deliveries.mark_all(connection, marks)


def _commit(connection: Connection, writer: Writer, writes: Sequence[Write]) -> None:
    results = commits.commit_all(connection, writer, [write.item for write in writes])
    for write, result in zip(writes, results, strict=True):
        if isinstance(result, Fenced):
            write.error = result
        else:
            write.result = result


def _act(connection: Connection, writer: Writer, writes: Sequence[Write]) -> None:
    for write in writes:
        fresh = dict(writer.fresh)
        try:
            with connection.begin_nested():
                write.result = write.item(connection, writer)
        except (GatewayError, LookupError) as error:
            write.error, writer.fresh = error, fresh


_WRITE = {Kind.COMMIT: _commit, Kind.MARK: _mark, Kind.ACT: _act, Kind.ACCEPT: _accept}
IN_ORDER = tuple(_WRITE)
