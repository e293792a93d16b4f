"""Telegram's flood control, as far as it is known: its FAQ names the rates, not the algorithm."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from adapters.telegram.simulation.vocabulary import FILE_METHODS

COUNTED = frozenset(FILE_METHODS) | {
    "editMessageCaption",
    "editMessageReplyMarkup",
    "editMessageText",
    "sendMediaGroup",
    "sendMessage",
    "sendMessageDraft",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """What a bot may send; https://core.telegram.org/bots/faq#broadcasting-to-users.

    `private_burst` may go to a private chat at once before its rate counts. A call made while the
    bot is told to wait lengthens the wait by `lengthen` seconds. `methods` are those that count;
    Telegram does not say whether drafts, typing and the like do: drafts are held to them here, as
    nobody knows better.
    """

    private_per_second: float = 1.0
    private_burst: int = 3
    group_per_minute: int = 20
    overall_per_second: int = 30
    lengthen: float = 1.0
    methods: frozenset[str] = COUNTED


@dataclass(kw_only=True, slots=True)
class Bucket:
    """One rate: `burst` at once, then one every `interval` seconds (GCRA)."""

    interval: float
    burst: int
    due: float = 0.0
    flooded_until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one more would be taken; 0: now."""
        ready = max(self.due - self.interval * (self.burst - 1), self.flooded_until)
        return max(round(ready - now, 3), 0.0)

    def take(self, now: float, times: int) -> None:
        """Count so many."""
        self.due = max(self.due, now) + self.interval * times


class FloodControl:
    """Counts what every bot sends, by chat and overall."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self._rates = rates
        self._clock = clock
        self._buckets: dict[object, Bucket] = {}

    def refuse(self, method: str, bot_id: int, chat_id: int, times: int = 1) -> int | None:
        """Count a call, or return the whole seconds its bot has to wait first.

        An album counts as often as it has messages, and is taken once there is room for one.
        """
        if method not in self._rates.methods:
            return None
        now = self._clock()
        buckets = (self._chat(bot_id, chat_id), self._overall(bot_id))
        for bucket in buckets:
            wait = bucket.wait(now)
            if wait > 0:
                again = now < bucket.flooded_until
                retry_after = math.ceil(wait + (self._rates.lengthen if again else 0.0))
                bucket.flooded_until = now + retry_after
                return retry_after
        for bucket in buckets:
            bucket.take(now, times)
        return None

    def _chat(self, bot_id: int, chat_id: int) -> Bucket:
        key = (bot_id, chat_id)
        if key not in self._buckets:
            private, rates = chat_id > 0, self._rates
            self._buckets[key] = Bucket(
                interval=1 / rates.private_per_second if private else 60 / rates.group_per_minute,
                burst=rates.private_burst if private else rates.group_per_minute,
            )
        return self._buckets[key]

    def _overall(self, bot_id: int) -> Bucket:
        if bot_id not in self._buckets:
            rate = self._rates.overall_per_second
            self._buckets[bot_id] = Bucket(interval=1 / rate, burst=rate)
        return self._buckets[bot_id]
