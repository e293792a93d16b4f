"""The pump: what is submitted while a transaction runs goes into the next one, all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from gateway import observability as obs
from gateway.errors import Unavailable
from gateway.ports.records import Accepted, Effects, Hold
from gateway.store import inbox
from gateway.store.batches import Kind, Write
from gateway.store.lanes import Writer

PATIENCE = 0.005


class GroupCommit:
    """Collects writes into batches and starts one batch at a time.

    ``start`` begins a batch and returns at once; when every write of it is ``done``, ``finished``
    is called, in the event loop. There is no limit to a batch: who submits waits for the answer.
    """

    def __init__(self, start: Callable[[list[Write]], None]) -> None:
        self._start = start
        self._queue: list[Write] = []
        self._loop = asyncio.get_running_loop()
        self._busy = False
        self._urgent = False
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, kind: Kind, item: Any, *, patient: bool = False) -> asyncio.Future[Any]:
        """Queue a write; the future has its result or error once that is durable.

        A ``patient`` one waits up to ``PATIENCE`` seconds for another's transaction to share.
        Cancelling the future cancels nothing else: the write happens.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        future = self._loop.create_future()
        self._queue.append(Write(kind, item, future))
        self._idle.clear()
        if not patient:
            self._urgent = True
            self._begin()
        elif not self._busy and self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._begin)
        return future

    async def close(self) -> None:
        """Take nothing more, and return when everything taken is done."""
        self._closed = True
        if self._queue:
            self._begin()
        await self._idle.wait()

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._busy:
            self._busy = True
            # Not at once: what else this turn of the loop submits shares the transaction.
            self._loop.call_soon(self._next)

    def finished(self, writes: list[Write]) -> None:
        """Answer everybody who waits for a write of this batch, and start the next."""
        obs.COMMIT_ITEMS.observe(len(writes))
        obs.COMMIT_SECONDS.observe(self._loop.time() - self._began)
        for write in writes:
            future = write.future
            if future.done():
                self._abandon(write)
            elif write.error is None:
                future.set_result(write.result)
            else:
                future.set_exception(write.error)
        self._rest()

    def _next(self) -> None:
        if self._queue:
            batch, self._queue, self._urgent = self._queue, [], False
            self._began = self._loop.time()
            self._start(batch)
        else:
            self._busy = False
            self._idle.set()

    def _rest(self) -> None:
        """Between two batches: what is left may be patient."""
        if self._queue and not self._urgent and not self._closed:
            self._busy = False
            self._timer = self._loop.call_later(PATIENCE, self._begin)
        else:
            self._next()

    def _abandon(self, write: Write) -> None:
        """Nobody waits for the answer: a lane that it claimed would be held for ever."""
        hold = _new_hold(write)
        if hold is not None:
            undo = partial(_unclaim, hold)
            self._queue.append(Write(Kind.ACT, undo, self._loop.create_future()))
            self._urgent = True


def _unclaim(hold: Hold, connection: Any, writer: Writer) -> None:
    inbox.unclaim(connection, hold, writer.holder)


def _new_hold(write: Write) -> Hold | None:
    match write.result:
        case Accepted(hold=hold):
            return hold
        case (Hold() as hold, _):
            return hold
        case Hold() as hold if isinstance(write.item, Effects) and write.item.claim_next:
            return hold
    return None
