"""What Twilio posts to webhooks, and what became of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from adapters.twilio.simulation.model import Form
from adapters.twilio.simulation.news import News


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How many seconds Twilio waits for an answer; https://www.twilio.com/docs/usage/webhooks.

    Conversations: https://www.twilio.com/docs/conversations-classic/conversations-webhooks.
    """

    answer_within: float = 15.0
    conversations_within: float = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """An entry of the console's error log: Twilio's code for what a webhook did wrong.

    11200: it answered with an error, or not in time; 11205: it was not reached; 12100: its TwiML
    cannot be read; 12300: its answer is of a type that Twilio does not take.
    """

    code: int
    url: str
    key: str


@dataclass(kw_only=True, slots=True, eq=False)
class Delivery:
    """Something to post. `key` names what happened, `lane` what is posted in order.

    `url` is asked when it is due: until the console has one, it waits. One that is not `watched`
    tells of what the account did itself. `token` is the same on a retry.
    """

    kind: Literal["message", "conversation", "status"]
    key: str
    lane: str
    url: Callable[[], str]
    form: Form
    token: str
    watched: bool = True
    attempt: int = 0
    state: Literal["pending", "taken", "lost"] = "pending"


@dataclass(kw_only=True)
class Ledger:
    """Who has taken over what. `lost` are keys of what Twilio gave up on, in order."""

    news: News
    keep: int | None = None
    lost: list[str] = field(default_factory=list)
    debugger: deque[Notice] = field(default_factory=deque)
    ack_times: deque[float] = field(default_factory=deque)
    _told: deque[Delivery] = field(default_factory=deque)
    _open: dict[str, set[Delivery]] = field(default_factory=dict)
    _missing: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.debugger = deque(maxlen=self.keep)
        self.ack_times = deque(maxlen=self.keep)
        self._told = deque(maxlen=self.keep)

    def add(self, delivery: Delivery) -> None:
        """Something happened."""
        if delivery.watched:
            self._told.append(delivery)
            self._open.setdefault(delivery.key, set()).add(delivery)
        self.news.tell()

    def take(self, delivery: Delivery, seconds: float) -> None:
        """The webhook answered, after so long."""
        delivery.state = "taken"
        if delivery.watched:
            self.ack_times.append(seconds)
            self._missing.pop(delivery.key, None)
        self._settle(delivery)

    def lose(self, delivery: Delivery, code: int, url: str) -> None:
        """Twilio gave up: only the API's lists have it, if anything has."""
        delivery.state = "lost"
        self.debugger.append(Notice(code=code, url=url, key=delivery.key))
        if delivery.watched:
            self.lost.append(delivery.key)
            self._missing[delivery.key] = None
        self._settle(delivery)

    def complain(self, delivery: Delivery, code: int, url: str) -> None:
        """The answer was no good, although there was one."""
        self.debugger.append(Notice(code=code, url=url, key=delivery.key))

    def listed(self, key: str) -> None:
        """The API has told of it by now."""
        self._missing.pop(key, None)

    def past(self, key: str) -> list[Delivery]:
        """What was posted of something. Raises `LookupError`."""
        found = [delivery for delivery in self._told if delivery.key == key]
        if not found:
            raise LookupError(f"nothing was told of {key}")
        return found

    def unacknowledged(self) -> list[str]:
        """Keys of what is under way, in order."""
        return list(self._open)

    def missing(self) -> list[str]:
        """Keys of what was given up and not listed since."""
        return list(self._missing)

    def _settle(self, delivery: Delivery) -> None:
        group = self._open.get(delivery.key, set())
        group.discard(delivery)
        if not group:
            self._open.pop(delivery.key, None)
        self.news.tell()
