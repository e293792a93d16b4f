"""Up to when nothing is missing in each conversation, so that what is can be asked for.

Slack's timestamps name messages and order them: "1726133700.887259", seconds and microseconds.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterable

from adapters.slack.remembering import remember
from gateway import Bookmarks

CONNECTED = "connected"
"""The place of channels without a position of their own: when nothing was missing anywhere."""
MARGIN = 60.0
"""Seconds by which this machine's clock may differ from Slack's."""
MAX_PLACES = 5000
MAX_HEARD = 20_000
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
    """When each place was complete last: a channel, or a thread as "CHANNEL:TS".

    Only the history moves a place on. That something comes says nothing of what should have come
    before it: Slack gives up on single events, and goes on with the next.
    """

    def __init__(self, bookmarks: Bookmarks, channel: str) -> None:
        self._bookmarks = bookmarks
        self._channel = channel
        self._at: OrderedDict[str, str] = OrderedDict()
        self._heard: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lively: OrderedDict[str, str] = OrderedDict()

    async def load(self) -> None:
        """Read what an earlier run left. On a channel's first start that is now, durably: nothing
        older is the bot's business. Raises `Unavailable`."""
        stored = await self._bookmarks.load(self._channel, limit=MAX_PLACES)
        for place, ts in reversed(list(stored.items())):
            if micros(ts) > micros(self._at.get(place)):
                self._at[place] = ts
        if CONNECTED not in self._at:
            self._put(CONNECTED, ago(0))
            await self._bookmarks.flush()

    # What comes live

    def heard(self, channel: str, ts: str) -> None:
        """This message was taken: it need not be taken again, and the channel is known."""
        if micros(ts):
            if channel not in self._at:
                self._put(channel, self._of(channel))
            remember(self._heard, (channel, ts), None, MAX_HEARD)
            self.spoke(channel, ts)

    def is_heard(self, channel: str, ts: str) -> bool:
        """Whether this message was taken lately."""
        return (channel, ts) in self._heard

    def spoke(self, channel: str, ts: object) -> None:
        """Something was said there."""
        if isinstance(ts, str) and micros(ts) > micros(self._lively.get(channel)):
            remember(self._lively, channel, ts, MAX_PLACES)

    def takes_part(self, channel: str, thread: str, ts: str) -> None:
        """The bot has part in this thread, as of this message if that is news."""
        place = f"{channel}:{thread}"
        if place in self._at:
            self._at.move_to_end(place)
        elif micros(ts):
            self._put(place, ts)

    # What is asked for

    def caught_up(self, place: str, ts: str) -> None:
        """Nothing is missing at this place up to this moment. Threads that the bot has no part in
        are too many to remember."""
        at = self._at.get(place, "") if ":" in place else self._of(place)
        if at and micros(ts) > micros(at):
            self._put(place, ts)

    def complete(self, channels: Iterable[str]) -> None:
        """These are all channels there are: where nothing is known of one, nothing is missing from
        before the least of them."""
        least = min((self._of(channel) for channel in channels), key=micros, default=ago(MARGIN))
        if micros(least) > micros(self._at.get(CONNECTED)):
            self._put(CONNECTED, least)

    def since(self, place: str, window: float) -> str:
        """The moment behind which this place may have gaps; at most so many seconds back."""
        channel, _, thread = place.partition(":")
        at = self._of(channel)
        if thread:
            at = min(at, self._at.get(place, at), key=micros)
        return max(at, ago(window), key=micros)

    def begun(self, channel: str, thread: str) -> str:
        """Up to when what was said in a thread, if not to the bot, is none of its business."""
        return self._at.get(f"{channel}:{thread}", "")

    def channels(self) -> list[str]:
        """Those that are known, the liveliest first."""
        lively = sorted(self._lively, key=lambda channel: -micros(self._lively[channel]))
        stored = (place.partition(":")[0] for place in reversed(self._at) if place != CONNECTED)
        return list(dict.fromkeys([*lively, *stored]))

    def in_turn(self, channels: Iterable[str], since: str) -> list[str]:
        """Channels by how long nobody looked into them; two in which something was said since for
        each that is quiet."""
        longest = sorted(channels, key=lambda channel: micros(self._of(channel)))
        lively = [c for c in longest if micros(self._lively.get(c)) > micros(since)]
        quiet = [c for c in longest if micros(self._lively.get(c)) <= micros(since)]
        mixed = []
        while lively or quiet:
            mixed += [*lively[:2], *quiet[:1]]
            lively, quiet = lively[2:], quiet[1:]
        return mixed

    def threads(self, channel: str, limit: int, since: str = "") -> list[str]:
        """The threads of a channel that the bot has part in, the newest first; with `since`, those
        that were not quiet since."""
        prefix = f"{channel}:"
        places = [place for place in reversed(self._at) if place.startswith(prefix)]
        lively = [place for place in places if micros(self._at[place]) > micros(since)]
        return [place.removeprefix(prefix) for place in lively[:limit]]

    def _of(self, channel: str) -> str:
        return self._at.get(channel) or self._at.get(CONNECTED, "")

    def _put(self, place: str, ts: str) -> None:
        remember(self._at, place, ts, MAX_PLACES)
        self._bookmarks.put(self._channel, place, ts)
