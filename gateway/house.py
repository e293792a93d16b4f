"""The stations, joined: who hands what to whom, and the tasks in which they work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from gateway import observability as obs
from gateway.bookmarks import Ledger
from gateway.channels import Channel
from gateway.commanding import Commanding
from gateway.custody import Custody
from gateway.domain import Delivery, Moved, Session
from gateway.endings import Endings
from gateway.errors import StoreError, Unavailable
from gateway.files import FileRoom
from gateway.housekeeping import Housekeeping
from gateway.http import belongings, health, inspecting, operator, people
from gateway.http import files as file_routes
from gateway.inspection import Inspection
from gateway.lanes import Lanes
from gateway.limits import MessageRate, RunningSlots
from gateway.live import Live
from gateway.longterm import LongTerm
from gateway.opening import channel_of, offer_commands
from gateway.operations import Acts
from gateway.outbox import Outbox
from gateway.outcomes import Reports
from gateway.ports.adapter import Commanded, Receipt
from gateway.ports.agent import Agent
from gateway.ports.coordinator import Coordinator
from gateway.ports.host import Bookmarks, Files, Outcomes, Sessions
from gateway.ports.store import Store
from gateway.presence import Presence
from gateway.privacy import Around, Privacy
from gateway.reach import Reach
from gateway.router import Router
from gateway.runner import Runner
from gateway.sessions import SessionDesk
from gateway.settings import Settings
from gateway.summaries import Summaries
from gateway.supervision import contained, supervise

if TYPE_CHECKING:
    from gateway.knowledge import Library


@dataclass(kw_only=True)
class Host:
    """What adapters get; see ``gateway.ports.host.Host``."""

    http: aiohttp.ClientSession
    public_url: str
    agents: Sequence[str]
    sessions: Sessions
    files: Files
    bookmarks: Bookmarks
    outcomes: Outcomes


class House:
    """Every station, joined: what runs in one gateway, from its start to its shutdown."""

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
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.lanes = Lanes()
        self.channels: dict[str, Channel] = {}
        self.slots = RunningSlots(settings.limits.running_sessions)
        self.files = FileRoom(
            folder=Path(settings.gateway.data_dir, "files"),
            store=store,
            limit=settings.limits.file_bytes,
        )
        self.longterm = LongTerm(store)
        self.bookmarks = Ledger(store)
        self.library = _library(settings)
        live = Live(coordinator)
        self.desk = SessionDesk(
            store=store,
            lanes=self.lanes,
            live=live,
            coordinator=coordinator,
            channels=self.channels,
            agents=tuple(agents),
            discard=self.files.discard,
            forget_owner=self.longterm.forget_owner,
            variables_bytes=settings.limits.variables_bytes,
        )
        self.outbox = Outbox(
            store=store,
            coordinator=coordinator,
            channels=self.channels,
            spawn=self.spawn,
            moved=self._moved,
            held=self._kept,
        )
        self.reports = Reports(
            store=store, outbox=self.outbox, channels=self.channels, spawn=self.spawn
        )
        self._open_channels(http, agents)
        self.router = Router(
            store=store,
            lanes=self.lanes,
            put=self.outbox.put,
            rate=MessageRate(coordinator, settings.limits.messages_per_minute),
            channels=self.channels,
            merged=self.longterm.forget,
        )
        self.presence = self._presence()
        self.summaries = Summaries(
            store=store,
            agents=agents,
            window=settings.limits.history_messages,
            tokens=settings.limits.history_tokens,
            spawn=self.spawn,
        )
        self.keeping = Housekeeping(
            store=store,
            lanes=self.lanes,
            router=self.router,
            outbox=self.outbox,
            files=self.files,
            forgotten=self.longterm.forget,
            retention=settings.retention,
        )
        self.privacy = self._privacy(live)
        self.runner = self._runner(live, agents)

    def _open_channels(self, http: aiohttp.ClientSession, agents: Mapping[str, Agent]) -> None:
        host = Host(
            http=http,
            public_url=self._settings.gateway.public_url,
            agents=tuple(agents),
            sessions=self.desk,
            files=self.files,
            bookmarks=self.bookmarks,
            outcomes=self.reports,
        )
        for name, section in self._settings.channels.items():
            self.channels[name] = channel_of(section, host)

    def _runner(self, live: Live, agents: Mapping[str, Agent]) -> Runner:
        limits = self._settings.limits
        return Runner(
            store=self._store,
            lanes=self.lanes,
            idle=self.outbox.idle,
            live=live,
            channels=self.channels,
            agents=agents,
            slots=self.slots,
            files=self.files,
            commanding=Commanding(store=self._store, privacy=self.privacy),
            reach=self._reach(agents),
            endings=self._endings(live),
            history_messages=limits.history_messages,
            history_tokens=limits.history_tokens,
            variables_bytes=limits.variables_bytes,
        )

    def _endings(self, live: Live) -> Endings:
        return Endings(
            store=self._store,
            longterm=self.longterm,
            lanes=self.lanes,
            put=self.outbox.put,
            live=live,
            left=self.presence.left,
            grown=self.summaries.grown,
            history_messages=self._settings.limits.history_messages,
            tell_after=self._settings.gateway.tell_after,
            give_up_after=self._settings.gateway.give_up_after,
            idle_after=self._settings.gateway.idle_after,
        )

    def _reach(self, agents: Mapping[str, Agent]) -> Reach:
        return Reach(
            store=self._store,
            longterm=self.longterm,
            files=self.files,
            limits=self._settings.limits,
            agents=agents,
            basics={name: section.basics for name, section in self._settings.agents.items()},
            bases=tuple(self._settings.knowledge),
            view=self.library.view if self.library is not None else None,
        )

    def _privacy(self, live: Live) -> Privacy:
        around = Around(
            recover=self.router.recover,
            forget_keys=self.router.forget,
            forget_owner=self.longterm.forget_owner,
            withdraw=self.outbox.withdraw,
            rebuild=self.summaries.rebuild,
            sending=self.outbox.knows,
            tidy=self.keeping.tidy,
            spawn=self.spawn,
        )
        return Privacy(
            store=self._store,
            lanes=self.lanes,
            live=live,
            files=self.files,
            around=around,
            public_url=self._settings.gateway.public_url,
        )

    def _presence(self) -> Presence:
        return Presence(
            lanes=self.lanes,
            channels=self.channels,
            typing=self.outbox.typing,
            preview=self.outbox.preview,
            retract=self.outbox.retract,
            remember=self._store.preview,
            spawn=self.spawn,
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
        self._service(supervise("scan", self.keeping.scan))
        self._service(supervise("forget", self.keeping.forget))
        self._service(supervise("bookmarks", self.bookmarks.run))
        if self.library is not None:
            self._service(supervise("knowledge", self.library.run))

    def _service(self, work: Coroutine[Any, Any, None]) -> None:
        self._services.append(self._tasks.create_task(work))

    async def _connect(self, channel: Channel) -> None:
        adapter = channel.adapter
        obs.ADAPTER_UP.labels(channel.name).set(1)
        try:
            async with asyncio.TaskGroup() as group:
                if isinstance(adapter, Commanded):
                    group.create_task(offer_commands(channel, adapter))
                await adapter.run(partial(self._receive, channel))
        finally:
            obs.ADAPTER_UP.labels(channel.name).set(0)

    async def _receive(self, channel: Channel, raw: bytes) -> Receipt:
        if self._stopping:
            raise Unavailable("the gateway is shutting down", retry_after=1.0)
        return await self.router.receive(channel, raw)

    def _kept(self, delivery: Delivery) -> None:
        self.reports.keep(delivery)

    async def _moved(self, channel: Channel, moved: Moved) -> None:
        await self.router.moved(channel, moved)

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
        if self.library is not None:
            await self.library.close()
        with suppress(Unavailable):
            await self.bookmarks.flush()
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
            *self._operators_routes(token.get_secret_value() if token else ""),
            *file_routes.routes(self.files),
            *adapters,
        ]

    def _operators_routes(self, token: str) -> list[Any]:
        inspection = Inspection(store=self._store, idle_after=self._settings.gateway.idle_after)
        custody = Custody(
            store=self._store,
            keeps=self.longterm,
            files=self.files,
            limits=self._settings.limits,
            bases=tuple(self._settings.knowledge),
            changed=self.lanes.overridden,
        )
        return [
            *operator.routes(self._acts(), token),
            *inspecting.routes(inspection, token),
            *belongings.routes(custody, token),
            *people.routes(self.privacy, token),
        ]

    def _acts(self) -> Acts:
        return Acts(
            store=self._store,
            close=self.desk.close,
            end=self._deleted,
            put=self.outbox.put,
            recover=self.router.recover,
        )

    async def _deleted(self, session: Session) -> None:
        await self.desk.end(session)
        self.router.forget()

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


def _library(settings: Settings) -> Library | None:
    """The knowledge bases; whoever has none imports nothing for them."""
    if not settings.knowledge:
        return None
    from gateway.knowledge import Library

    return Library(Path(settings.gateway.data_dir), settings.knowledge)
