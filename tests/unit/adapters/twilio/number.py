"""A number on the simulator: the adapter, its webhooks, and what the gateway would do with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from adapters.twilio.adapter import SmsAdapter, TwilioAdapter, WhatsAppAdapter
from adapters.twilio.simulator import TwilioSimulator
from gateway import Inbound, Receipt, Unavailable, UnreadableUpdate, new_id
from gateway.testing.adapter import BareBookmarks, BareHost
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

SOON = 10.0
NAME = "garden"
Kind = Literal["whatsapp", "sms"]


@dataclass(kw_only=True, slots=True)
class Inbox:
    """What the gateway commits; `failures` are raised in turn, `None` standing for none.

    While `away`, it takes nothing; while `gate` is not set, it keeps what is offered waiting.
    `heard` is without duplicates; `keys` outlast a restart.
    """

    adapter: TwilioAdapter
    rows: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Inbound] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    failures: deque[Exception | None] = field(default_factory=deque)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False
    offered: int = 0
    ignored: list[str] = field(default_factory=list)

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
        self.rows.append(orjson.loads(raw))
        try:
            event = self.adapter.parse(raw)
        except UnreadableUpdate as error:
            return Receipt(outcome="ignored", reason=f"unreadable: {error}")
        if not isinstance(event, Inbound):
            self.ignored.append(getattr(event, "reason", "it moved"))
            return Receipt(outcome="ignored", reason=self.ignored[-1])
        duplicate = event.event_id in self.keys
        if not duplicate:
            self.heard.append(event)
            self.keys.add(event.event_id)
        return Receipt(outcome="accepted", row_id=new_id(), duplicate=duplicate)

    @property
    def texts(self) -> list[str]:
        """What was said, in the order of its arrival."""
        return [event.text for event in self.heard]

    @property
    def fetched(self) -> list[str]:
        """What was offered though Twilio did not bring it, duplicates too."""
        return [row["form"]["Body"] for row in self.rows if row.get("fetched")]

    async def wait(self, count: int) -> None:
        """Until so many were heard."""
        await until(lambda: len(self.heard) >= count)


@dataclass(kw_only=True, slots=True)
class Number:
    """The simulator, the adapter, and Ann who writes to it."""

    simulator: TwilioSimulator
    host: BareHost
    adapter: TwilioAdapter
    inbox: Inbox
    account: str
    ann: SimulatedPerson
    here: SimulatedPlace
    routes: Router

    @property
    def marks(self) -> dict[str, str]:
        """The bookmarks, by place."""
        assert isinstance(self.host.bookmarks, BareBookmarks)
        return {place: at for (_, place), at in self.host.bookmarks.kept.items()}

    def mark(self, place: str, position: str) -> None:
        """Set a bookmark."""
        self.host.bookmarks.put(NAME, place, position)

    async def say(self, text: str, place: SimulatedPlace | None = None, **more: Any) -> str:
        """Let Ann write, to the number alone unless told otherwise."""
        return await self.simulator.say(text, person=self.ann, place=place or self.here, **more)

    async def lose(self, *texts: str, place: SimulatedPlace | None = None) -> list[str]:
        """Let Ann write what never comes."""
        self.simulator.drop(len(texts))
        events = [await self.say(text, place) for text in texts]
        await until(lambda: set(events) <= set(self.simulator.lost()))
        return events

    @asynccontextmanager
    async def running(self, *, settled: bool = True) -> AsyncIterator[asyncio.Task[None]]:
        """The adapter at work; `settled`: the first asking is over."""
        self.routes.routes[:] = [*self.adapter.routes(), Route("/livez", _alive)]
        calls = len(self.simulator.calls("ListMessage"))
        task = asyncio.create_task(self.adapter.run(self.inbox.receive))
        try:
            if settled:
                await until(lambda: len(self.simulator.calls("ListMessage")) > calls)
                await asyncio.sleep(0.02)
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def again(self, **settings: Any) -> Number:
        """The same number after a restart, or otherwise configured."""
        adapter = adapter_for(self.simulator, self.host, account=self.account, **settings)
        return Number(
            simulator=self.simulator,
            host=self.host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter, keys=self.inbox.keys),
            account=self.account,
            ann=self.ann,
            here=self.here,
            routes=self.routes,
        )


def adapter_for(
    simulator: TwilioSimulator, host: BareHost, *, account: str = "", **keys: Any
) -> TwilioAdapter:
    """An adapter of a simulated number."""
    make = WhatsAppAdapter if simulator.kind == "whatsapp" else SmsAdapter
    chosen = {"platform": make.platform, **simulator.settings(account), **keys}
    return make(NAME, make.Settings.model_validate(chosen), host)


@asynccontextmanager
async def number(
    kind: Kind = "whatsapp",
    *,
    account: str = "",
    schema: Sequence[Mapping[str, Any]] = (),
    **keys: Any,
) -> AsyncIterator[Number]:
    """Everything but the running adapter."""
    simulator = TwilioSimulator(kind, rates=None, schema=schema)
    mine = simulator.add_number(account)
    routes = Router()
    async with _served(routes) as url, running(simulator), aiohttp.ClientSession() as http:
        host = BareHost(http=http, public_url=url)
        adapter = adapter_for(simulator, host, **keys)
        routes.routes[:] = [*adapter.routes(), Route("/livez", _alive)]
        simulator.webhook_url(mine, f"{url}/webhooks/{NAME}")
        ann = simulator.person("Ann")
        yield Number(
            simulator=simulator,
            host=host,
            adapter=adapter,
            inbox=Inbox(adapter=adapter),
            account=mine,
            ann=ann,
            here=simulator.place("direct", people=[ann]),
            routes=routes,
        )


async def _alive(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


@asynccontextmanager
async def _served(app: Router) -> AsyncIterator[str]:
    """The routes on a real server; where that is."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.force_exit = True
        await server.shutdown()


async def until(holds: Callable[[], Any], within: float = SOON) -> None:
    """Until something holds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - it watches what others do
            await asyncio.sleep(0.002)
