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
        self._lasting: dict[tuple[str, str], str] = {}

    async def load(self, channel: str, *, limit: int = 1000, under: str = "") -> Mapping[str, str]:
        """As ``Bookmarks.load``; what is not written yet counts."""
        unwritten = {
            place: at
            for marks in (self._unwritten, self._lasting)
            for (name, place), at in marks.items()
            if name == channel and place.startswith(under)
        }
        return {**await self._store.bookmarks(channel, limit, under), **unwritten}

    def put(self, channel: str, place: str, position: str, *, lasting: bool = False) -> None:
        """As ``Bookmarks.put``."""
        marks, others = self._unwritten, self._lasting
        if lasting:
            marks, others = others, marks
        others.pop((channel, place), None)
        marks[channel, place] = position

    async def flush(self) -> None:
        """As ``Bookmarks.flush``."""
        await self._write(self._unwritten, lasting=False)
        await self._write(self._lasting, lasting=True)

    async def _write(self, unwritten: dict[tuple[str, str], str], *, lasting: bool) -> None:
        marks = dict(unwritten)
        if not marks:
            return
        await self._store.bookmark(marks, time.time(), lasting=lasting)
        for place, position in marks.items():
            # What went on meanwhile is still to be written.
            if unwritten.get(place) == position:
                del unwritten[place]

    async def run(self) -> None:
        """Until cancelled; what is left then is written by a last ``flush``."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            with suppress(Unavailable):
                await self.flush()
