"""When a session is over by itself: never, after a pause, or each day at a time. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Annotated

from pydantic import BeforeValidator

from gateway.domain import Session
from gateway.settings.durations import read_seconds

AFTER_A_PAUSE = "It has been a while, so this is a new conversation."
A_NEW_DAY = "A new day, a new conversation."

_DAILY = re.compile(r"daily:([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reset:
    """``pause``: seconds without activity; ``at``: a time of day, as the clock on the wall has it.
    Neither: never."""

    pause: float = 0.0
    at: time | None = None

    def __bool__(self) -> bool:
        return bool(self.pause) or self.at is not None

    def over(self, session: Session, now: float, zone: tzinfo | None = None) -> str:
        """What to tell people when ``session`` is over by now; empty if it is not.

        ``zone``: where the clock hangs, by default here.
        """
        if self.pause and now - session.last_activity >= self.pause:
            return AFTER_A_PAUSE
        if self.at is not None and session.last_activity < _latest(self.at, now, zone):
            return A_NEW_DAY
        return ""


NEVER = Reset()


def read_reset(text: str) -> Reset:
    """``never``, ``idle:2h`` or ``daily:04:00``. Raises ``ValueError``."""
    if text == "never":
        return NEVER
    kind, _, rest = text.partition(":")
    if kind == "idle" and (pause := read_seconds(rest)):
        return Reset(pause=pause)
    if match := _DAILY.fullmatch(text):
        return Reset(at=time(int(match[1]), int(match[2])))
    raise ValueError(
        'it is "never", "idle:2h" (after such a pause) or "daily:04:00" (at that time)'
    )


def _reset_text(value: object) -> object:
    if isinstance(value, str):
        read_reset(value)
    return value


ResetText = Annotated[str, BeforeValidator(_reset_text)]
"""When a session is over by itself: "never", "idle:2h" or "daily:04:00"."""


def _latest(at: time, now: float, zone: tzinfo | None) -> float:
    """The last moment up to ``now`` at which the clock showed this time."""
    here = datetime.fromtimestamp(now, zone)
    moment = _on(here, at, zone)
    if moment > now:
        moment = _on(here - timedelta(days=1), at, zone)
    return moment


def _on(day: datetime, at: time, zone: tzinfo | None) -> float:
    # Without a zone this is the clock of the machine, with the summer time of that day.
    return datetime.combine(day.date(), at, tzinfo=zone).timestamp()
