"""How far each conversation has been read, so that what is missing can be asked for.

Slack's timestamps name messages and order them: "1726133700.887259", seconds and microseconds.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict

from gateway import Bookmarks

CONNECTED = "connected"
"""The place of channels without a position of their own: when nothing was missing anywhere."""
MARGIN = 60.0
"""Seconds by which this machine's clock may differ from Slack's."""
MAX_PLACES = 5000
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{6}")


def micros(ts: object) -> int:
    """A timestamp as a number; 0 when it is none."""
    return int(ts.replace(".", "")) if isinstance(ts, str) and _TS.fullmatch(ts) else 0


def timestamp(moment: int) -> str:
    """A number of microseconds as Slack writes it."""
    return f"{moment // 1_000_000}.{moment % 1_000_000:06d}"


def ago(seconds: float) -> str:
    """The moment so long ago."""
    return timestamp(max(0, int((time.time() - seconds) * 1_000_000)))


class Positions:
    """The newest message taken at each place: a channel, or a thread as "CHANNEL:TS".

    While something may be missing, no place moves on: what is live says nothing of what was
    before it.
    """

    def __init__(self, bookmarks: Bookmarks, channel: str) -> None:
        self.held = False
        """Whether something may be missing; set until everything is caught up."""
        self._bookmarks = bookmarks
        self._channel = channel
        self._at: OrderedDict[str, str] = OrderedDict()
        self._missed: dict[str, str] = {}

    async def load(self) -> None:
        """Read what an earlier run left. On a channel's first start that is now, durably: nothing
        older is the bot's business. Raises `Unavailable`."""
        stored = await self._bookmarks.load(self._channel)
        for place, ts in reversed(list(stored.items())):
            if micros(ts) > micros(self._at.get(place)):
                self._at[place] = ts
        if CONNECTED not in self._at:
            self._put(CONNECTED, ago(0))
            await self._bookmarks.flush()

    def taken(self, place: str, ts: str) -> None:
        """Everything at this place up to this message is taken, if nothing may be missing."""
        if not self.held and micros(ts) > micros(self._at.get(place)):
            self._put(place, ts)

    def missed(self, place: str, ts: str) -> None:
        """This message came, and could not be taken."""
        first = self._missed.get(place)
        if micros(ts) and (first is None or micros(ts) < micros(first)):
            self._missed[place] = ts

    def caught_up(self, place: str, ts: str) -> None:
        """Everything at this place up to this message was asked for, and taken. Threads that the
        bot has no part in are too many to remember."""
        self._missed.pop(place, None)
        known = place in self._at or ":" not in place
        if known and micros(ts) > micros(self._at.get(place)):
            self._put(place, ts)

    def connected(self) -> None:
        """At the moment nothing is missing anywhere, as far as anybody knows."""
        if not self.held:
            self._put(CONNECTED, max(self._at.get(CONNECTED, ""), ago(MARGIN), key=micros))

    def since(self, place: str, window: float) -> str:
        """The message behind which this place may have gaps; at most so many seconds back."""
        at = self._at.get(place) or self._at.get(CONNECTED, "")
        if first := self._missed.get(place):
            # What could not be taken is asked for itself, and not only what came after it.
            at = min(at, timestamp(micros(first) - 1), key=micros)
        return max(at, ago(window), key=micros)

    def channels(self) -> list[str]:
        """Channels in which something was taken or missed, the newest first."""
        return list(dict.fromkeys(place.partition(":")[0] for place in self._newest_first()))

    def threads(self, channel: str, limit: int) -> list[str]:
        """The threads of a channel in which something was taken or missed last."""
        prefix = f"{channel}:"
        places = [place for place in self._newest_first() if place.startswith(prefix)]
        return [place.removeprefix(prefix) for place in places[:limit]]

    def _newest_first(self) -> list[str]:
        places = (*self._missed, *reversed(self._at))
        return [place for place in dict.fromkeys(places) if place != CONNECTED]

    def _put(self, place: str, ts: str) -> None:
        self._at[place] = ts
        self._at.move_to_end(place)
        if len(self._at) > MAX_PLACES:
            self._at.popitem(last=False)
        self._bookmarks.put(self._channel, place, ts)
