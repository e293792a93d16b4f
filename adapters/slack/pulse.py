"""Whether Slack is there: what it told while it was not has to be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from gateway import RateLimited, SendError, Unavailable

EVERY = 30.0


class Pulse:
    """Asks Slack now and then who we are; `well` is called each time that it answers, `again` when
    it does after it had not."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Any]],
        *,
        well: Callable[[], None],
        again: Callable[[], None],
        log: Any,
    ) -> None:
        self._ask = ask
        self._well = well
        self._again = again
        self._log = log
        self._there = True

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self._feel()

    async def _feel(self) -> None:
        try:
            await self._ask()
        except RateLimited:
            return
        except (SendError, Unavailable) as error:
            if self._there:
                self._log.warning("slack.away", error=str(error))
            self._there = False
            return
        if not self._there:
            self._log.info("slack.reached")
            self._again()
        self._there = True
        self._well()
