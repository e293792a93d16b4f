"""Slack's rate limits; https://docs.slack.dev/apis/web-api/rate-limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.slack.simulation.vocabulary import TIERS

MINUTE = 60.0
HISTORY = frozenset({"conversations.history", "conversations.replies"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """How often a method may be called in a minute, by its tier, each app in each workspace.

    A channel takes `posts_per_second` messages, and `post_burst` at once. `history_per_minute` is
    for apps that are sold outside the Marketplace, which also get 15 messages at a time: 1.
    """

    tiers: tuple[int, int, int, int] = (1, 20, 50, 100)
    posts_per_second: float = 1.0
    post_burst: int = 3
    history_per_minute: int | None = None


@dataclass(kw_only=True, slots=True)
class _Posts:
    """What one channel takes: a burst, then one each interval (GCRA)."""

    due: float = 0.0

    def wait(self, now: float, interval: float, burst: int) -> float:
        """Count one, or return the seconds until it would be taken."""
        ready = self.due - interval * (burst - 1)
        if ready > now:
            return ready - now
        self.due = max(self.due, now) + interval
        return 0.0


@dataclass(kw_only=True)
class RateLimits:
    """Counts calls."""

    rates: Rates
    clock: Callable[[], float]
    _calls: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _posts: dict[tuple[str, str], _Posts] = field(default_factory=dict)

    def wait(self, method: str, account: str, channel: str) -> float:
        """Count a call; or return how many seconds it has to wait first."""
        if method == "chat.postMessage":
            posts = self._posts.setdefault((account, channel), _Posts())
            return posts.wait(self.clock(), 1 / self.rates.posts_per_second, self.rates.post_burst)
        limit = self._limit(method)
        if limit is None:
            return 0.0
        now, past = self.clock(), self._calls.setdefault((account, method), deque())
        while past and past[0] <= now - MINUTE:
            past.popleft()
        if len(past) >= limit:
            return past[0] + MINUTE - now
        past.append(now)
        return 0.0

    def _limit(self, method: str) -> int | None:
        if method in HISTORY and self.rates.history_per_minute is not None:
            return self.rates.history_per_minute
        tier = TIERS.get(method)
        return None if tier is None else self.rates.tiers[tier - 1]
