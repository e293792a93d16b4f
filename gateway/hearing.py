"""Listens to one run of an agent: collects what it says, and is where ``/stop`` cuts it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from gateway.failpoints import failpoint
from gateway.lanes import Lane
from gateway.limits import RunningSlots
from gateway.live import Live
from gateway.ports.agent import Ask, File, Output, Publish, Step, Text
from gateway.turn import Said, Seen


@dataclass(slots=True)
class Hearing:
    """What an agent said so far in one run. ``seen`` moves on with each early publish."""

    seen: Seen
    published: bool = False
    stopped: bool = False
    ask: Ask | None = None
    pieces: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def said(self, variables: dict[str, object] | None) -> Said:
        """All of it, once the run is over."""
        return Said(
            text="".join(self.pieces),
            ask=self.ask,
            steps=tuple(self.steps),
            published=self.published,
            variables=variables,
        )


Speak = Callable[[str, Hearing], Awaitable[None]]
"""Commits one early message."""


async def listen(
    lane: Lane,
    events: AsyncIterator[Output],
    hearing: Hearing,
    slots: RunningSlots,
    live: Live,
    publish: Speak,
) -> None:
    """Hear ``events`` to their end, to a question, or to ``/stop`` (``hearing.stopped``)."""
    loop = asyncio.get_running_loop()
    lane.began, lane.typed = loop.time(), 0.0
    lane.in_agent = True
    try:
        async with slots:
            async for event in events:
                await _hear(lane, event, hearing, live, publish)
                if hearing.ask is not None or lane.must_stop():
                    break
            failpoint("during-run")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not lane.must_stop() or lane.revoked or task is None:
            raise
        task.uncancel()
    finally:
        lane.in_agent = False
        if isinstance(events, AsyncGenerator):
            await events.aclose()
    hearing.stopped = lane.must_stop()


async def _hear(lane: Lane, event: Output, hearing: Hearing, live: Live, publish: Speak) -> None:
    session_id, task_id = hearing.seen.session.id, hearing.seen.task_id
    match event:
        case Text(text=text):
            hearing.pieces.append(text)
            live.delta(session_id, task_id, text)
        case Publish(text=text):
            await _speak(lane, text, hearing, publish)
        case Step(title=title):
            hearing.steps.append(title)
            live.step(session_id, task_id, title)
        case Ask():
            hearing.ask = event
        case File(name=name, data=data):
            words = f"[{name}, {len(data)} bytes: this channel cannot carry files yet]"
            await _speak(lane, words, hearing, publish)


async def _speak(lane: Lane, text: str, hearing: Hearing, publish: Speak) -> None:
    """Publish; ``/stop`` waits for the commit rather than tear it."""
    if not text.strip():
        return
    lane.in_agent = False
    await publish(text, hearing)
    hearing.published = True
    lane.in_agent = True
