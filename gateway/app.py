"""The composition root: opens everything on one exit stack, runs everything in one task group."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import aiohttp
import uvloop

from gateway import observability as obs
from gateway.channels import Channel
from gateway.commands import DESCRIPTIONS
from gateway.coordination.memory import MemoryCoordinator
from gateway.domain import ConversationKind, Delivery, DeliveryState, new_id
from gateway.errors import GatewayError, StoreError, Unavailable
from gateway.http import health, operator
from gateway.http.server import build, serving
from gateway.lanes import Lanes
from gateway.limits import MessageRate, RunningSlots
from gateway.live import Live
from gateway.operations import Acts
from gateway.outbox import Outbox
from gateway.ports.adapter import Adapter, Commanded, Receipt, Sessions
from gateway.ports.agent import Agent, ClosingAgent
from gateway.ports.coordinator import Coordinator
from gateway.ports.store import OperatorScope, Store
from gateway.presence import Presence
from gateway.router import Router
from gateway.runner import Runner
from gateway.sessions import SessionDesk
from gateway.settings import ChannelSection, Settings
from gateway.store import connect
from gateway.supervision import contained, supervise

SCAN_EVERY = 30.0
FORGET_EVERY = 3600.0
REMEMBER_KEYS_FOR = 30 * 86400.0
_THREADS = 64

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


def run(settings: Settings) -> int:
    """Run the gateway until it is told to stop; the process's exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main(settings))


async def _main(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Agents written as ordinary functions block a thread each.
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="gateway"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with gateway(settings) as address:
        obs.log.info(obs.Event.GATEWAY_STARTED, address=address, source=settings.source)
        await stop.wait()
        obs.log.info(obs.Event.GATEWAY_STOPPING, grace=settings.gateway.shutdown_grace)
    obs.log.info(obs.Event.GATEWAY_STOPPED)
    return 0


@dataclass(kw_only=True)
class Host:
    """What adapters get; see ``gateway.ports.adapter.Host``."""

    http: aiohttp.ClientSession
    public_url: str
    agents: Sequence[str]
    sessions: Sessions


@asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[str]:
    """A whole gateway, serving inside the block; leaving it shuts down in order.

    Yields its address.
    """
    for name, reason in settings.skipped.items():
        obs.log.warning(obs.Event.CHANNEL_SKIPPED, channel=name, reason=reason)
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        store = connect(settings.gateway.database, replica=new_id())
        await store.open()
        stack.push_async_callback(store.close)
        coordinator = MemoryCoordinator()
        stack.push_async_callback(coordinator.close)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=75.0),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        http = await stack.enter_async_context(session)
        agents = await _agents(settings, stack)
        house = _House(settings, store, coordinator, http, agents, tasks)
        routes = house.routes()
        host, port = settings.gateway.host, settings.gateway.port
        await house.recover()
        address = await stack.enter_async_context(serving(build(routes), host, port))
        stack.push_async_callback(house.shut_down)
        house.start()
        yield address


async def _agents(settings: Settings, stack: AsyncExitStack) -> dict[str, Agent]:
    made: dict[str, Agent] = {}
    for name, section in settings.agents.items():
        agent = made[name] = section.create(name, section.settings)
        if isinstance(agent, ClosingAgent):
            stack.push_async_callback(agent.aclose)
    return made


class _House:
    """Every station, joined."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        coordinator: Coordinator,
        http: aiohttp.ClientSession,
        agents: Mapping[str, Agent],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._store = store
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._services: list[asyncio.Task[None]] = []
        self._stopping = False
        self.lanes = Lanes()
        self._workers: set[asyncio.Task[None]] = set()
        live = Live(coordinator)
        self.channels: dict[str, Channel] = {}
        self.desk = SessionDesk(
            store=store,
            lanes=self.lanes,
            live=live,
            coordinator=coordinator,
            channels=self.channels,
            agents=tuple(agents),
        )
        host = Host(
            http=http,
            public_url=settings.gateway.public_url,
            agents=tuple(agents),
            sessions=self.desk,
        )
        for name, section in settings.channels.items():
            self.channels[name] = channel_of(section, host)
        self.outbox = Outbox(
            store=store, coordinator=coordinator, channels=self.channels, spawn=self.spawn
        )
        limits = settings.limits
        self.slots = RunningSlots(limits.running_sessions)
        self.router = Router(
            store=store,
            lanes=self.lanes,
            put=self.outbox.put,
            rate=MessageRate(coordinator, limits.messages_per_minute),
            channels=self.channels,
        )
        self.runner = Runner(
            store=store,
            lanes=self.lanes,
            put=self.outbox.put,
            idle=self.outbox.idle,
            live=live,
            channels=self.channels,
            agents=agents,
            slots=self.slots,
            history_messages=limits.history_messages,
            variables_bytes=limits.variables_bytes,
            give_up_after=settings.gateway.give_up_after,
        )
        self.presence = Presence(
            lanes=self.lanes, channels=self.channels, typing=self.outbox.typing, spawn=self.spawn
        )

    # tasks

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose failure is logged and ends nothing else."""
        # Not the task group's, which takes as long again; ``shut_down`` waits for every one.
        task = self._loop.create_task(contained(work))
        self._workers.add(task)
        task.add_done_callback(self._workers.discard)
        return task

    def start(self) -> None:
        """Begin to serve: lanes, connections, clocks."""
        self.lanes.serve(self.runner.work, self.spawn)
        for channel in self.channels.values():
            self._service(supervise(channel.name, partial(self._connect, channel)))
        self._service(self.presence.run())
        self._service(supervise("scan", self._scan))
        self._service(supervise("forget", self._forget))

    def _service(self, work: Coroutine[Any, Any, None]) -> None:
        self._services.append(self._tasks.create_task(work))

    async def _connect(self, channel: Channel) -> None:
        adapter = channel.adapter
        obs.ADAPTER_UP.labels(channel.name).set(1)
        try:
            async with asyncio.TaskGroup() as group:
                if isinstance(adapter, Commanded):
                    group.create_task(_register(channel.name, adapter))
                await adapter.run(partial(self._receive, channel))
        finally:
            obs.ADAPTER_UP.labels(channel.name).set(0)

    async def _receive(self, channel: Channel, raw: bytes) -> Receipt:
        if self._stopping:
            raise Unavailable("the gateway is shutting down", retry_after=1.0)
        return await self.router.receive(channel, raw)

    # recovery and housekeeping

    async def recover(self) -> None:
        """Take up what an earlier process left: deliveries in doubt, rows without an outcome."""
        deliveries = await self._pending()
        rows = await self.router.recover()
        if deliveries or rows:
            obs.log.info(obs.Event.RECOVERED, rows=rows, deliveries=deliveries)

    async def _pending(self) -> int:
        scope = OperatorScope(why="deliveries that an earlier process left")
        found = await self._store.pending(scope, limit=100_000)
        self.outbox.put(_doubted(delivery) for delivery in found)
        return len(found)

    async def _scan(self) -> None:
        """Slowly cover what memory lost: rows and deliveries in the store that nobody serves."""
        while True:
            await asyncio.sleep(SCAN_EVERY)
            with suppress(Unavailable):
                await self.router.recover(before=time.time() - SCAN_EVERY)
                await self._adopt()
            self.lanes.nudge()

    async def _adopt(self) -> None:
        """Send what the store has long had to send and nobody here does.

        Each is read again once it is seen to be nobody's: the list may be older than its sending.
        """
        scope = OperatorScope(why="deliveries nobody sends")
        long_ago = time.time() - SCAN_EVERY
        for found in await self._store.pending(scope):
            if found.created_at > long_ago or self.outbox.knows(found):
                continue
            now = await self._store.delivery(scope, found.id)
            if now is not None and now.state is DeliveryState.PENDING:
                self.outbox.put([_doubted(now)])

    async def _forget(self) -> None:
        while True:
            now = time.time()
            with suppress(Unavailable):
                await self._store.forget(rows_before=now - REMEMBER_KEYS_FOR, now=now)
            await asyncio.sleep(FORGET_EVERY)

    # shutdown

    async def shut_down(self) -> None:
        """Stop intake, let turns finish for the grace period, requeue what is left, say so."""
        self._stopping = True
        self.lanes.pause()
        for service in self._services:
            service.cancel()
        deadline = time.monotonic() + self._settings.gateway.shutdown_grace
        while self.lanes.busy or self.outbox.unsent():
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.02)
        for worker in list(self._workers):
            worker.cancel()
        await asyncio.gather(*self._workers, *self._services, return_exceptions=True)
        rows, deliveries = self.lanes.waiting(), self.outbox.unsent()
        if rows or deliveries:
            obs.log.warning(obs.Event.WORK_LEFT, rows=rows, deliveries=deliveries)

    # HTTP

    def routes(self) -> list[Any]:
        """The gateway's own before those of channels, which may take all that is left."""
        token = self._settings.gateway.operator_token
        adapters = [route for c in self.channels.values() for route in c.adapter.routes()]
        return [
            *health.routes(self._ready, self._metrics),
            *operator.routes(self._acts(), token.get_secret_value() if token else ""),
            *adapters,
        ]

    def _acts(self) -> Acts:
        return Acts(
            store=self._store,
            close=self.desk.close,
            end=self.desk.end,
            put=self.outbox.put,
            recover=self.router.recover,
        )

    async def _ready(self) -> Mapping[str, str]:
        if self._stopping:
            return {"gateway": "shutting down"}
        try:
            await self._store.ping()
        except (Unavailable, StoreError) as error:
            return {"store": str(error)}
        return {"store": "ok"}

    def _metrics(self) -> bytes:
        obs.RUNNING_LANES.set(self.slots.running)
        obs.WAITING_ROWS.set(self.lanes.waiting())
        obs.PENDING_DELIVERIES.set(self.outbox.unsent())
        return obs.render()


def channel_of(section: ChannelSection, host: Any) -> Channel:
    """A channel as configured, with its adapter made but not yet connected."""
    factory, settings = section.factory, section.settings
    adapter: Adapter = factory(section.name, settings, host)
    defaults: Mapping[ConversationKind, str] = getattr(factory, "respond", {})
    respond = dict(defaults)
    if settings.respond is not None:
        shared = set(ConversationKind) - {ConversationKind.DIRECT}
        respond = dict.fromkeys(shared, settings.respond)
    return Channel(
        name=section.name,
        adapter=adapter,
        agent=settings.agent,
        rules={**factory.boundary, **settings.boundary},
        respond=respond,
        allow=settings.allow,
        admins=settings.admins,
        on_unknown=settings.on_unknown,
    )


async def _register(name: str, adapter: Commanded) -> None:
    """Offer the commands natively; a platform that is away gets them at the next start."""
    try:
        await adapter.register_commands(list(DESCRIPTIONS.items()))
    except (GatewayError, TimeoutError) as error:
        obs.log.warning(obs.Event.COMMANDS_FAILED, channel=name, reason=str(error))


def _doubted(delivery: Delivery) -> Delivery:
    """A delivery as a new process sees it: an attempt that had begun may have arrived."""
    return replace(delivery, state=DeliveryState.UNKNOWN) if delivery.started else delivery
