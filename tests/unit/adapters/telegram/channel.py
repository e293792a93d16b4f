"""A Telegram channel on the simulator: the adapter, and what the gateway would do with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import orjson

from adapters.telegram.adapter import TelegramAdapter
from adapters.telegram.simulator import TelegramSimulator
from gateway import Address, Delivery, Host, Inbound, Question, Receipt, new_id
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

TOKEN = "1000:s3cr3t-of-the-bot"
SECRET = "s3cr3t-of-the-webhook"
SOON = 20.0


@dataclass(kw_only=True, slots=True)
class StandInHost:
    """What of the host an adapter of Telegram uses."""

    http: aiohttp.ClientSession
    public_url: str = ""
    sessions: Any = None
    agents: Sequence[str] = ()
    files: Any = None


@dataclass(kw_only=True, slots=True)
class Inbox:
    """What the gateway commits; `failures` are raised in turn, `None` standing for none."""

    adapter: TelegramAdapter
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: deque[Exception | None] = field(default_factory=deque)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, raw: bytes) -> Receipt:
        """Read and keep one update, as the router does."""
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        self.adapter.parse(raw)
        async with self.changed:
            self.rows.append(orjson.loads(raw))
            self.changed.notify_all()
        return Receipt(outcome="accepted")

    @property
    def texts(self) -> list[str]:
        """The texts of the messages among the rows."""
        return [row["message"]["text"] for row in self.rows if "message" in row]

    async def wait(self, rows: int) -> None:
        """Until so many were kept."""
        async with asyncio.timeout(SOON), self.changed:
            await self.changed.wait_for(lambda: len(self.rows) >= rows)


@dataclass(kw_only=True, slots=True)
class Channel:
    """The simulator, the adapter, and Ann, who has said hello in a private chat."""

    simulator: TelegramSimulator
    host: StandInHost
    adapter: TelegramAdapter
    inbox: Inbox
    ann: SimulatedPerson
    here: SimulatedPlace

    async def say(self, text: str, place: SimulatedPlace | None = None, **more: Any) -> str:
        """Let Ann write, in private unless told otherwise."""
        return await self.simulator.say(text, person=self.ann, place=place or self.here, **more)

    async def read(self, text: str, place: SimulatedPlace | None = None, **more: Any) -> Inbound:
        """Let Ann write, and read what comes of it as the adapter does."""
        event = await self.say(text, place, **more)
        bot = self.simulator._world.bots[1000]
        outcome = self.adapter.parse(orjson.dumps(bot.updates.past(int(event))))
        assert isinstance(outcome, Inbound)
        return outcome

    def delivery(
        self,
        text: str = "hello",
        address: Address | None = None,
        question: Question | None = None,
        **more: Any,
    ) -> Delivery:
        """Something to send, to Ann unless told otherwise."""
        there = Address(destination=self.here.id, data={"chat_id": int(self.here.id)})
        return Delivery(
            id=new_id(),
            channel="garden",
            lane_id="lane",
            address=address or there,
            text=text,
            question=question,
            **more,
        )

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.simulator.calls()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """The adapter at work."""
        task = asyncio.create_task(self.adapter.run(self.inbox.receive))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def again(self, **settings: Any) -> Channel:
        """The same channel after a restart, or otherwise configured."""
        adapter = adapter_for(self.simulator, self.host, **settings)
        return Channel(
            simulator=self.simulator,
            host=self.host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter),
            ann=self.ann,
            here=self.here,
        )


def adapter_for(simulator: TelegramSimulator, host: StandInHost, **keys: Any) -> TelegramAdapter:
    """An adapter of the simulated bot."""
    chosen = {**simulator.settings("1000"), "platform": "telegram", **keys}
    settings = TelegramAdapter.Settings.model_validate(chosen)
    return TelegramAdapter("garden", settings, cast("Host", host))


@asynccontextmanager
async def channel(*, strict: bool = False, **keys: Any) -> AsyncIterator[Channel]:
    """Everything but the running adapter; Ann's first words are behind."""
    simulator = TelegramSimulator(rates=None, strict=strict)
    account = simulator.add_bot(TOKEN, "Helper_bot")
    ann = simulator.person("Ann")
    here = simulator.place("direct", people=[ann], account=account)
    async with running(simulator), aiohttp.ClientSession() as http:
        host = StandInHost(http=http)
        adapter = adapter_for(simulator, host, **keys)
        event = await simulator.say("hello", person=ann, place=here)
        simulator._world.bots[1000].updates.acknowledge([int(event)])
        yield Channel(
            simulator=simulator,
            host=host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter),
            ann=ann,
            here=here,
        )


async def until(holds: Any) -> None:
    """Until something holds."""
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110 - it watches what others do
            await asyncio.sleep(0.002)
