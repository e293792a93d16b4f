"""What happens on the side: nothing waits for it, and nothing fails with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway import GatewayError

MAX_UNDER_WAY = 100


class Aside:
    """Small tasks of one channel; too many at once, and more are left undone."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False

    def begin(self) -> None:
        """Take on what comes."""
        self._open = True

    def do(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        """Do it meanwhile."""
        if not self._open or len(self._tasks) >= MAX_UNDER_WAY:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(self._contained(what, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Leave undone what is not done, and whatever comes."""
        self._open = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _contained(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except GatewayError as error:
            self._log.debug("slack.embellishment_failed", what=what, error=str(error))
