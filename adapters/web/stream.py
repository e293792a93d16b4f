"""Live events merged with a pulse and with the end of service, and their way to a client."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from starlette.responses import StreamingResponse
from starlette.types import Send

from adapters.web.problems import NO_STORE
from gateway import LiveEvent


def from_now(seconds: float | None) -> float:
    """A moment by the event loop's clock; None is never."""
    return math.inf if seconds is None else asyncio.get_running_loop().time() + seconds


def past(moment: float) -> bool:
    """Whether the moment has come."""
    return asyncio.get_running_loop().time() >= moment


async def pulses(
    events: AsyncIterator[LiveEvent],
    closing: asyncio.Future[None],
    every: float,
    deadline: float = math.inf,
) -> AsyncGenerator[LiveEvent | None]:
    """Events as they come, and None after each ``every`` seconds of silence.

    Ends when the watcher was ended, when ``closing`` is done, or at the deadline.
    """
    loop = asyncio.get_running_loop()
    upcoming: asyncio.Future[LiveEvent | None] | None = None
    try:
        while not closing.done():
            upcoming = upcoming or asyncio.ensure_future(_next(events))
            left = max(0.0, deadline - loop.time())
            await asyncio.wait(
                (upcoming, closing),
                timeout=min(every, left),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if upcoming.done():
                event, upcoming = upcoming.result(), None
                if event is None:
                    return
                yield event
            elif left <= every:
                return
            elif not closing.done():
                yield None
    finally:
        if upcoming is not None:
            upcoming.cancel()
            with suppress(asyncio.CancelledError):
                await upcoming


async def _next(events: AsyncIterator[LiveEvent]) -> LiveEvent | None:
    return await anext(events, None)


class EventStream(StreamingResponse):
    """Server-sent events; what produces them is closed with the connection, however that ends."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes]) -> None:
        # X-Accel-Buffering keeps nginx from collecting events into larger pieces.
        super().__init__(frames, headers={**NO_STORE, "X-Accel-Buffering": "no"})
        self._frames = frames

    async def stream_response(self, send: Send) -> None:
        """Send the frames as they come."""
        async with aclosing(self._frames):
            await super().stream_response(send)
