"""What every platform's simulator can do, so that one scenario runs on all of them.

A simulator is the platform on loopback: it serves the platform's API to the gateway under test,
plays the people who write, and says what they would see. It keeps the platform's own rules and
limits, breaks down in the ways real platforms do, and outlives a gateway that is killed at any
moment. Adapters ship theirs as `adapters/PLATFORM/simulator.py`; nothing imports it at run time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeVar

PlaceKind = Literal["direct", "group", "channel", "thread"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedPerson:
    """Somebody on the platform; `id` is what the platform tells the gateway about them."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedPlace:
    """Where messages appear. `parent` is the group or channel that a thread belongs to.

    `account` is the account under test (bot, number, app) that the place was made for: whose inbox
    a direct place is, and whom a mention anywhere else means.
    """

    kind: PlaceKind
    id: str
    parent: str | None = None
    account: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A file of a message: what it is called, its media type, and all of it."""

    name: str
    media_type: str
    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMessage:
    """A message of the gateway's as people see it now; `at` is when it was accepted (epoch).

    The text of one with `files` is their caption. `entities` say how the text is shown, in the
    platform's own form; empty where the platform reads that from the text itself.
    """

    place_id: str
    message_id: str
    text: str
    buttons: tuple[str, ...] = ()
    reply_to: str | None = None
    edited: bool = False
    at: float = 0.0
    account: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedCall:
    """One API call as it arrived, its parameters parsed; `at` is when (epoch).

    Of a file among them, what it is called and how large it is.
    """

    method: str
    parameters: Mapping[str, Any]
    account: str = ""
    at: float = 0.0


Until = int | Callable[[list[SentMessage]], bool]
"""How many messages there have to be, or what has to be true of them."""


class Fault(StrEnum):
    """How a call can go wrong. "Accepted" means that people see the message nevertheless."""

    RATE_LIMIT = "rate-limit"
    """Refused: come back in `retry_after` seconds."""
    SERVER_ERROR = "server-error"
    """Refused by the platform itself, as broken down (500)."""
    TIMEOUT_AFTER_ACCEPT = "timeout-after-accept"
    """Accepted, and never answered: the connection stays open until the client gives up."""
    RESET = "reset"
    """Not accepted: the connection is reset once the request has arrived."""
    RESET_AFTER_ACCEPT = "reset-after-accept"
    """Accepted, then the connection is reset instead of an answer."""
    TRUNCATED_BODY = "truncated-body"
    """Accepted, but the answer breaks off in the middle."""
    MALFORMED = "malformed"
    """Not accepted: somebody in between answers 200 with a page of HTML."""
    BLOCKED = "blocked"
    """Refused for good: this person has blocked the account."""


class Simulator(Protocol):
    """A platform on loopback. All times are seconds; nothing but `start` opens anything.

    A method that names an `account` means the first one, unless told otherwise.
    """

    @property
    def url(self) -> str:
        """Where the platform's API is; stays the same over an outage. Valid once started."""
        ...

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        ...

    async def close(self) -> None:
        """Stop listening and drop every connection; leaves no task and no socket behind."""
        ...

    def settings(self, account: str = "") -> Mapping[str, str]:
        """The channel settings that make a gateway use this simulator: addresses, credentials."""
        ...

    def person(self, name: str) -> SimulatedPerson:
        """Let somebody join the platform. The same name twice is two people."""
        ...

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """Open a place that the account takes part in; nothing is announced.

        A direct place is that of one person, and always the same one; a thread needs its parent.
        Raises `ValueError` where the platform has no such place.
        """
        ...

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
    ) -> str:
        """Let a person write; return the platform's event id for it.

        A mention addresses the account the way people do it there. `reply_to` is the id of a
        message in the same place. Empty when the platform keeps the message from the account.
        Does not wait for the gateway: what it misses waits for it, as the platform lets it.
        """
        ...

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press the button on the newest message that has it; return the event id.

        Raises `LookupError` when nobody can see such a button.
        """
        ...

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see of the gateway now, oldest first: edits applied, deletions gone."""
        ...

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until it holds; looks after every call and every acknowledgement.

        Raises `TimeoutError`.
        """
        ...

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 30.0
    ) -> list[SentMessage]:
        """Wait until `sent(place)` has at least so many messages, or is as wanted; return it.

        Raises `TimeoutError`, whose text says what there was instead.
        """
        ...

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages accepted directly after one with the same text, in one place by one account.

        What at-least-once delivery sent once more, if the test makes its texts distinct. Texts
        count as they were accepted, whatever edits or deletions made of them.
        """
        ...

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every API call that arrived whole and readable, in order, whatever became of it."""
        ...

    def unacknowledged(self) -> list[str]:
        """Ids of the events that the gateway has not taken over yet, in order."""
        ...

    def fail_next(
        self,
        fault: Fault,
        times: int = 1,
        *,
        method: str | None = None,
        retry_after: float = 1.0,
    ) -> None:
        """Break the next `times` calls that post a message, or those to `method` ("*": any).

        Faults for the same calls queue up. `retry_after` is what a rate limit asks for.
        """
        ...

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        ...

    async def disconnect(self) -> None:
        """Reset every live connection: open requests, long polls, sockets. New ones are welcome."""
        ...

    async def outage(self, on: bool) -> None:
        """While on, connections are reset, new ones refused, and nothing is delivered."""
        ...


class FaultPlan:
    """The faults still to come: what an implementation of `fail_next` needs."""

    def __init__(self, posting: Callable[[str], bool]) -> None:
        """`posting` says of a method whether it posts a message."""
        self._posting = posting
        self._queue: deque[tuple[Fault, str | None, float]] = deque()

    def add(self, fault: Fault, times: int, *, method: str | None, retry_after: float) -> None:
        """Plan a fault for the next `times` calls that it fits."""
        self._queue.extend((fault, method, retry_after) for _ in range(times))

    def take(self, method: str) -> tuple[Fault, float] | None:
        """Return the fault, and its `retry_after`, that this call has to suffer, if any."""
        for planned in self._queue:
            fault, wanted, retry_after = planned
            if wanted in {method, "*"} or (wanted is None and self._posting(method)):
                self._queue.remove(planned)
                return fault, retry_after
        return None

    def clear(self) -> None:
        """Forget them all."""
        self._queue.clear()


AnySimulator = TypeVar("AnySimulator", bound=Simulator)


@asynccontextmanager
async def running(simulator: AnySimulator) -> AsyncIterator[AnySimulator]:
    """Start a simulator, and close it at the end of the block."""
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.close()
