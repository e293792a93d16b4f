"""What was said while the gateway was away, and Discord no longer replays, is read from history.

A lost session is followed by a new one, which begins with the channels of every server, each with
the id of its newest message; what a channel has beyond its bookmark was missed. Direct channels and
archived threads are not told of: those that are known are all looked at. A channel in which nothing
was heard yet is read from where anything at all was heard last.

https://docs.discord.com/developers/resources/message#get-channel-messages
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from adapters.discord.backoff import Backoff
from adapters.discord.fields import details, is_id, snowflake
from adapters.discord.intake import Intake
from adapters.discord.rest import Rest
from gateway import RateLimited, RecipientGone, Rejected, SendError, Unavailable

PAGE = 100
AT_ONCE = 2
"""Channels that are read at the same time: what is sent to people shares Discord's patience."""
TRIES = 45
"""About eight minutes: what is given up is not heard any more, and what is said there waits."""
_LISTS = ("channels", "threads")


class _Turns:
    """A few channels are read at a time, first those in which somebody waits by now."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._free = AT_ONCE
        self._queue: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def of(self, channel: str) -> AsyncIterator[None]:
        """Wait for the turn of a channel; that lasts as long as the context."""
        if self._free:
            self._free -= 1
        else:
            turn = self._queue[channel] = asyncio.Event()
            await turn.wait()
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        waited_for = (each for each in self._queue if self._intake.is_waited_for(each))
        channel = next(waited_for, next(iter(self._queue), None))
        if channel is None:
            self._free += 1
        else:
            self._queue.pop(channel).set()


class CatchingUp:
    """One run's. It is over when `behind` is 0: the id after which something may be missing."""

    def __init__(
        self,
        rest: Rest,
        intake: Intake,
        *,
        reach: float,
        over: Callable[[], None],
        log: Any,
    ) -> None:
        self.behind = 0
        self._rest = rest
        self._intake = intake
        self._reach = reach
        self._over = over
        self._log = log
        self._expected: set[str] = set()
        self._unseen: dict[str, int] = {}
        self._reading = 0
        self._found = 0
        self._turns = _Turns(intake)

    def begin(self, marks: Mapping[str, str], expected: Iterable[str], since: int = 0) -> None:
        """A session has begun. Nothing that comes in a known direct channel overtakes what was
        missed there; `expected` are the servers that will be told of."""
        self.behind = self.behind or since or newest(marks)
        if not self.behind or not self._reach:
            self.behind = 0
            return
        self._expected = set(expected)
        for place, mark in marks.items():
            kind, _, channel = place.partition(":")
            if not (is_id(channel) and is_id(mark)):
                continue
            if kind == "dm":
                self._do(channel, partial(self._history, channel, None, int(mark)))
            elif kind == "channel":
                self._unseen[channel] = int(mark)
        self._look()

    def arrived(self, what: object) -> None:
        """One of those expected is done with."""
        self._expected.discard(str(what))
        self._look()

    def server(self, guild: Mapping[str, Any], done: Callable[[], None]) -> None:
        """A server is told of; `done` is called once nothing is missing there."""
        missed = list(self._missed(dict(guild))) if self.behind else []
        left = len(missed)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                done()

        for channel, after in missed:
            history = partial(self._history, channel, guild.get("id"), after)
            self._do(channel, history, one_less)
        if not missed:
            done()
        self.arrived(guild.get("id"))

    def _missed(self, guild: dict[str, Any]) -> Iterable[tuple[str, int]]:
        """The channels of a server in which something was said since they were read."""
        joined = _time(guild.get("joined_at"))
        for channel in (each for name in _LISTS for each in details(guild, name)):
            channel_id, last = channel.get("id"), channel.get("last_message_id")
            if not (isinstance(channel_id, str) and is_id(channel_id)):
                continue
            after = max(self._unseen.pop(channel_id, self.behind), joined)
            if _is_after(last, after):
                yield channel_id, after

    def _do(
        self,
        channel: str,
        read: Callable[[], Awaitable[int]],
        done: Callable[[], None] | None = None,
    ) -> None:
        self._reading += 1

        async def work() -> None:
            async with self._turns.of(channel):
                self._found += await read()
            self._reading -= 1
            if done is not None:
                done()
            self._look()

        self._intake.do(channel, work)

    def _look(self) -> None:
        """Whether it is over."""
        if self.behind and not self._expected and self._unseen:
            unseen, self._unseen = self._unseen, {}
            for channel, mark in unseen.items():
                self._do(channel, partial(self._untold, channel, mark))
        if self.behind and not self._reading and not self._expected:
            self._log.info("discord.caught_up", messages=self._found)
            self.behind = self._found = 0
            self._over()

    async def _untold(self, channel: str, mark: int) -> int:
        """A channel that no server told of is gone, or a thread that was archived meanwhile."""
        told = await self._ask(f"/channels/{channel}")
        last = told.get("last_message_id") if isinstance(told, dict) else None
        if isinstance(told, dict) and is_id(told.get("guild_id")) and _is_after(last, mark):
            return await self._history(channel, told["guild_id"], mark)
        return 0

    async def _history(self, channel: str, guild: object, after: int) -> int:
        """Take over what a channel has after this message, oldest first; how much that was."""
        after = max(after, snowflake(time.time() - self._reach))
        found = 0
        while True:
            path = f"/channels/{channel}/messages?after={after}&limit={PAGE}"
            page = _in_order(await self._ask(path), after)
            for message in page:
                message.setdefault("channel_id", channel)
                if guild is not None:
                    message["guild_id"] = guild
                await self._intake.replay(message)
            found += len(page)
            if len(page) < PAGE:
                return found
            after = int(page[-1]["id"])

    async def _ask(self, path: str) -> object:
        """What Discord tells there; None where it tells nothing."""
        backoff = Backoff()
        while True:
            try:
                return await self._rest.call("GET", path)
            except (Rejected, RecipientGone) as error:
                # Not every channel may be read, or is still there.
                self._log.debug("discord.history_refused", path=path, error=str(error))
                return None
            except (SendError, Unavailable) as error:
                if backoff.tries + 1 >= TRIES:
                    self._log.warning("discord.history_missed", path=path, error=str(error))
                    return None
                await backoff.wait(error.retry_after if isinstance(error, RateLimited) else 0.0)


def newest(marks: Mapping[str, str]) -> int:
    """The newest message that any place was read up to."""
    places = ("dm:", "channel:")
    return max(
        (int(at) for place, at in marks.items() if place.startswith(places) and is_id(at)),
        default=0,
    )


def _is_after(message_id: object, after: int) -> bool:
    return isinstance(message_id, str) and is_id(message_id) and int(message_id) > after


def _in_order(answer: object, after: int) -> list[dict[str, Any]]:
    """The messages of a page, oldest first; Discord has the newest first."""
    found = [
        each
        for each in (answer if isinstance(answer, list) else ())
        if isinstance(each, dict) and _is_after(each.get("id"), after)
    ]
    return sorted(found, key=lambda message: int(message["id"]))


def _time(text: object) -> int:
    """The snowflake of an ISO time, 0 if it is none."""
    try:
        return snowflake(datetime.fromisoformat(text).timestamp()) if isinstance(text, str) else 0
    except (ValueError, OverflowError):
        return 0
