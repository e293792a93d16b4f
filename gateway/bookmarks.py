"""How far each channel has read, written now and then; see ``gateway.ports.host.Bookmarks``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from gateway.errors import Unavailable
from gateway.ports.store import Store

WRITE_EVERY = 1.0


class Ledger:
    """``Bookmarks``: gathers what adapters put, and writes the newest once a second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: dict[tuple[str, str], str] = {}

    async def load(self, channel: str, *, limit: int = 1000) -> Mapping[str, str]:
        """As ``Bookmarks.load``; what is not written yet counts."""
        unwritten = {place: at for (name, place), at in self._unwritten.items() if name == channel}
        return {**await self._store.bookmarks(channel, limit), **unwritten}

    def put(self, channel: str, place: str, position: str) -> None:
        """As ``Bookmarks.put``."""
        self._unwritten[channel, place] = position

    async def flush(self) -> None:
        """As ``Bookmarks.flush``."""
        marks = dict(self._unwritten)
        if not marks:
            return
        await self._store.bookmark(marks, time.time())
        # What went on meanwhile is still to be written.
        later = self._unwritten.items() - marks.items()
        self._unwritten = dict(later)

    async def run(self) -> None:
        """Until cancelled; what is left then is written by a last ``flush``."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            with suppress(Unavailable):
                await self.flush()
