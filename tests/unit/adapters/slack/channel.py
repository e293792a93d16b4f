"""A Slack channel on the simulator: the adapter, and what the gateway would do with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import orjson
import uvicorn
from starlette.applications import Starlette

from adapters.slack.adapter import SlackAdapter
from adapters.slack.simulator import Patience, SlackSimulator
from gateway import Inbound, Receipt, Unavailable, UnreadableUpdate, new_id
from gateway.testing.adapter import BareBookmarks, BareHost
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

SOON = 10.0
QUICK = Patience(ack_within=0.5, waits=(0.0, 0.05, 0.1))
Mode = Literal["socket", "events"]


@dataclass(kw_only=True, slots=True)
class Inbox:
    """What the gateway commits; `failures` are raised in turn, `None` standing for none.

    While `gate` is not set, it keeps what is offered waiting; while `away`, it takes nothing.
    `heard` is without duplicates; `keys` and `lanes` outlast a restart.
    """

    adapter: SlackAdapter
    rows: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Inbound] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    lanes: set[tuple[str | None, ...]] = field(default_factory=set)
    failures: deque[Exception | None] = field(default_factory=deque)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False
    offered: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def receive(self, raw: bytes) -> Receipt:
        """Read and keep one event, as the router does."""
        self.offered += 1
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        if self.away:
            raise Unavailable("no disk")
        await self.gate.wait()
        try:
            event = self.adapter.parse(raw)
        except UnreadableUpdate as error:
            return Receipt(outcome="ignored", reason=f"unreadable: {error}")
        self.rows.append(orjson.loads(raw))
        if not isinstance(event, Inbound):
            return Receipt(outcome="ignored", reason=getattr(event, "reason", "it moved"))
        if not (event.addressed or (event.follows and lane(event) in self.lanes)):
            return Receipt(outcome="ignored", reason="not addressed to the bot")
        self.lanes.add(lane(event))
        duplicate = event.event_id in self.keys
        if not duplicate:
            self.heard.append(event)
            self.keys.add(event.event_id)
        return Receipt(outcome="accepted", row_id=new_id(), duplicate=duplicate)

    @property
    def texts(self) -> list[str]:
        """What was said, in the order of its arrival."""
        return [event.text for event in self.heard]

    async def wait(self, count: int) -> None:
        """Until so many were heard."""
        await until(lambda: len(self.heard) >= count)


def lane(event: Inbound) -> tuple[str | None, ...]:
    """Which conversation it is; the message that begins a thread stands in it."""
    place = event.conversation
    if place.begins is not None:
        return (place.id, place.begins)
    return (place.parent_id, place.id)


@dataclass(kw_only=True, slots=True)
class Channel:
    """The simulator, the adapter, and Ann in her direct messages."""

    simulator: SlackSimulator
    host: BareHost
    adapter: SlackAdapter
    inbox: Inbox
    ann: SimulatedPerson
    here: SimulatedPlace
    url: str = ""

    @property
    def marks(self) -> dict[str, str]:
        """The bookmarks, by place."""
        assert isinstance(self.host.bookmarks, BareBookmarks)
        return {place: at for (_, place), at in self.host.bookmarks.kept.items()}

    async def say(self, text: str, place: SimulatedPlace | None = None, **more: Any) -> str:
        """Let Ann write, in private unless told otherwise."""
        return await self.simulator.say(text, person=self.ann, place=place or self.here, **more)

    def channel(self) -> SimulatedPlace:
        """A public channel that Ann and the bot are in."""
        return self.simulator.channel("garden", people=[self.ann])

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.simulator.calls()]

    @asynccontextmanager
    async def running(self, *, settled: bool = True) -> AsyncIterator[asyncio.Task[None]]:
        """The adapter at work; `settled`: connected, and caught up."""
        calls = len(self.simulator.calls("users.conversations"))
        task = asyncio.create_task(self.adapter.run(self.inbox.receive))
        try:
            if settled:
                await self.caught_up(calls)
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def caught_up(self, calls: int = 0) -> None:
        """Until it was asked once more what there is."""
        await until(lambda: len(self.simulator.calls("users.conversations")) > calls)
        await asyncio.sleep(0.02)

    async def again(self, **settings: Any) -> Channel:
        """The same channel after a restart, or otherwise configured."""
        adapter = adapter_for(self.simulator, self.host, **settings)
        return Channel(
            simulator=self.simulator,
            host=self.host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter, keys=self.inbox.keys, lanes=self.inbox.lanes),
            ann=self.ann,
            here=self.here,
        )


def adapter_for(simulator: SlackSimulator, host: BareHost, **keys: Any) -> SlackAdapter:
    """An adapter of the simulated app."""
    chosen = {"platform": "slack", **simulator.settings(), **keys}
    return SlackAdapter("garden", SlackAdapter.Settings.model_validate(chosen), host)


@asynccontextmanager
async def channel(
    mode: Mode = "socket", *, patience: Patience = QUICK, app: Any = None, **keys: Any
) -> AsyncIterator[Channel]:
    """Everything but the running adapter. `app` are what `add_app` takes."""
    simulator = SlackSimulator(mode=mode, rates=None, patience=patience)
    simulator.add_app(**(app or {}))
    async with running(simulator), aiohttp.ClientSession() as http:
        host = BareHost(http=http)
        adapter = adapter_for(simulator, host, **keys)
        ann = simulator.person("Ann")
        everything = Channel(
            simulator=simulator,
            host=host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter),
            ann=ann,
            here=simulator.place("direct", people=[ann]),
        )
        if mode == "socket":
            yield everything
            return
        async with served(adapter) as url:
            everything.url = f"{url}/webhooks/garden"
            simulator.webhook_url("", everything.url)
            yield everything


@asynccontextmanager
async def served(adapter: SlackAdapter) -> AsyncIterator[str]:
    """The channel's routes on a real server; where that is."""
    app = Starlette(routes=list(adapter.routes()))
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()


async def until(holds: Callable[[], Any]) -> None:
    """Until something holds."""
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110 - it watches what others do
            await asyncio.sleep(0.002)
