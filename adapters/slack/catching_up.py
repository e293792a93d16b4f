"""What was said while nobody listened: Slack gives up after three tries, its history does not."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

from adapters.slack.fields import JsonObject
from adapters.slack.history import History, Listed, will_pass
from adapters.slack.positions import MARGIN, Positions, ago, micros
from adapters.slack.remembering import remember
from adapters.slack.turns import EVERYWHERE, Turns
from gateway import RateLimited, Receipt, SendError, Unavailable, UnreadableUpdate

AT_ONCE = 4
"""Conversations that are caught up with at the same time."""
MAX_CONVERSATIONS = 300
MAX_THREADS = 20
"""Threads of one conversation that are asked for, those of late first."""
MAX_OLDER_THREADS = 5
"""Of those, on a round, the ones that began long ago."""
MAX_SKIPPED = 1000
MAX_FAILURES = 3
"""Conversations in a row that cannot be read, until it is taken that none can."""
AGAIN_AFTER = 30.0
"""Seconds until what failed, or may still come by itself, is asked for."""
ROUND_EVERY = 600.0
"""Seconds between two rounds, on which it is looked whether all is as it seems."""
ROUND_CALLS = 30
"""Calls of the Web API that a round may take, more or less."""

MakeUpFor = Callable[[JsonObject], Awaitable[Receipt]]
"""Makes one event durable. Raises `Unavailable`, and `UnreadableUpdate`."""
Called = Callable[[JsonObject], bool]
"""Whether an event is something said to the bot."""


class CatchingUp:
    """Asks each conversation for what came since nothing was missing there.

    Everywhere, if something is likely to be missing: live messages of a conversation wait
    meanwhile. And on a round now and then, a few conversations at a time, because nothing tells
    that Slack's events stopped coming while all else goes on.

    `window` is how many seconds to look back at most, 0 for not at all; `head` what an event says
    of the workspace. `learn` is told the sort of each conversation. `glances` is a history that is
    not patient.
    """

    def __init__(
        self,
        history: History,
        glances: History,
        make_up_for: MakeUpFor,
        *,
        turns: Turns,
        positions: Positions,
        window: float,
        learn: Callable[[str, str], None],
        called: Called,
        head: Mapping[str, Any],
        log: Any,
    ) -> None:
        self._history = history
        self._glances = glances
        self._make_up_for = make_up_for
        self._turns = turns
        self._positions = positions
        self._window = window
        self._learn = learn
        self._called = called
        self._head = head
        self._log = log
        self._wanted = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._first = False
        self._in_vain = 0
        self._found = 0
        self._skipped: OrderedDict[str, None] = OrderedDict()

    def want(self) -> None:
        """Something is likely to be missing: what is live waits until it is there."""
        if self._window:
            self._first = True
            self._turns.close(EVERYWHERE)
            self._wanted.set()

    def want_soon(self) -> None:
        """Something may be missing that may come by itself: nothing waits for it."""
        if self._window:
            self._again(AGAIN_AFTER)

    def _again(self, wait: float) -> None:
        loop = asyncio.get_running_loop()
        if self._soon is not None:
            if self._soon.when() <= loop.time() + wait:
                return
            self._soon.cancel()
        self._soon = loop.call_later(wait, self._due)

    def _due(self) -> None:
        self._soon = None
        self._wanted.set()

    async def run(self) -> NoReturn:
        """Catch up whenever it is wanted, and look around now and then, until cancelled."""
        try:
            while True:
                try:
                    async with asyncio.timeout(ROUND_EVERY if self._window else None):
                        await self._wanted.wait()
                except TimeoutError:
                    await self._look_around()
                else:
                    self._wanted.clear()
                    await self._try()
        finally:
            if self._soon is not None:
                self._soon.cancel()
            self._turns.open_all()

    # Everywhere

    async def _try(self) -> None:
        self._found, first, self._first = 0, self._first, False
        try:
            await self._catch_up(first=first)
        except (SendError, Unavailable) as error:
            wait = min(AGAIN_AFTER * 2.0**self._in_vain, max(ROUND_EVERY, AGAIN_AFTER))
            self._log.warning("slack.catch_up_failed", error=str(error), retry_in=wait)
            self._again(wait)
            self._in_vain = min(self._in_vain + 1, 10)
        else:
            self._in_vain = 0
        finally:
            self._tell()
            if not self._wanted.is_set():
                self._turns.open_all()

    def _tell(self) -> None:
        if self._found:
            self._log.info("slack.caught_up", messages=self._found)

    async def _catch_up(self, *, first: bool) -> None:
        """Everywhere; `first`: before what is live. Raises what was wrong with the first
        conversation that could not be read; one that cannot does not stand in the others' way."""
        found = await self._conversations(self._history)
        queue = self._limited(found)
        if first:
            for channel in queue:
                self._turns.close(channel)
            self._turns.open(EVERYWHERE)
        failures: list[SendError | Unavailable | None] = []
        await asyncio.gather(*(self._work(queue, failures) for _ in range(AT_ONCE)))
        for failure in failures:
            if failure is not None:
                raise failure
        self._positions.complete(found)

    async def _work(
        self, queue: dict[str, Listed], results: list[SendError | Unavailable | None]
    ) -> None:
        """Take one conversation after the other, those first that somebody waits for."""
        while queue and (len(results) < MAX_FAILURES or None in results[-MAX_FAILURES:]):
            waiting = (channel for channel in self._turns.awaited if channel in queue)
            channel = next(waiting, None) or next(iter(queue))
            listed = queue.pop(channel)
            try:
                await self._conversation(self._history, channel, listed, MAX_THREADS)
            except (SendError, Unavailable) as error:
                results.append(error)
            else:
                results.append(None)
            finally:
                self._turns.open(channel)

    async def _conversations(self, history: History) -> dict[str, Listed]:
        """Those that the bot is in."""
        found = await history.conversations(self._positions.channels())
        for channel, listed in found.items():
            if listed.sort:
                self._learn(channel, listed.sort)
        return found

    def _limited(self, found: Mapping[str, Listed]) -> dict[str, Listed]:
        """The most of them that are asked: first those where something happened last."""
        known = [channel for channel in self._positions.channels() if channel in found]
        first = list(dict.fromkeys([*known, *found]))
        if len(first) > MAX_CONVERSATIONS:
            left_out = len(first) - MAX_CONVERSATIONS
            self._log.warning("slack.catch_up_incomplete", conversations=left_out)
        return {channel: found[channel] for channel in first[:MAX_CONVERSATIONS]}

    # On a round

    async def _look_around(self) -> None:
        """Look into a few conversations, until Slack has enough of it. What is live goes on."""
        self._found, most = 0, self._glances.calls + ROUND_CALLS
        failure: SendError | Unavailable | None = None
        try:
            found = await self._conversations(self._glances)
            for channel in self._positions.in_turn(found, ago(self._window)):
                if self._glances.calls >= most or self._wanted.is_set():
                    break
                try:
                    await self._conversation(
                        self._glances, channel, found[channel], MAX_OLDER_THREADS
                    )
                except (SendError, Unavailable) as error:
                    if isinstance(error, RateLimited) or failure is not None:
                        raise
                    failure = error
            self._positions.complete(found)
        except (SendError, Unavailable) as error:
            failure = error
        if failure is not None:
            self._log.info("slack.catch_up_failed", error=str(failure), retry_in=ROUND_EVERY)
        self._tell()

    # One conversation

    async def _conversation(
        self, history: History, channel: str, listed: Listed, older: int
    ) -> None:
        """Take what is missing in one conversation and its threads, in the order it was said."""
        began = ago(MARGIN)
        try:
            said = await history.messages(channel, self._since(channel))
        except (SendError, Unavailable) as error:
            if will_pass(error):
                raise
            # Nothing is to be had there, and so nothing is missing.
            self._skip(channel, error)
            self._positions.caught_up(channel, began)
            return
        missing = self._newer(said, channel)
        upto = {channel: max([*missing, began], key=micros)}
        for thread in self._threads(channel, said, older):
            replies = await self._thread(history, channel, thread)
            if replies:
                upto[f"{channel}:{thread}"] = max(replies, key=micros)
            missing |= self._concerning(replies, channel, thread, listed)
        for ts in sorted(missing, key=micros):
            await self._take(missing[ts], channel, listed)
        for place, ts in upto.items():
            self._positions.caught_up(place, ts)

    async def _take(self, message: JsonObject, channel: str, listed: Listed) -> None:
        if self._positions.is_heard(channel, message["ts"]):
            return
        try:
            receipt = await self._make_up_for(self._event(message, channel, listed))
        except UnreadableUpdate as error:
            self._log.warning("slack.event_skipped", error=str(error))
        else:
            self._found += receipt.outcome == "accepted" and not receipt.duplicate

    async def _thread(self, history: History, channel: str, thread: str) -> dict[str, JsonObject]:
        """What is new in a thread; nothing in one that is gone."""
        place = f"{channel}:{thread}"
        try:
            said = await history.replies(channel, thread, self._since(place))
        except (SendError, Unavailable) as error:
            if will_pass(error):
                raise
            self._skip(place, error)
            return {}
        return self._newer(said, place)

    def _concerning(
        self, replies: dict[str, JsonObject], channel: str, thread: str, listed: Listed
    ) -> dict[str, JsonObject]:
        """What people said among themselves before the bot took part is left out."""
        begun = micros(self._positions.begun(channel, thread))
        return {
            ts: message
            for ts, message in replies.items()
            if micros(ts) > begun or self._called(self._event(message, channel, listed))
        }

    def _newer(self, messages: list[JsonObject], place: str) -> dict[str, JsonObject]:
        """Those of a place that may be missing, by timestamp."""
        since = micros(self._since(place))
        return {m["ts"]: m for m in messages if micros(m.get("ts")) > since}

    def _threads(self, channel: str, said: list[JsonObject], older: int) -> list[str]:
        """The threads in which something may be missing."""
        latest = {
            message["ts"]: micros(message.get("latest_reply"))
            for message in said
            if isinstance(message.get("ts"), str) and message.get("reply_count")
        }
        for message in said:
            self._positions.spoke(channel, message.get("ts"))
            self._positions.spoke(channel, message.get("latest_reply"))
        lively = [
            thread
            for thread, at in sorted(latest.items(), key=lambda one: -one[1])
            if not at or at > micros(self._since(f"{channel}:{thread}"))
        ]
        if len(lively) > MAX_THREADS:
            left_out = len(lively) - MAX_THREADS
            self._log.warning("slack.catch_up_incomplete", place=channel, threads=left_out)
        since = ago(self._window) if older < MAX_THREADS else ""
        others = self._positions.threads(channel, MAX_THREADS, since)
        return [*lively, *[t for t in others if t not in latest][:older]][:MAX_THREADS]

    def _skip(self, place: str, error: Exception) -> None:
        """Say it once: it is the same each time."""
        if place not in self._skipped:
            self._log.warning("slack.catch_up_refused", place=place, error=str(error))
        remember(self._skipped, place, None, MAX_SKIPPED)

    def _since(self, place: str) -> str:
        return self._positions.since(place, self._window)

    def _event(self, message: JsonObject, channel: str, listed: Listed) -> JsonObject:
        """A message of the history as the event that it was."""
        inner = {**message, "type": "message", "channel": channel}
        if listed.sort:
            inner["channel_type"] = listed.sort
        team = {"context_team_id": listed.team} if listed.team else {}
        return {**self._head, **team, "type": "event_callback", "event_id": "", "event": inner}
