"""Listens to one run of an agent: collects what it says, and is where it can be cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from gateway.domain import Attachment
from gateway.errors import LimitExceeded
from gateway.failpoints import failpoint
from gateway.lane import Lane
from gateway.limits import RunningSlots
from gateway.live import Live
from gateway.ports.agent import Ask, File, Output, Publish, Step, Text
from gateway.seen import Changes, Said, Seen


@dataclass(slots=True)
class Hearing:
    """What an agent said so far in one run. ``seen`` moves on with each early publish.

    ``broken``: cut off before its end, by ``/stop`` or because its message was edited or deleted.
    """

    seen: Seen
    published: bool = False
    broken: bool = False
    ask: Ask | None = None
    pieces: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self.pieces)

    def said(self, changes: Changes) -> Said:
        """All of it, once the run is over."""
        return Said(
            text=self.text,
            ask=self.ask,
            steps=tuple(self.steps),
            attachments=tuple(self.attachments),
            published=self.published,
            variables=changes.variables,
            overrides=changes.overrides,
            keepings=changes.keepings,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """What an agent's output needs done at once: an early message committed, a file stored.

    ``excuse`` tells the person that others are served first, after ``patience`` seconds.
    """

    publish: Callable[[str, Hearing], Awaitable[None]]
    keep: Callable[[File, Hearing], Awaitable[Attachment]]
    excuse: Callable[[Seen], Awaitable[None]]
    patience: float


async def listen(
    lane: Lane,
    events: AsyncIterator[Output],
    hearing: Hearing,
    slots: RunningSlots,
    live: Live,
    hands: Hands,
) -> None:
    """Hear ``events`` to their end, to a question, or until cut off (``hearing.broken``)."""
    loop = asyncio.get_running_loop()
    lane.began, lane.typed = loop.time(), 0.0
    lane.in_agent, lane.spoken = True, hearing.published
    try:
        if not slots.take():
            await slots.acquire(partial(_excuse, lane, hearing, hands), hands.patience)
        try:
            async for event in events:
                await _hear(lane, event, hearing, live, hands)
                if hearing.ask is not None or lane.must_break():
                    break
            failpoint("during-run")
        finally:
            slots.release()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not lane.must_break() or lane.revoked or task is None:
            raise
        task.uncancel()
    finally:
        lane.in_agent = False
        if isinstance(events, AsyncGenerator):
            await events.aclose()
    hearing.broken = lane.must_break()


async def _hear(lane: Lane, event: Output, hearing: Hearing, live: Live, hands: Hands) -> None:
    session_id, task_id = hearing.seen.session.id, hearing.seen.task_id
    match event:
        case Text(text=text):
            hearing.pieces.append(text)
            live.delta(session_id, task_id, text)
        case Publish(text=text):
            await _speak(lane, text, hearing, hands)
        case Step(title=title):
            hearing.steps.append(title)
            live.step(session_id, task_id, title)
        case Ask():
            hearing.ask = event
        case File():
            try:
                hearing.attachments.append(await hands.keep(event, hearing))
            except LimitExceeded as error:
                hearing.pieces.append(f"\n\n[{error}]")


async def _excuse(lane: Lane, hearing: Hearing, hands: Hands) -> None:
    """It takes long until the run begins; ``/stop`` waits for the commit rather than tear it."""
    lane.in_agent = False
    await hands.excuse(hearing.seen)
    lane.in_agent = True
    task = asyncio.current_task()
    if lane.must_break() and task is not None:
        task.cancel()


async def _speak(lane: Lane, text: str, hearing: Hearing, hands: Hands) -> None:
    """Publish; ``/stop`` waits for the commit rather than tear it."""
    if not text.strip():
        return
    lane.in_agent = False
    await hands.publish(text, hearing)
    hearing.published = lane.spoken = True
    lane.in_agent = True
