"""Order within each conversation: one event at a time, and what was missed before what is new."""

from __future__ import annotations

import asyncio

PATIENCE = 2.0
"""Seconds that an event waits for those before it: Slack wants its answer within three."""

EVERYWHERE = ""


class Turn:
    """One event's turn. A class: a generator costs each event more than all of this."""

    __slots__ = ("_mine", "_place", "_turns")

    def __init__(self, turns: Turns, place: str) -> None:
        self._turns = turns
        self._place = place
        self._mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> None:
        await self._turns.begin(self._place, self._mine)

    async def __aexit__(self, *_: object) -> None:
        self._turns.end(self._place, self._mine)


class Turns:
    """What happens right now in each conversation, by channel id.

    While a place is closed, what is live waits there, for as long as Slack lets it: past that,
    arriving counts for more than order. Whoever closes places opens them again.
    """

    def __init__(self) -> None:
        self.awaited: dict[str, None] = {}
        """Closed places at which something waits, the longest waiting first."""
        self._last: dict[str, asyncio.Future[None]] = {}
        self._closed: dict[str, asyncio.Future[None]] = {}

    def turn(self, place: str) -> Turn:
        """Wait for what came before it at this place; what comes after waits for the block.

        The place in the queue is taken before anything is awaited.
        """
        return Turn(self, place)

    async def begin(self, place: str, mine: asyncio.Future[None]) -> None:
        """Queue up, and wait."""
        before = self._last.get(place)
        self._last[place] = mine
        if before is None and not self._closed:
            return
        until = asyncio.get_running_loop().time() + PATIENCE
        try:
            if before is not None:
                await asyncio.wait([before], timeout=PATIENCE)
            if self._closed:
                await self._opened(place, until)
        except BaseException:
            self.end(place, mine)
            raise

    def end(self, place: str, mine: asyncio.Future[None]) -> None:
        """Let whoever is next through."""
        mine.set_result(None)
        if self._last.get(place) is mine:
            del self._last[place]

    def close(self, place: str = EVERYWHERE) -> None:
        """Let nothing live through, here or anywhere."""
        if place not in self._closed:
            self._closed[place] = asyncio.get_running_loop().create_future()

    def open(self, place: str = EVERYWHERE) -> None:
        """Let what waits through."""
        self.awaited.pop(place, None)
        if (closed := self._closed.pop(place, None)) is not None:
            closed.set_result(None)

    def open_all(self) -> None:
        """Let everything through."""
        for place in list(self._closed):
            self.open(place)

    async def _opened(self, place: str, until: float) -> None:
        """Until nothing keeps the place closed, or patience is at its end."""
        clock = asyncio.get_running_loop().time
        while closed := self._closed.get(EVERYWHERE) or self._closed.get(place):
            self.awaited[place] = None
            await asyncio.wait([closed], timeout=max(0.0, until - clock()))
            if not closed.done():
                # Whoever comes next need not be patient for the same thing again.
                self.open(EVERYWHERE)
                self.open(place)
        self.awaited.pop(place, None)
