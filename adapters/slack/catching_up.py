"""What was said while nobody listened: Slack gives up after three tries, its history does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

from adapters.slack.history import History, JsonObject, will_pass
from adapters.slack.positions import Positions, micros
from adapters.slack.turns import EVERYWHERE, Turns
from gateway import Receipt, SendError, Unavailable

AT_ONCE = 4
"""Conversations that are caught up with at the same time."""
MAX_CONVERSATIONS = 300
MAX_THREADS = 20
"""Threads of one conversation that are asked for, those of late first."""
AGAIN_AFTER = 30.0
"""Seconds until what failed, or may still come by itself, is asked for."""

MakeUpFor = Callable[[JsonObject], Awaitable[Receipt]]
"""Makes one event durable. Raises `Unavailable`."""


class CatchingUp:
    """Asks each conversation for what came after the newest message that was taken.

    Live messages of a conversation wait meanwhile. `window` is how many seconds to look back at
    most, 0 for not at all; `head` what an event says of the workspace. `learn` is told the sort of
    each conversation.
    """

    def __init__(
        self,
        history: History,
        make_up_for: MakeUpFor,
        *,
        turns: Turns,
        positions: Positions,
        window: float,
        learn: Callable[[str, str], None],
        head: Mapping[str, Any],
        log: Any,
    ) -> None:
        self._history = history
        self._make_up_for = make_up_for
        self._turns = turns
        self._positions = positions
        self._window = window
        self._learn = learn
        self._head = head
        self._log = log
        self._wanted = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._first = False
        self._found = 0

    def want(self) -> None:
        """Something is likely to be missing: what is live waits until it is there."""
        if self._window:
            self._first = True
            self._turns.close(EVERYWHERE)
            self._now()

    def want_soon(self) -> None:
        """Something may be missing that may come by itself: nothing waits for it."""
        if self._window and self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(AGAIN_AFTER, self._due)

    def behind(self) -> None:
        """Something could not be taken: it comes again, or is asked for."""
        if self._window:
            self._positions.held = True
            self.want_soon()

    def _now(self) -> None:
        self._positions.held = True
        self._wanted.set()

    def _due(self) -> None:
        self._soon = None
        self._now()

    async def run(self) -> NoReturn:
        """Catch up whenever it is wanted, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._try()
        finally:
            if self._soon is not None:
                self._soon.cancel()
            self._turns.open_all()

    async def _try(self) -> None:
        self._found, first, self._first = 0, self._first, False
        try:
            await self._catch_up(first=first)
        except (SendError, Unavailable) as error:
            self._log.warning("slack.catch_up_failed", error=str(error), retry_in=AGAIN_AFTER)
            self.want_soon()
        else:
            self._positions.held = self._wanted.is_set() or self._soon is not None
            if self._found:
                self._log.info("slack.caught_up", messages=self._found)
        finally:
            if not self._wanted.is_set():
                self._turns.open_all()

    async def _catch_up(self, *, first: bool) -> None:
        """Everywhere; `first`: before what is live. Raises what was wrong with the first
        conversation that could not be asked for now."""
        queue = await self._conversations()
        if first:
            for channel in queue:
                self._turns.close(channel)
            self._turns.open(EVERYWHERE)
        failures: list[SendError | Unavailable] = []
        await asyncio.gather(*(self._work(queue, failures) for _ in range(AT_ONCE)))
        if failures:
            raise failures[0]

    async def _work(self, queue: dict[str, str], failures: list[SendError | Unavailable]) -> None:
        """Take one conversation after the other, those first that somebody waits for."""
        while queue and not failures:
            waiting = (channel for channel in self._turns.awaited if channel in queue)
            channel = next(waiting, None) or next(iter(queue))
            channel_type = queue.pop(channel)
            try:
                await self._conversation(channel, channel_type)
            except (SendError, Unavailable) as error:
                if will_pass(error):
                    failures.append(error)
                else:
                    self._skip(channel, error)
            finally:
                self._turns.open(channel)

    async def _conversations(self) -> dict[str, str]:
        """Those that the bot is in, and their sorts: first those where something happened last."""
        found = await self._history.conversations()
        for channel, sort in found.items():
            self._learn(channel, sort)
        known = [channel for channel in self._positions.channels() if channel in found]
        first = list(dict.fromkeys([*known, *found]))
        if len(first) > MAX_CONVERSATIONS:
            left_out = len(first) - MAX_CONVERSATIONS
            self._log.warning("slack.catch_up_incomplete", conversations=left_out)
        return {channel: found[channel] for channel in first[:MAX_CONVERSATIONS]}

    def _skip(self, channel: str, error: Exception) -> None:
        self._log.warning("slack.catch_up_refused", place=channel, error=str(error))

    async def _conversation(self, channel: str, channel_type: str) -> None:
        """Take what is missing in one conversation and its threads, in the order it was said."""
        upto: dict[str, str] = {}
        said = await self._history.messages(channel, self._since(channel))
        missing = self._newer(said, channel, upto)
        for thread in self._threads(channel, said):
            missing |= await self._thread(channel, thread, upto)
        for ts in sorted(missing, key=micros):
            await self._make_up_for(self._event(missing[ts], channel, channel_type))
            self._found += 1
        for place, ts in upto.items():
            self._positions.caught_up(place, ts)

    async def _thread(
        self, channel: str, thread: str, upto: dict[str, str]
    ) -> dict[str, JsonObject]:
        """What is missing in a thread; nothing in one that is gone."""
        place = f"{channel}:{thread}"
        try:
            said = await self._history.replies(channel, thread, self._since(place))
        except (SendError, Unavailable) as error:
            if will_pass(error):
                raise
            self._skip(place, error)
            said = []
        return self._newer(said, place, upto)

    def _newer(
        self, messages: list[JsonObject], place: str, upto: dict[str, str]
    ) -> dict[str, JsonObject]:
        """Those of a place that are not taken yet, by timestamp; notes how far they go."""
        since = self._since(place)
        newer = {m["ts"]: m for m in messages if micros(m.get("ts")) > micros(since)}
        upto[place] = max(newer, key=micros, default="")
        return newer

    def _threads(self, channel: str, said: list[JsonObject]) -> list[str]:
        """The threads in which something may be missing."""
        latest = {
            message["ts"]: micros(message.get("latest_reply"))
            for message in said
            if isinstance(message.get("ts"), str) and message.get("reply_count")
        }
        lively = [
            thread
            for thread, at in sorted(latest.items(), key=lambda one: -one[1])
            if not at or at > micros(self._since(f"{channel}:{thread}"))
        ]
        older = (t for t in self._positions.threads(channel, MAX_THREADS) if t not in latest)
        return [*lively, *older][:MAX_THREADS]

    def _since(self, place: str) -> str:
        return self._positions.since(place, self._window)

    def _event(self, message: JsonObject, channel: str, channel_type: str) -> JsonObject:
        """A message of the history as the event that it was."""
        inner = {**message, "type": "message", "channel": channel, "channel_type": channel_type}
        return {**self._head, "type": "event_callback", "event_id": "", "event": inner}
