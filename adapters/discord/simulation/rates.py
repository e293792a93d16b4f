"""Discord's rate limits, as its answers state them.

https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.discord.simulation.calls import Call
from adapters.discord.simulation.errors import ApiError, too_many_requests

PER_CHANNEL: Mapping[str, tuple[int, float]] = {
    "create_message": (5, 5.0),
    "update_message": (5, 5.0),
    "delete_message": (5, 1.0),
    "list_messages": (5, 5.0),
    "trigger_typing_indicator": (5, 5.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """`overall` calls in a second for each bot; by operation, so many in so many seconds.

    Those are for each channel. Discord does not promise the numbers; these are what it says today.
    """

    overall: int = 50
    per_channel: Mapping[str, tuple[int, float]] = field(default_factory=lambda: PER_CHANNEL)


@dataclass(kw_only=True, slots=True)
class Window:
    """A bucket: so many calls until it is reset."""

    limit: int
    seconds: float
    used: int = 0
    ends: float = 0.0

    def take(self, now: float) -> float:
        """Count a call; the seconds it has to wait instead, or 0."""
        if now >= self.ends:
            self.used, self.ends = 0, now + self.seconds
        if self.used >= self.limit:
            return round(self.ends - now, 3)
        self.used += 1
        return 0.0


class RateLimits:
    """Counts what every bot does. What belongs to an interaction is not held to the overall."""

    def __init__(self, rates: Rates | None, clock: Callable[[], float]) -> None:
        self._rates = rates
        self._clock = clock
        self._windows: dict[object, Window] = {}

    def count(self, call: Call) -> tuple[dict[str, str], ApiError | None]:
        """Count a call: the headers of its answer, and the refusal it gets, if any."""
        if self._rates is None:
            return {}, None
        now = self._clock()
        if call.interaction is None:
            everywhere = self._window(call.bot.id, self._rates.overall, 1.0).take(now)
            if everywhere:
                return {}, too_many_requests(everywhere, everywhere=True)
        if call.operation not in self._rates.per_channel:
            return {}, None
        limit, seconds = self._rates.per_channel[call.operation]
        channel = call.ids.get("channel_id", 0)
        window = self._window((call.bot.id, call.operation, channel), limit, seconds)
        wait = window.take(now)
        headers = _headers(call.operation, window, now)
        return headers, too_many_requests(wait) if wait else None

    def _window(self, key: object, limit: int, seconds: float) -> Window:
        return self._windows.setdefault(key, Window(limit=limit, seconds=seconds))


def _headers(operation: str, window: Window, now: float) -> dict[str, str]:
    bucket = hashlib.sha256(operation.encode()).hexdigest()[:32]
    return {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.limit - window.used),
        "X-RateLimit-Reset": f"{window.ends:.3f}",
        "X-RateLimit-Reset-After": f"{window.ends - now:.3f}",
        "X-RateLimit-Bucket": bucket,
    }
