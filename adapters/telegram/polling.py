"""Long polling: an update is asked for again until it is durable.

https://core.telegram.org/bots/api#getupdates
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import orjson
from telegram.error import Conflict, InvalidToken, TelegramError

from adapters.telegram.bot import Backoff, LeanBot, asked_to_wait
from adapters.telegram.inbound import ALLOWED_UPDATES
from gateway import Unavailable, UnreadableUpdate

Take = Callable[[bytes], Awaitable[None]]
"""Makes one raw update durable. Raises `Unavailable` or `UnreadableUpdate`."""

MARGIN = 10.0
"""Seconds that an answer may take beyond the time it was asked to wait for."""
HASTE = 0.1
"""Seconds between the polls of a server that does not wait with its answers."""


class Polling:
    """Asks one bot for its updates. Telegram forgets whatever lies below the offset of a request:
    it moves only past what is committed."""

    def __init__(self, bot: LeanBot, take: Take, *, timeout: float, log: Any) -> None:
        self._bot = bot
        self._take = take
        self._log = log
        self._timeout = int(timeout)
        self._offset: int | None = None
        self._failures = Backoff()
        self._delays = Backoff()
        self._conflict = False

    async def run(self) -> NoReturn:
        """Ask until cancelled, whatever happens. Raises `InvalidToken`, which no try can mend."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            updates = await self._ask()
            if updates:
                await self._commit(updates)
            elif clock() - began < HASTE:
                await asyncio.sleep(HASTE)

    async def _ask(self) -> Sequence[dict[str, Any]]:
        parameters: dict[str, Any] = {"timeout": self._timeout, "allowed_updates": ALLOWED_UPDATES}
        if self._offset is not None:
            parameters["offset"] = self._offset
        try:
            updates = await self._bot.call(
                "getUpdates", parameters, read_timeout=self._timeout + MARGIN
            )
        except InvalidToken:
            raise
        except TelegramError as error:
            self._complain(error)
            await self._failures.wait(asked_to_wait(error))
            return ()
        if self._failures.tries > 1:
            self._log.info("telegram.reached")
        self._failures.reset()
        self._conflict = False
        return updates if isinstance(updates, list) else ()

    def _complain(self, error: TelegramError) -> None:
        """Say it once; that a poll's connection dies now and then is no news."""
        words = self._bot.words(error)
        if isinstance(error, Conflict):
            if not self._conflict:
                hint = "another program asks for this bot's updates: stop it, or revoke the token"
                self._log.error("telegram.conflict", error=words, hint=hint)
            self._conflict = True
        elif self._failures.tries == 1:
            self._log.warning("telegram.call_failed", method="getUpdates", error=words)

    async def _commit(self, updates: Sequence[Any]) -> None:
        """Commit in order, sharing commits; on to where the first one could not be."""
        before = self._offset
        for update, failure in zip(updates, await self._take_all(updates), strict=True):
            if isinstance(failure, Unavailable):
                self._log.warning("telegram.intake_paused", error=str(failure))
                await self._delays.wait(failure.retry_after)
                return
            if isinstance(failure, UnreadableUpdate):
                self._log.warning("telegram.update_skipped", error=str(failure))
            elif failure is not None:
                raise failure
            # Ids start anew, anywhere, after a quiet week: the last counts, not the highest.
            if isinstance(update, dict) and isinstance(update.get("update_id"), int):
                self._offset = update["update_id"] + 1
        if self._offset == before:
            await self._delays.wait()
        else:
            self._delays.reset()

    async def _take_all(self, updates: Sequence[Any]) -> Sequence[BaseException | None]:
        if len(updates) > 1:
            takes = (self._take(orjson.dumps(update)) for update in updates)
            return await asyncio.gather(*takes, return_exceptions=True)
        try:
            await self._take(orjson.dumps(updates[0]))
        except (Unavailable, UnreadableUpdate) as failure:
            return (failure,)
        return (None,)
