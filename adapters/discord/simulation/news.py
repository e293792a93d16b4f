"""Waiting for something to happen."""

from __future__ import annotations

import asyncio


class News:
    """Wakes whoever waits each time something happened; what it was, they see for themselves."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Something happened."""
        self._event.set()
        # Whoever waits has this event; whoever comes now waits for the next.
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return after the next time something happens."""
        await self._event.wait()
