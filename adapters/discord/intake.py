"""What Discord dispatches, handed to the gateway: in order in each channel, until it is durable.

Discord does not deliver twice what it believes to be delivered, but replays what came after the
dispatch that a session is resumed from: `Watermark` knows up to where everything is taken over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import orjson

from adapters.discord.backoff import Backoff
from adapters.discord.connection import Session
from adapters.discord.fields import is_id
from gateway import Bookmarks, Receipt, Receive, Unavailable, UnreadableUpdate

MANY = 2000
"""Dispatches that may wait to be taken over; then no more are read."""
AT_ONCE = 32
"""Of those that the store did not take, how many are offered again at the same time."""

HEARD = frozenset(
    {
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
        "MESSAGE_DELETE_BULK",
        "INTERACTION_CREATE",
    }
)
"""The events that the gateway is told of."""

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Mark:
    """A dispatch that is not taken over yet; `upto` counts those after it that need nothing."""

    session: Session
    upto: int
    done: bool = False


class Watermark:
    """Up to where everything dispatched is taken over: in which session, and its number there."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.seq = 0
        self._newest: Session | None = None
        self._open: deque[Mark] = deque()

    def resume(self, session: Session, seq: int) -> None:
        """Go on where another process stopped."""
        self.session = self._newest = session
        self.seq = seq

    def begin(self, session: Session) -> None:
        """From now on, numbers are those of this session."""
        self._newest = session
        self.passed(0)

    def opened(self, seq: object) -> Mark | None:
        """A dispatch that has to be taken over. One without a number counts for nothing."""
        if self._newest is None or type(seq) is not int:
            return None
        mark = Mark(self._newest, seq)
        self._open.append(mark)
        return mark

    def passed(self, seq: object) -> None:
        """A dispatch that needs nothing."""
        if type(seq) is not int:
            return
        last = self._open[-1] if self._open else None
        if last is None:
            self.session, self.seq = self._newest, seq
        elif last.session is self._newest:
            last.upto = seq
        elif self._newest is not None:
            self._open.append(Mark(self._newest, seq, done=True))

    def closed(self, mark: Mark | None) -> None:
        """It is taken over."""
        if mark is None:
            return
        mark.done = True
        while self._open and self._open[0].done:
            first = self._open.popleft()
            self.session, self.seq = first.session, first.upto

    @property
    def current(self) -> int | None:
        """The number, if it is one of the newest session's."""
        return self.seq if self.session is self._newest else None


@dataclass(slots=True, eq=False)
class _Lane:
    """What has to be done in one channel, in order."""

    waiting: deque[Work] = field(default_factory=deque)


class Intake:
    """Hands events to `receive`: those of one channel one after the other, channels side by side.

    `place` of a channel, under which its newest message taken is remembered, is `channel:ID`, or
    `dm:ID` for a direct one: Discord tells of what channels there are, but not of those.
    """

    def __init__(
        self,
        receive: Receive,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        *,
        name: str,
        bookmarks: Bookmarks,
        watermark: Watermark,
        moved: Callable[[], None],
        log: Any,
    ) -> None:
        self.me = ""
        self._receive = receive
        self._spawn = spawn
        self._name = name
        self._bookmarks = bookmarks
        self._watermark = watermark
        self._moved = moved
        self._log = log
        self._lanes: dict[str, _Lane] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._room = asyncio.Event()
        self._is_away = False

    def take(self, frame: dict[str, Any], raw: str, then: Callable[..., None] | None) -> None:
        """Take one dispatch over, when its turn comes; `then` is told what became of it."""
        event: dict[str, Any] = frame["d"]
        channel = str(event.get("channel_id"))
        place = _place(event) if frame["t"] == "MESSAGE_CREATE" else ""
        if channel not in self._lanes and self._is_mine(event):
            self._pass(place, event, frame.get("s"))
            return
        mark = self._watermark.opened(frame.get("s"))
        self._waiting += 1
        if place and channel not in self._lanes:
            # Should this one never be committed, history is read from just before it.
            self._bookmarks.put(self._name, place, str(int(event["id"]) - 1))

        async def work() -> None:
            if not self._is_mine(event):
                receipt = await self._insist(raw.encode())
                if then is not None:
                    then(receipt)
            if place:
                self._bookmarks.put(self._name, place, event["id"])
            self._watermark.closed(mark)
            self._moved()
            self._waiting -= 1
            self._room.set()

        self.do(channel, work)

    def _pass(self, place: str, event: dict[str, Any], seq: object) -> None:
        """What the bot says needs no task where nothing is before it."""
        if place:
            self._bookmarks.put(self._name, place, event["id"])
        self._watermark.passed(seq)
        self._moved()

    def do(self, channel: str, work: Work) -> None:
        """Do something in a channel once everything before it is done."""
        lane = self._lanes.get(channel)
        if lane is None:
            lane = self._lanes[channel] = _Lane()
            self._spawn(self._work(channel, lane))
        lane.waiting.append(work)

    def is_waited_for(self, channel: str) -> bool:
        """Whether something waits there for what is being done."""
        lane = self._lanes.get(channel)
        return lane is not None and len(lane.waiting) > 1

    async def room(self) -> None:
        """Wait until there is some."""
        while self._waiting >= MANY:
            self._room.clear()
            await self._room.wait()

    async def replay(self, message: dict[str, Any]) -> None:
        """Take over a message that was fetched, as if it had been dispatched."""
        if not self._is_mine(message):
            dispatch = {"op": 0, "t": "MESSAGE_CREATE", "d": message}
            await self._insist(orjson.dumps(dispatch))
        if place := _place(message):
            self._bookmarks.put(self._name, place, message["id"])

    async def _work(self, channel: str, lane: _Lane) -> None:
        while lane.waiting:
            await lane.waiting[0]()
            lane.waiting.popleft()
        del self._lanes[channel]

    async def _insist(self, raw: bytes) -> Receipt | None:
        """Until it is durable; None if nobody can read it."""
        try:
            try:
                return await self._receive(raw)
            except Unavailable as away:
                self._paused(away)
                return await self._again(raw, away.retry_after)
        except UnreadableUpdate as error:
            self._log.warning("discord.dispatch_skipped", error=str(error))
            return None

    async def _again(self, raw: bytes, wait: float) -> Receipt:
        backoff = Backoff()
        # Not all that wait try it at once, when the store has enough to do; those whose turn comes
        # when it is back have waited enough.
        async with self._slots:
            while True:
                if self._is_away:
                    await backoff.wait(wait)
                try:
                    receipt = await self._receive(raw)
                except Unavailable as away:
                    self._paused(away)
                    wait = away.retry_after
                else:
                    self._is_away = False
                    return receipt

    def _paused(self, away: Unavailable) -> None:
        if not self._is_away:
            self._log.warning("discord.intake_paused", error=str(away))
        self._is_away = True

    def _is_mine(self, message: dict[str, Any]) -> bool:
        """Whether the bot wrote it; while an answer is being written, each change is told."""
        author = message.get("author")
        return bool(self.me) and isinstance(author, dict) and author.get("id") == self.me


def _place(message: dict[str, Any]) -> str:
    """Where it is remembered up to where a message's channel is read."""
    channel = message.get("channel_id")
    if not (is_id(channel) and is_id(message.get("id"))):
        return ""
    return f"dm:{channel}" if message.get("guild_id") is None else f"channel:{channel}"
