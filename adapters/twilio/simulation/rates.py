"""How fast messages may come.

https://www.twilio.com/docs/whatsapp/best-practices-and-faqs, and of the pair of a number and a
person https://developers.facebook.com/docs/whatsapp/cloud-api/overview#pair-rate-limits
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Calls that post, by second and number: more is refused (429). A person takes `pair_burst`
    messages at once, then one every `pair_every` seconds: more is accepted and fails (63018), on
    WhatsApp only. The sandbox takes a message every `sandbox_every` seconds.
    """

    posts_per_second: float = 80.0
    post_burst: int = 100
    pair_every: float = 6.0
    pair_burst: int = 45
    sandbox_every: float = 3.0


@dataclass(kw_only=True, slots=True)
class _Flow:
    """A burst, then one each interval (GCRA)."""

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
    """Counts."""

    rates: Rates | None
    clock: Callable[[], float]
    _flows: dict[tuple[str, ...], _Flow] = field(default_factory=dict)

    def post(self, number: str, *, sandbox: bool) -> float:
        """Count a call that posts; or return how many seconds it has to wait first."""
        if self.rates is None:
            return 0.0
        if sandbox:
            return self._wait(("sandbox", number), self.rates.sandbox_every, 1)
        return self._wait(("post", number), 1 / self.rates.posts_per_second, self.rates.post_burst)

    def pair(self, number: str, person: str) -> bool:
        """Count a message to a person; return whether they get it."""
        if self.rates is None:
            return True
        wait = self._wait(("pair", number, person), self.rates.pair_every, self.rates.pair_burst)
        return wait <= 0

    def _wait(self, key: tuple[str, ...], interval: float, burst: int) -> float:
        return self._flows.setdefault(key, _Flow()).wait(self.clock(), interval, burst)
