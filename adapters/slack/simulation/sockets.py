"""Socket Mode, Slack's side; https://docs.slack.dev/apis/events-api/using-socket-mode."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from adapters.slack.simulation.deliveries import Courier, Delivery, Ledger, Patience, Stopwatch
from adapters.slack.simulation.model import App, JsonObject
from gateway.testing.loopback import reset

MAX_CONNECTIONS = 10


@dataclass(kw_only=True, slots=True, eq=False)
class Flight:
    """One attempt on its way: unless it is acknowledged in time, it failed."""

    delivery: Delivery
    timer: asyncio.TimerHandle
    watch: Stopwatch


@dataclass(kw_only=True, eq=False)
class Connection:
    """One WebSocket of an app's. A `silent` one stays open, and nothing goes through any more."""

    number: int
    socket: web.WebSocketResponse
    request: web.BaseRequest
    silent: bool = False
    flights: dict[str, Flight] = field(default_factory=dict)
    frames: asyncio.Queue[JsonObject | None] = field(default_factory=asyncio.Queue)

    def put(self, frame: JsonObject) -> None:
        """Send a frame, after those before it."""
        self.frames.put_nowait(frame)

    async def write(self, ping_every: float) -> None:
        """Send what was put, and a ping now and then, until there is nothing more to come."""
        while True:
            try:
                frame = await asyncio.wait_for(self.frames.get(), ping_every)
            except TimeoutError:
                if not self.silent:
                    await self.socket.ping(b"Ping from applink-simulated")
                continue
            if frame is None:
                await self.socket.close()
                return
            if not self.silent:
                await self.socket.send_str(orjson.dumps(frame).decode())


class SocketMode(Courier):
    """Everything one app's connections do together."""

    def __init__(self, app: App, ledger: Ledger, patience: Patience, *, shuffle: bool) -> None:
        super().__init__(app, ledger, patience, shuffle=shuffle)
        self._numbers = count(1)
        self._turn = 0
        self.connections: list[Connection] = []
        self._held: list[Delivery] = []
        self.tickets: set[str] = set()

    def open(self, base_url: str) -> str:
        """Where to connect, once."""
        ticket = uuid.uuid4().hex
        self.tickets.add(ticket)
        address = base_url.replace("http://", "ws://", 1)
        return f"{address}/link/?ticket={ticket}&app_id={self.app.id}"

    async def serve(self, request: web.BaseRequest, ticket: str) -> web.StreamResponse:
        """Take a connection, until either side ends it."""
        if ticket not in self.tickets or self._paused:
            return web.Response(status=404)
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = Connection(number=next(self._numbers), socket=socket, request=request)
        if len(self.connections) >= MAX_CONNECTIONS:
            connection.put(disconnect_frame("too_many_websockets"))
            connection.frames.put_nowait(None)
            await connection.write(self.ping_every)
            return socket
        await self._converse(connection)
        return socket

    async def _converse(self, connection: Connection) -> None:
        self.connections.append(connection)
        connection.put(self._hello())
        writer = asyncio.get_running_loop().create_task(connection.write(self.ping_every))
        self._flush()
        self._ledger.news.tell()
        try:
            async for message in connection.socket:
                if not connection.silent:
                    await self._heard(connection, message)
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await writer
            self._gone(connection)

    def _hello(self) -> JsonObject:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "connection_info": {"app_id": self.app.id},
            "debug_info": {
                "host": "applink-simulated",
                "build_number": 1,
                "approximate_connection_time": 18060,
            },
        }

    async def _heard(self, connection: Connection, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.PING:
            await connection.socket.pong(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            try:
                frame = orjson.loads(message.data)
            except orjson.JSONDecodeError:
                return
            if isinstance(frame, dict):
                self._acknowledged(frame)

    def _acknowledged(self, frame: Mapping[str, Any]) -> None:
        """Too late, or of nothing, is as if it had not been said."""
        envelope = frame.get("envelope_id")
        for connection in self.connections:
            flight = connection.flights.pop(str(envelope), None)
            if flight is not None:
                flight.timer.cancel()
                response = frame.get("payload")
                given = response if isinstance(response, dict) else {}
                self._ledger.take(flight.delivery, flight.watch.seconds(), given)

    def _deliver(self, delivery: Delivery) -> None:
        if self._paused:
            self._held.append(delivery)
        elif self.connections:
            self._send(delivery)
        elif self._failed(delivery, "no_connection"):
            self._deliver(delivery)

    def _send(self, delivery: Delivery) -> None:
        self._turn += 1
        connection = self.connections[self._turn % len(self.connections)]
        envelope = str(uuid.uuid4())
        loop = asyncio.get_running_loop()
        connection.flights[envelope] = Flight(
            delivery=delivery,
            timer=loop.call_later(
                self._patience.ack_within, self._late, connection, envelope, "timeout"
            ),
            watch=Stopwatch(),
        )
        connection.put(_frame(envelope, delivery))

    def _late(self, connection: Connection, envelope: str, reason: str) -> None:
        flight = connection.flights.pop(envelope, None)
        if flight is None:
            return
        flight.timer.cancel()
        if self._failed(flight.delivery, reason):
            self._deliver(flight.delivery)

    def _gone(self, connection: Connection) -> None:
        self.connections.remove(connection)
        for envelope in list(connection.flights):
            self._late(connection, envelope, "connection_closed")
        self._ledger.news.tell()

    def _flush(self) -> None:
        """Somebody is there again: what waits need wait no longer."""
        waiting, self._held = [*self._held, *self._waiting()], []
        for delivery in waiting:
            self._deliver(delivery)

    def pause(self, on: bool) -> None:
        """Nothing goes out; the server resets the connections."""
        self._paused = on
        if on:
            self._held.extend(self._waiting())
        else:
            self._flush()

    def announce(self, reason: str, close_after: float | None) -> None:
        """Tell every connection that it ends, and end it after so many seconds, if at all."""
        for connection in self.connections:
            connection.put(disconnect_frame(reason))
            if close_after is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(close_after, connection.frames.put_nowait, None)

    def silence(self) -> None:
        """Let every open connection become a ghost."""
        for connection in self.connections:
            connection.silent = True

    async def close(self) -> None:
        """Drop every connection."""
        await super().close()
        for connection in list(self.connections):
            reset(connection.request.transport)
            for flight in connection.flights.values():
                flight.timer.cancel()
            connection.flights.clear()


def disconnect_frame(reason: str) -> JsonObject:
    """What Slack says before it ends a connection."""
    return {
        "type": "disconnect",
        "reason": reason,
        "debug_info": {"host": "applink-simulated"},
    }


def _frame(envelope: str, delivery: Delivery) -> JsonObject:
    frame: JsonObject = {
        "envelope_id": envelope,
        "payload": delivery.payload,
        "type": delivery.kind,
        "accepts_response_payload": delivery.kind != "events_api",
    }
    if delivery.kind == "events_api":
        frame |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
    return frame
