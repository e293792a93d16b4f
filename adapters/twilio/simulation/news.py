"""Waiting for something to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class News:
    """Wakes whoever waits each time something happened; what it was, they see for themselves."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Something happened."""
        self._event.set()
        # Whoever waits has this event; whoever comes now waits for the next.
        self._event = asyncio.Event()

    async def until(self, holds: Callable[[], bool], timeout: float) -> None:
        """Return once it holds. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while not holds():
                await self._event.wait()
