"""What an adapter's contract tests stand on: the adapter, its platform, and a gateway's inbox."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NoReturn

import aiohttp
import pytest
import uvicorn
from starlette.routing import Router

from gateway.domain import Address, Attachment, Delivery, Inbound, Moved, Question, Session, new_id
from gateway.errors import ConfigurationError, SendError, Unavailable, UnreadableUpdate
from gateway.ports.adapter import Adapter, Receipt
from gateway.ports.host import Bookmarks, Files, Outcomes, Sessions
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, Simulator


class _NoSessions:
    """Stands where an adapter that asks for no sessions never looks."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"this host has no sessions to ask for {name!r}")


class BareFiles:
    """The files of a host that has one session; ``contents`` by their id."""

    limit = 0

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._kept: dict[str, Attachment] = {}

    def put(self, content: bytes, name: str, media_type: str) -> Attachment:
        """Have a file."""
        file_id = new_id()
        file = Attachment(name=name, media_type=media_type, size=len(content), id=file_id)
        self.contents[file_id], self._kept[file_id] = content, file
        return file

    async def keep(
        self, session: Session, name: str, content: AsyncIterator[bytes], *, media_type: str = ""
    ) -> Attachment:
        """Store a file, believing what it is said to be."""
        whole = b"".join([piece async for piece in content])
        return self.put(whole, name, media_type or "application/octet-stream")

    async def find(self, session: Session, file_id: str) -> Attachment | None:
        """A stored file."""
        return self._kept.get(file_id)

    async def read(self, attachment: Attachment) -> bytes:
        """A file's content. Raises ``LookupError``."""
        return self.contents[attachment.id]

    def link(self, attachment: Attachment) -> str:
        """A path that nothing is served at."""
        return f"/files/{attachment.id}"


class BareBookmarks:
    """Positions, kept for as long as the host: ``kept`` by (channel, place)."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    async def load(self, channel: str, *, limit: int = 1000, under: str = "") -> Mapping[str, str]:
        """A channel's, the newest first."""
        mine = [
            (place, at)
            for (name, place), at in self.kept.items()
            if name == channel and place.startswith(under)
        ]
        return dict(mine[: -limit - 1 : -1])

    def put(self, channel: str, place: str, position: str, *, lasting: bool = False) -> None:
        """Remember one."""
        self.kept.pop((channel, place), None)
        self.kept[channel, place] = position

    async def flush(self) -> None:
        """Nothing is left to write."""


class BareOutcomes:
    """What an adapter told: ``reported`` as (channel, delivery, error), ``released`` as (channel,
    destination)."""

    def __init__(self) -> None:
        self.reported: list[tuple[str, str, SendError | None]] = []
        self.released: list[tuple[str, str]] = []

    async def report(
        self, channel: str, delivery_id: str, error: SendError | None, *, platform_id: str = ""
    ) -> None:
        """Keep it."""
        self.reported.append((channel, delivery_id, error))

    async def release(self, channel: str, destination: str) -> int:
        """Keep it; nothing is held here."""
        self.released.append((channel, destination))
        return 0


@dataclass(kw_only=True)
class BareHost:
    """The least that a ``gateway.Host`` can be."""

    http: aiohttp.ClientSession
    public_url: str = ""
    sessions: Sessions = field(default_factory=_NoSessions)
    agents: Sequence[str] = ("agent",)
    files: Files = field(default_factory=BareFiles)
    bookmarks: Bookmarks = field(default_factory=BareBookmarks)
    outcomes: Outcomes = field(default_factory=BareOutcomes)


@asynccontextmanager
async def bare_host(public_url: str = "") -> AsyncIterator[BareHost]:
    """A host with an HTTP client of its own."""
    async with aiohttp.ClientSession() as http:
        yield BareHost(http=http, public_url=public_url)


@asynccontextmanager
async def serving(app: Router) -> AsyncIterator[str]:
    """Serve webhooks on loopback; the public URL. Put the adapter's routes into ``app`` once it
    is made."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = _Server(uvicorn.Config(app, lifespan="off", log_config=None))
        serves = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await serves


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to pytest."""
        yield


@dataclass(kw_only=True)
class Harness:
    """An adapter and what it is tested with.

    ``adapter`` was made under the name ``channel``. ``simulator`` runs, and knows no other client
    (None: there is no platform behind). ``samples`` are raw events as ``receive`` gets them.
    ``secrets`` must never be shown. ``garble`` makes the platform deliver an event that ``parse``
    cannot read. ``twin`` makes the adapter once more, as another process would. ``files`` are what
    the adapter's host has to send. ``attach`` lets a person send a file, of this content and name.
    """

    adapter: Adapter
    channel: str
    samples: Sequence[bytes]
    simulator: Simulator | None = None
    secrets: Sequence[str] = ()
    garble: Callable[[], Awaitable[object]] | None = None
    twin: Callable[[], Adapter] | None = None
    files: BareFiles | None = None
    attach: Callable[[bytes, str, SimulatedPerson, SimulatedPlace], Awaitable[object]] | None = None

    @property
    def platform(self) -> Simulator:
        """The simulator; skips the test when there is none."""
        if self.simulator is None:
            pytest.skip("this adapter has no platform behind it")
        return self.simulator


class Inbox:
    """What the gateway does with raw events: keeps each once, and answers what became of it.

    ``refuse`` so many times it is away first. While ``gate`` is not set, it keeps what is offered
    waiting. ``heard`` holds what was read, without duplicates, in the order of its arrival.
    """

    def __init__(self, adapter: Adapter) -> None:
        self.refuse = 0
        self.offered = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.heard: list[Inbound] = []
        self._adapter = adapter
        self._ids: set[str] = set()

    async def __call__(self, raw: bytes) -> Receipt:
        self.offered += 1
        if self.refuse:
            self.refuse -= 1
            raise Unavailable("the store is away", retry_after=0.05)
        await self.gate.wait()
        try:
            event = self._adapter.parse(raw)
        except UnreadableUpdate as error:
            return Receipt(outcome="ignored", reason=str(error))
        duplicate = event.event_id in self._ids
        if not isinstance(event, Inbound):
            reason = "a group moved" if isinstance(event, Moved) else event.reason
            return Receipt(outcome="ignored", reason=reason)
        self._ids.add(event.event_id)
        if not duplicate:
            self.heard.append(event)
        return Receipt(outcome="accepted", row_id=new_id(), task_id=new_id(), duplicate=duplicate)

    def said(self) -> list[str]:
        """The texts, in the platform's own order where it has one."""
        return [event.text for event in sorted(self.heard, key=lambda event: event.order)]

    def find(self, text: str) -> Inbound | None:
        """The newest event whose text is, or holds, ``text``."""
        return next((event for event in reversed(self.heard) if text in event.text), None)


async def wait_until(holds: Callable[[], Any], within: float, what: str) -> None:
    """Wait until ``holds()`` is true. Raises ``AssertionError`` that says what did not happen."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while not holds():
        if loop.time() >= until:
            raise AssertionError(f"after {within:g} s still not: {what}")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(adapter: Adapter, inbox: Inbox) -> AsyncIterator[None]:
    """Run the adapter as the gateway does: again, after a moment, when it fails."""
    supervised = asyncio.create_task(_supervise(adapter, inbox))
    try:
        yield
    finally:
        supervised.cancel()
        await asyncio.wait([supervised])
    if not supervised.cancelled():
        supervised.result()


async def _supervise(adapter: Adapter, inbox: Inbox) -> None:
    while True:
        run = asyncio.create_task(adapter.run(inbox))
        try:
            await asyncio.wait([run])
        finally:
            run.cancel()
            await asyncio.wait([run])
        error = run.exception()
        if error is None or isinstance(error, ConfigurationError):
            raise AssertionError("run() ended by itself") from error
        await asyncio.sleep(0.05)


async def reach(
    harness: Harness,
    inbox: Inbox,
    within: float,
    who: tuple[SimulatedPerson, SimulatedPlace] | None = None,
) -> Inbound:
    """Have something said until it is heard; a platform need not keep it for one who is away."""
    simulator = harness.platform
    person = who[0] if who else simulator.person("Ada")
    place = who[1] if who else simulator.place("direct", people=[person])
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    for number in count():
        text = f"are you there ({new_id()}, {number})"
        await simulator.say(text, person=person, place=place)
        patience = loop.time() + 1.0
        while loop.time() < patience:
            if found := inbox.find(text):
                return found
            await asyncio.sleep(0.005)
        assert loop.time() < until, f"nothing said was heard within {within:g} s"
    raise AssertionError


def make_delivery(
    address: Address,
    text: str,
    *,
    channel: str = "test",
    question: Question | None = None,
    **more: Any,
) -> Delivery:
    """A delivery as the outbox hands it to ``send``; ``more`` of its fields."""
    return Delivery(
        id=new_id(),
        channel=channel,
        lane_id=new_id(),
        address=address,
        text=text,
        turn_id=new_id(),
        session_id=question.session_id if question else new_id(),
        question=question,
        attempts=1,
        started=True,
        **more,
    )
