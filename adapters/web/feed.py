"""What a client is sent of a session: of one post, or of everything in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from adapters.web import outbound
from adapters.web.exchange import LULL, Line, Update
from adapters.web.stream import pulses
from gateway import LiveEvent, Message, Progress, Role, Session, Ticket

BEAT = 15.0
"""Seconds of silence after which a comment shows that the connection lives."""

RECONCILE = 4
"""After so many beats the store is asked for what live events may have lost."""

_SHOWN_LIVE = frozenset({"delta", "step", "task", "cleared"})


class Digest:
    """What one post came to, gathered from its updates."""

    def __init__(self, session: Session, link: outbound.Link) -> None:
        self.session = session
        self._link = link
        self.progress: Progress | None = None
        self._fresh: dict[str, Any] = {}
        self._notices: list[Message] = []
        self._sent: set[int] = set()

    def add(self, update: Update) -> None:
        """Take one update in."""
        if isinstance(update, Progress):
            self.progress = update
        elif isinstance(update, Ticket):
            self.session, self._fresh = update.session, {"session": outbound.ticket(update)}
        elif isinstance(update, Message):
            self._notices.append(update)

    def as_json(self, progress: Progress) -> dict[str, Any]:
        """The answer to the post."""
        said = (*self._notices, *outbound.answers(progress.messages))
        asked = (progress.question,) if progress.question else ()
        messages = outbound.messages(said, self._link, asked)
        return {"task": outbound.task(progress.task), "messages": messages, **self._fresh}

    def frames(self, update: Update) -> list[bytes]:
        """Take one update in, and return what a stream shows of it."""
        before = self.progress
        self.add(update)
        if isinstance(update, LiveEvent):
            return self._live(update)
        if isinstance(update, Progress):
            return self._moved(before, update) or [outbound.HEARTBEAT]
        if isinstance(update, Ticket):
            return [outbound.frame("session", outbound.ticket(update))]
        return [outbound.frame("message", outbound.message(update, self._link))]

    def _live(self, event: LiveEvent) -> list[bytes]:
        if event.kind != "message":
            return [outbound.frame(event.kind, event.data)]
        message, question = outbound.published(event.data)
        if message.role is Role.USER or message.number in self._sent:
            return []
        self._sent.add(message.number)
        shown = outbound.message(message, self._link, question)
        return [outbound.frame("message", shown, message.number)]

    def _moved(self, before: Progress | None, now: Progress) -> list[bytes]:
        frames = []
        if before is None or before.task != now.task:
            frames.append(outbound.frame("task", outbound.task(now.task)))
        if now.settled:
            answer = self.as_json(now)
            left = [m for m in answer["messages"] if m["id"] and m["id"] not in self._sent]
            frames += [outbound.frame("message", message, message["id"]) for message in left]
            frames.append(outbound.frame("done", answer))
        return frames


async def post_frames(
    digest: Digest, first: Update, rest: AsyncGenerator[Update]
) -> AsyncGenerator[bytes]:
    """One post's updates, as a stream."""
    async with aclosing(rest):
        for frame in digest.frames(first):
            yield frame
        async for update in rest:
            for frame in digest.frames(update):
                yield frame


async def session_frames(line: Line, session: Session, last: int | None) -> AsyncGenerator[bytes]:
    """Every message above number ``last``, which the client saw, and whatever happens from now on,
    until the end of the session or of service."""
    feed = _Feed(line, session, session.last_number if last is None else last)
    erased = b"" if not last else await feed.erased()
    while not line.closing.done():
        # A watcher that lagged was ended: the store fills the gap, and another takes over.
        async with line.host.sessions.watch(session) as events:
            # With the first byte the client knows that from now on it misses nothing.
            yield outbound.HEARTBEAT + erased + await feed.missed()
            erased, silent = b"", 0
            async with aclosing(pulses(events, line.closing, BEAT)) as pulse:
                async for event in pulse:
                    silent = 0 if event else silent + 1
                    yield await (feed.shown(event) if event else feed.beat(silent))
                    if event and event.kind == "ended":
                        return
        await asyncio.wait((line.closing,), timeout=LULL)


class _Feed:
    """Remembers the last message shown, so that none is shown twice or left out."""

    def __init__(self, line: Line, session: Session, last: int) -> None:
        self._line = line
        self._session = session
        self._last = last

    async def erased(self) -> bytes:
        """Says so if the last message that was shown is gone, and with it those before."""
        newest = await self._line.host.sessions.history(
            self._session, before=self._last + 1, limit=1
        )
        there = bool(newest) and newest[-1].number == self._last
        return b"" if there else outbound.frame("cleared", {})

    async def missed(self) -> bytes:
        """What the store has that was not shown."""
        found = await self._line.host.sessions.after(self._session, self._last)
        if not found:
            return b""
        self._last = found[-1].number
        shown = await with_questions(self._line, self._session, found)
        return b"".join(outbound.frame("message", one, one["id"]) for one in shown)

    async def beat(self, silent: int) -> bytes:
        """A sign of life, now and then with what was missed."""
        missed = b"" if silent % RECONCILE else await self.missed()
        return missed + outbound.HEARTBEAT

    async def shown(self, event: LiveEvent) -> bytes:
        """A live event; a message only in its turn."""
        if event.kind == "ended":
            return await self.missed() + outbound.frame("ended", {})
        if event.kind in _SHOWN_LIVE:
            return outbound.frame(event.kind, event.data)
        if event.kind != "message" or event.number <= self._last:
            return b""
        if event.number > self._last + 1:
            return await self.missed()
        self._last = event.number
        message, question = outbound.published(event.data)
        shown = outbound.message(message, self._line.link, question)
        return outbound.frame("message", shown, event.number)


async def with_questions(
    line: Line, session: Session, found: Sequence[Message]
) -> list[dict[str, Any]]:
    """Messages as JSON, each with its question while that is open."""
    asking = any(message.question_id for message in found)
    questions = await line.host.sessions.questions(session) if asking else ()
    return outbound.messages(found, line.link, questions)
