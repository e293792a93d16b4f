"""People who want no messages: on WhatsApp the gateway keeps to it, on SMS Twilio does.

https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
https://help.twilio.com/articles/223134027
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters.twilio.fields import Fields, a_string, picked
from adapters.twilio.settings import TwilioSettings, WhatsAppSettings
from gateway import Host

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
"""What Twilio takes for the wish to get no more, when nothing else is said."""
START = frozenset({"START", "UNSTOP"})
"""The wish to get them again. Twilio takes YES for it too, but here that answers questions."""

STOPPED = "You will get no more messages from us. Write START to get them again."
STARTED = "You will get our messages. Write STOP to get no more."
PLACE = "opted-out:"
"""How the places among the bookmarks begin that tell who wants none."""

_EVERYBODY = 10_000_000


class Wish(StrEnum):
    """What somebody wants of us."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


def keeps(settings: TwilioSettings) -> bool:
    """Whether the gateway itself keeps to it."""
    return isinstance(settings, WhatsAppSettings) and settings.opt_out


def wish(form: Fields, settings: TwilioSettings) -> Wish | None:
    """What a message asks for, if that is all it says: as Twilio read it, or by its words.

    Who picks an option called "Cancel" answers a question.
    """
    if (said := a_string(form, "OptOutType").upper()) in Wish.__members__:
        return Wish(said)
    if not keeps(settings) or picked(form):
        return None
    word = a_string(form, "Body").strip().upper()
    if word in STOP:
        return Wish.STOP
    return Wish.START if word in START else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """What somebody asked for last, when, and by which message."""

    out: bool
    at: float
    sid: str

    def written(self) -> str:
        return f"{'out' if self.out else 'in'} {self.at:.3f} {self.sid}"


_IN = _State(out=False, at=0.0, sid="")


def _read(position: str) -> _State:
    word, _, rest = position.partition(" ")
    at, _, sid = rest.partition(" ")
    known = at.replace(".", "", 1).isdecimal()
    return _State(out=word == "out", at=float(at) if known else 0.0, sid=sid)


class OptingOut:
    """Who wants no messages, over restarts. On SMS, and without `opt_out`, nobody is kept: then it
    is Twilio that refuses to send."""

    def __init__(self, host: Host, channel: str, settings: TwilioSettings, log: Any) -> None:
        self._bookmarks = host.bookmarks
        self._channel = channel
        self._kept = keeps(settings)
        self._log = log
        self._known: dict[str, _State] | None = None

    async def is_out(self, address: str) -> bool:
        """Whether this person asked for no more messages. Raises `Unavailable`."""
        if not self._kept:
            return False
        state = (await self._all()).get(address)
        return state is not None and state.out

    async def take(self, wanted: Wish, addresses: Iterable[str], *, at: float, sid: str) -> bool:
        """Remember what somebody wants, under each of their addresses, before anything is answered.

        Whether that is new, or is told again by the very message that it came with. What is older
        than what is known changes nothing. Raises `Unavailable`.
        """
        if not self._kept or wanted is Wish.HELP:
            return False
        known, new = await self._all(), False
        state = _State(out=wanted is Wish.STOP, at=at, sid=sid)
        for address in addresses:
            before = known.get(address, _IN)
            if before.sid == sid:
                new = True
            elif before.at < at:
                new |= not (before.out and state.out)
                known[address] = state
                self._put(address, state)
        await self._bookmarks.flush()
        if new:
            self._log.info("twilio.opted", wish=wanted.value)
        return new

    def _put(self, address: str, state: _State) -> None:
        place = f"{PLACE}{address}"
        self._bookmarks.put(self._channel, place, state.written(), lasting=state.out)

    async def _all(self) -> dict[str, _State]:
        if self._known is None:
            kept = await self._bookmarks.load(self._channel, limit=_EVERYBODY, under=PLACE)
            read = {place.removeprefix(PLACE): _read(text) for place, text in kept.items()}
            if self._known is None:
                self._known = read
        return self._known
