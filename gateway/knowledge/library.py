"""The library: an index of every knowledge base, kept current, and views of some of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway import observability as obs
from gateway.belongings import Passage
from gateway.errors import GatewayError, Unavailable
from gateway.knowledge.index import Damaged, Index, is_damage
from gateway.knowledge.indexing import Indexing, be_nice
from gateway.knowledge.shelfmark import Holding
from gateway.ports import reach
from gateway.settings import KnowledgeSection

EVERY = 60.0
"""Seconds between two looks at the folders; but no less than"""
SELDOM = 20.0
"""times what a look took, and no more than"""
LONGEST = 600.0
"""seconds."""


class Library:
    """The knowledge bases of a configuration; ``folder`` is where the index stands.

    Nothing is read before ``run`` or ``update``; until then, and while it is read for the first
    time, a search finds what an earlier process left, or nothing.
    """

    def __init__(
        self,
        folder: Path,
        bases: Mapping[str, KnowledgeSection],
        *,
        every: float = EVERY,
        rests: bool = True,
    ) -> None:
        self._bases = dict(bases)
        self._index = Index(folder)
        self._every = every
        self._stopping = threading.Event()
        self._indexing = Indexing(
            self._index,
            {name: section.path for name, section in bases.items()},
            self._stopping.is_set,
            rests=rests,
        )
        # A thread of its own: how urgent it is stays with a thread.
        self._thread = ThreadPoolExecutor(1, "gateway-knowledge", initializer=be_nice)
        # One pass at a time: a second one would read what the first one does.
        self._passing = asyncio.Lock()
        self._damaged = asyncio.Event()

    async def open(self) -> None:
        """See to the index's file; a sound one is kept. Raises ``OSError``."""
        await asyncio.to_thread(self._index.open)

    async def run(self) -> None:
        """Keep the index current until cancelled."""
        await self.open()
        while True:
            began = time.monotonic()
            await self.update()
            self._damaged.clear()
            # Very many files take a while to look at, and leave the processor to others longer.
            pause = max(self._every, SELDOM * (time.monotonic() - began))
            try:
                async with asyncio.timeout(min(pause, LONGEST)):
                    await self._damaged.wait()
            except TimeoutError:
                continue
            await self.open()

    async def update(self) -> int:
        """Look once, now, at every folder; how many documents came, changed or went."""
        async with self._passing:
            loop = asyncio.get_running_loop()
            doing = loop.run_in_executor(self._thread, self._update)
            try:
                return await asyncio.shield(doing)
            except asyncio.CancelledError:
                # The thread ends at the next document; the file must not be left to it.
                self._stopping.set()
                await asyncio.wait([doing])
                raise

    async def close(self) -> None:
        """Stop reading, and wait for the document at hand."""
        self._stopping.set()
        async with self._passing:
            self._thread.shutdown(wait=False)

    def view(self, bases: Sequence[str]) -> reach.Knowledge:
        """These bases and no others, as a turn may search them; unknown ones are left out."""
        return View(self, tuple(name for name in dict.fromkeys(bases) if name in self._bases))

    async def search(self, bases: Sequence[str], words: str, limit: int) -> Sequence[Passage]:
        """See ``Knowledge.search``. A damaged index has nothing, and is made again.

        Raises ``Unavailable`` when it cannot be read now.
        """
        try:
            return await asyncio.to_thread(self._index.search, bases, words, limit)
        except Damaged as error:
            if not is_damage(error):
                raise Unavailable(f"{self._index.path.name}: {error}") from error
            obs.log.error(obs.Event.KNOWLEDGE_DAMAGED, reason=str(error))
            self._damaged.set()
            return ()

    async def holdings(self) -> Sequence[Holding]:
        """What the index has of each base. Raises ``GatewayError`` when it cannot be read."""
        try:
            return [await asyncio.to_thread(self._index.holding, name) for name in self._bases]
        except Damaged as error:
            what = f"{self._index.path} cannot be read: {error}"
            raise GatewayError(f"{what}; `gateway knowledge update` makes it anew") from error

    def _update(self) -> int:
        try:
            return self._indexing.update()
        except Damaged as error:
            if not is_damage(error):
                raise
            obs.log.error(obs.Event.KNOWLEDGE_DAMAGED, reason=str(error))
            self._index.open()
            return self._indexing.update()


class View:
    """Implements ``gateway.ports.reach.Knowledge``."""

    def __init__(self, library: Library, bases: Sequence[str]) -> None:
        self._library = library
        self.bases = bases

    async def search(self, words: str, *, limit: int = 5) -> Sequence[Passage]:
        """See ``Knowledge.search``."""
        return await self._library.search(self.bases, words, limit)
