"""A few threads that do blocking things for an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[[Any, BaseException | None], None], Callable[..., Any], tuple[Any, ...]]


class Workers:
    """``count`` threads that take jobs from one queue; one wake-up each way for a job."""

    def __init__(self, name: str, count: int = 1) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def post(
        self,
        answer: Callable[[Any, BaseException | None], None],
        function: Callable[..., Any],
        *args: Any,
    ) -> None:
        """Have a thread do this; then ``answer`` is called in the loop with result and error."""
        self._jobs.put((answer, function, args))

    def call(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Have a thread do this; the future has what it returned or raised.

        Cancelling the future does not keep the thread from it.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self.post(partial(_settle, future), function, *args)
        return future

    async def stop(self) -> None:
        """Return when what was asked before is done and the threads are gone."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            answer, function, args = job
            try:
                result = function(*args)
            except BaseException as error:  # noqa: BLE001 - it is the caller's, who waits elsewhere
                self._loop.call_soon_threadsafe(answer, None, error)
            else:
                self._loop.call_soon_threadsafe(answer, result, None)


def _settle(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
