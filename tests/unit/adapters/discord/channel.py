"""A Discord channel on the simulator: the adapter, and what the gateway would do with it."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.simulator import DiscordSimulator
from gateway import Address, Delivery, Inbound, Receipt, Unavailable, new_id
from gateway.testing.adapter import BareBookmarks, BareHost
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running
from tests.unit.adapters.discord.leaving import TOKEN

SOON = 10.0
ACCEPTED = Receipt(outcome="accepted")


@dataclass(kw_only=True, slots=True)
class Inbox:
    """What the gateway commits. While `gate` is shut, nothing is; while `away`, it says so.

    `outcome` is what becomes of the events; `offered` counts all tries.
    """

    adapter: DiscordAdapter
    heard: list[Inbound] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False
    offered: int = 0
    outcome: Receipt = ACCEPTED

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self, raw: bytes) -> Receipt:
        """Read and keep one dispatch, as the router does."""
        self.offered += 1
        if self.away:
            raise Unavailable("the store is away", retry_after=0.01)
        await self.gate.wait()
        event = self.adapter.parse(raw)
        if not isinstance(event, Inbound):
            return Receipt(outcome="ignored")
        self.ids.append(event.event_id)
        if self.ids.count(event.event_id) == 1:
            self.heard.append(event)
        return self.outcome

    @property
    def texts(self) -> list[str]:
        """What was said, in the order in which it was committed; nothing twice."""
        return [event.text for event in self.heard]

    def said_in(self, place: SimulatedPlace) -> list[str]:
        """The same of one place."""
        return [event.text for event in self.heard if event.conversation.id == place.id]


@dataclass(kw_only=True, slots=True)
class Channel:
    """The simulator, the adapter, Ann, her DM with the bot, and a channel of the server."""

    simulator: DiscordSimulator
    host: BareHost
    adapter: DiscordAdapter
    inbox: Inbox
    ann: SimulatedPerson
    here: SimulatedPlace
    there: SimulatedPlace

    async def say(self, text: str, place: SimulatedPlace | None = None, **more: Any) -> str:
        """Let Ann write, in private unless told otherwise."""
        return await self.simulator.say(text, person=self.ann, place=place or self.here, **more)

    async def hears(self, *texts: str) -> None:
        """Wait until all of these were committed."""
        await until(lambda: set(texts) <= set(self.inbox.texts))

    def count(self, method: str) -> int:
        """How often something was called."""
        return len(self.simulator.calls(method))

    async def settled(self) -> None:
        """Wait until everything said is taken over, and Discord was told."""
        await until(lambda: not self.simulator.unacknowledged())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """The adapter at work, from when it is connected."""
        before = self.count("IDENTIFY") + self.count("RESUME")
        task = asyncio.create_task(self.adapter.run(self.inbox))
        try:
            await until(lambda: task.done() or self.connected(before))
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    def connected(self, before: int) -> bool:
        """Whether the bot has a session, after so many connections."""
        made = self.count("IDENTIFY") + self.count("RESUME")
        return made > before and self.ready()

    def ready(self) -> bool:
        """Whether the bot has a session, and knows it."""
        return self.simulator.connected() and "session" in self.marks()

    def again(self, **settings: Any) -> Channel:
        """The same channel in another process, or otherwise configured."""
        adapter = adapter_for(self.simulator, self.host, **settings)
        return Channel(
            simulator=self.simulator,
            host=self.host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter),
            ann=self.ann,
            here=self.here,
            there=self.there,
        )

    def marks(self) -> dict[str, str]:
        """What is remembered, by place."""
        assert isinstance(self.host.bookmarks, BareBookmarks)
        return {place: at for (_, place), at in self.host.bookmarks.kept.items()}

    def delivery(
        self, text: str = "hello", address: Address | None = None, **more: Any
    ) -> Delivery:
        """Something to send, to Ann unless told otherwise."""
        there = Address(destination=self.here.id, data={"channel": self.here.id})
        return Delivery(
            id=new_id(),
            channel="garden",
            lane_id="lane",
            address=address or there,
            text=text,
            **more,
        )


def adapter_for(simulator: DiscordSimulator, host: BareHost, **keys: Any) -> DiscordAdapter:
    """An adapter of the simulated bot."""
    chosen = {"platform": "discord", **simulator.settings(), **keys}
    return DiscordAdapter("garden", DiscordAdapter.Settings.model_validate(chosen), host)


@asynccontextmanager
async def channel(*, heartbeat: float = 0.05, **keys: Any) -> AsyncIterator[Channel]:
    """Everything but the running adapter; afterwards nothing of it may be left."""
    simulator = DiscordSimulator(rates=None, heartbeat=heartbeat)
    simulator.add_bot(TOKEN, "helper")
    ann = simulator.person("Ann")
    async with running(simulator), aiohttp.ClientSession() as http:
        host = BareHost(http=http)
        adapter = adapter_for(simulator, host, **keys)
        yield Channel(
            simulator=simulator,
            host=host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter),
            ann=ann,
            here=simulator.place("direct", people=[ann]),
            there=simulator.place("channel"),
        )


def injected(**data: Any) -> dict[str, Any]:
    """A message as Discord tells of it, or something like it."""
    return {"t": "MESSAGE_CREATE", "d": {"type": 0, **data}}


def threads() -> list[str]:
    """The threads that run now, by name."""
    return [thread.name for thread in threading.enumerate()]


def open_sockets() -> int:
    """How many sockets this process has open."""
    gc.collect()
    return sum(isinstance(each, socket.socket) and each.fileno() >= 0 for each in gc.get_objects())


async def until(holds: Callable[[], Any], within: float = SOON) -> None:
    """Until something holds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - it watches what others do
            await asyncio.sleep(0.002)
