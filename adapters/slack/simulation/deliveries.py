"""What Slack tells apps, until they take it over or Slack gives up."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import aiohttp

from adapters.slack.simulation.model import App, JsonObject
from adapters.slack.simulation.news import News

DeliveryKind = Literal["events_api", "interactive", "slash_commands"]
# How far apart two things said at once may arrive, where no order is promised.
JITTER = 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long Slack waits for an answer, and for how long after a failure it tries again.

    Slack's own waits before the retries are 0, 60 and 300 seconds; these suit tests.
    https://docs.slack.dev/apis/events-api/#retries
    """

    ack_within: float = 3.0
    waits: tuple[float, ...] = (0.0, 0.6, 3.0)


@dataclass(kw_only=True, slots=True, eq=False)
class Delivery:
    """Something to tell an app. `key` names what happened, `place` the conversation it was in.

    `ts` is that of the message in whose history it can be read, if it can. One that is not
    `watched` tells an app of what it did itself.
    """

    kind: DeliveryKind
    key: str
    payload: JsonObject
    place: str = ""
    ts: str = ""
    watched: bool = True
    attempt: int = 0
    reason: str = ""
    state: Literal["pending", "taken", "lost"] = "pending"

    @property
    def repeatable(self) -> bool:
        """Whether Slack tries again: of a press or a command, it tells the person at once."""
        return self.kind == "events_api"


@dataclass(kw_only=True)
class Ledger:
    """Who has taken over what. `lost` are keys of what Slack gave up on."""

    news: News
    on_response: Callable[[Delivery, JsonObject], None]
    keep: int | None = None
    lost: list[str] = field(default_factory=list)
    ack_times: deque[float] = field(default_factory=deque)
    responses: deque[JsonObject] = field(default_factory=deque)
    _told: deque[Delivery] = field(default_factory=deque)
    _open: dict[str, list[Delivery]] = field(default_factory=dict)
    _fetched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ack_times = deque(maxlen=self.keep)
        self.responses = deque(maxlen=self.keep)
        self._told = deque(maxlen=self.keep)

    def add(self, delivery: Delivery) -> None:
        """Something happened."""
        self._told.append(delivery)
        if delivery.watched:
            self._open.setdefault(delivery.key, []).append(delivery)
        self.news.tell()

    def take(self, delivery: Delivery, seconds: float, response: JsonObject) -> None:
        """An app acknowledged, after so long and with this answer."""
        delivery.state = "taken"
        self.ack_times.append(seconds)
        if response:
            self.responses.append(response)
            self.on_response(delivery, response)
        self._settle(delivery.key)

    def lose(self, delivery: Delivery) -> None:
        """Slack gave up: only the history has it, if anything has."""
        delivery.state = "lost"
        if delivery.watched:
            self.lost.append(delivery.key)
        self._settle(delivery.key)

    def fetch(self, stamps: set[str]) -> None:
        """An app read these messages by itself."""
        for key, group in list(self._open.items()):
            if any(delivery.ts in stamps for delivery in group):
                self._fetched.add(key)
                self._settle(key)

    def past(self, key: str) -> list[Delivery]:
        """What was told of something. Raises `LookupError`."""
        found = [delivery for delivery in self._told if delivery.key == key]
        if not found:
            raise LookupError(f"nothing was told of {key}")
        return found

    def unacknowledged(self) -> list[str]:
        """Keys of what is not taken over, in order."""
        return list(self._open)

    def _settle(self, key: str) -> None:
        group = self._open.get(key, [])
        states = {delivery.state for delivery in group}
        over = "taken" in states or key in self._fetched
        if "pending" not in states and (over or not any(each.ts for each in group)):
            self._open.pop(key, None)
            self._fetched.discard(key)
        self.news.tell()


class Courier:
    """Brings one app what happens; how, the two kinds of them know."""

    ping_every: float = 10.0

    def __init__(self, app: App, ledger: Ledger, patience: Patience, *, shuffle: bool) -> None:
        self.app = app
        self._ledger = ledger
        self._patience = patience
        self._paused = False
        self._dropping = 0
        # Two runs are the same run.
        self._random = random.Random(app.id) if shuffle else None  # noqa: S311
        self._timers: dict[Delivery, asyncio.TimerHandle] = {}

    def offer(self, delivery: Delivery) -> None:
        """Deliver something new."""
        self._ledger.add(delivery)
        if self._dropping:
            self._dropping -= 1
            self._ledger.lose(delivery)
        elif self._random is not None:
            self._later(self._random.uniform(0.0, JITTER), delivery)
        else:
            self._deliver(delivery)

    def drop(self, times: int) -> None:
        """Lose the next so many things on the way, with all their retries."""
        self._dropping = times

    def attach(self, http: aiohttp.ClientSession) -> None:
        """The simulator is there, and this is how it calls others."""

    def pause(self, on: bool) -> None:
        """Deliver nothing for a while; what waits counts no attempts."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Break off what is under way, but for what the server resets."""

    async def close(self) -> None:
        """Stop for good."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _deliver(self, delivery: Delivery) -> None:
        raise NotImplementedError

    def _failed(self, delivery: Delivery, reason: str) -> bool:
        """An attempt failed: plan the next, if there is one, and return whether it is due now."""
        if not delivery.repeatable or delivery.attempt >= len(self._patience.waits):
            self._ledger.lose(delivery)
            return False
        wait = self._patience.waits[delivery.attempt]
        delivery.attempt += 1
        delivery.reason = reason
        if wait <= 0:
            return True
        self._later(wait, delivery)
        return False

    def _later(self, wait: float, delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        self._timers[delivery] = loop.call_later(wait, self._due, delivery)

    def _due(self, delivery: Delivery) -> None:
        self._timers.pop(delivery, None)
        self._deliver(delivery)

    def _waiting(self) -> list[Delivery]:
        """What waits for its retry, in order; it waits no longer."""
        waiting = list(self._timers)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        return waiting


class Stopwatch:
    """How long an attempt took."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()

    def seconds(self) -> float:
        """Since it was made."""
        return self._clock() - self._began
