"""The gateway: a WebSocket over which a bot is told what happens.

https://docs.discord.com/developers/events/gateway
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from adapters.discord.simulation.model import (
    KNOWN_INTENTS,
    PRIVILEGED,
    Bot,
    Intents,
    JsonObject,
)
from adapters.discord.simulation.sessions import Session
from adapters.discord.simulation.showing import GUILD_ID, application_flags, guild
from adapters.discord.simulation.world import World
from gateway.testing.loopback import reset

HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT, MEMBERS = 1, 2, 3, 4, 6, 7, 8
INVALID_SESSION, HELLO, ACK = 9, 10, 11
FATAL = frozenset({4004, 4010, 4011, 4012, 4013, 4014})
"""Close codes after which a client must not come again."""
ENDING = FATAL | {1000, 1001, 4007, 4009}
"""Those after which a session cannot be resumed."""

GRACE = 5.0
"""Seconds that a heartbeat may be late."""

Record = Callable[[Bot, str, JsonObject], None]


class GatewayConnection:
    """One client's socket. What is to be sent waits in a queue, so that nobody waits for it."""

    def __init__(self, socket: web.WebSocketResponse, transport: Any) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.silent = False
        self.closing = 0
        self.pulse: asyncio.TimerHandle | None = None
        self._transport = transport
        self._frames: asyncio.Queue[str | int] = asyncio.Queue()

    def send(self, frame: str) -> None:
        """Send a frame after those before it; unless gone silent."""
        if not self.silent:
            self._frames.put_nowait(frame)

    def send_op(self, op: int, data: Any) -> None:
        """Send what is no dispatch."""
        self.send(orjson.dumps({"op": op, "d": data, "s": None, "t": None}).decode())

    def close(self, code: int) -> None:
        """Close once everything before is sent."""
        self.closing = code
        self._frames.put_nowait(code)

    def reset(self) -> None:
        """Break off, with RST."""
        reset(self._transport)

    async def write(self) -> None:
        """Send what is in the queue, for ever."""
        with suppress(ConnectionError):
            while True:
                item = await self._frames.get()
                if isinstance(item, int):
                    await self.socket.close(code=item)
                elif not self.socket.closed:
                    await self.socket.send_str(item)


class Gateway:
    """Serves it. `heartbeat` is the interval that clients are told, in seconds.

    `url` says where clients are to resume; `record` hears of every identify and resume.
    """

    def __init__(
        self, world: World, *, heartbeat: float, url: Callable[[], str], record: Record
    ) -> None:
        self.connections: list[GatewayConnection] = []
        self._world = world
        self._heartbeat = heartbeat
        self._url = url
        self._record = record

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One connection, from its beginning to its end."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        connection = GatewayConnection(socket, request.transport)
        self.connections.append(connection)
        connection.send_op(HELLO, {"heartbeat_interval": int(self._heartbeat * 1000)})
        self._expect_beat(connection)
        writes = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    self._receive(connection, message.data)
        finally:
            self._gone(connection)
            writes.cancel()
            await asyncio.wait([writes])
        return socket

    def of(self, bot: Bot) -> list[GatewayConnection]:
        """A bot's connections."""
        return [each for each in self.connections if each.session and each.session.bot is bot]

    def _gone(self, connection: GatewayConnection) -> None:
        self.connections.remove(connection)
        if connection.pulse is not None:
            connection.pulse.cancel()
        session = connection.session
        if session is not None:
            code = connection.closing or connection.socket.close_code
            self._world.sessions.release(session, connection, for_good=code in ENDING)

    def _receive(self, connection: GatewayConnection, data: str | bytes) -> None:
        try:
            payload = orjson.loads(data)
            op, content = payload["op"], payload.get("d")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            connection.close(4002)
            return
        if connection.silent:
            return
        if op == HEARTBEAT:
            self._beat(connection, content)
        elif op in {IDENTIFY, RESUME}:
            self._authenticate(connection, op, content)
        elif op not in {PRESENCE, VOICE, MEMBERS}:
            connection.close(4001)
        elif connection.session is None:
            connection.close(4003)

    def _beat(self, connection: GatewayConnection, seq: Any) -> None:
        connection.send_op(ACK, None)
        self._expect_beat(connection)
        if connection.session is not None and isinstance(seq, int):
            self._world.sessions.confirm(connection.session, seq)

    def _expect_beat(self, connection: GatewayConnection) -> None:
        """Close the connection, unless the next heartbeat comes in time."""
        if connection.pulse is not None:
            connection.pulse.cancel()
        loop = asyncio.get_running_loop()
        connection.pulse = loop.call_later(self._heartbeat + GRACE, connection.close, 4000)

    def _authenticate(self, connection: GatewayConnection, op: int, content: Any) -> None:
        if connection.session is not None:
            connection.close(4005)
            return
        if not isinstance(content, dict):
            connection.close(4002)
            return
        token = str(content.get("token", "")).removeprefix("Bot ")
        bot = self._world.with_token(token)
        if bot is None:
            connection.close(4004)
            return
        named = {name: value for name, value in content.items() if name != "token"}
        self._record(bot, "IDENTIFY" if op == IDENTIFY else "RESUME", named)
        (self._identify if op == IDENTIFY else self._resume)(connection, bot, named)

    def _identify(self, connection: GatewayConnection, bot: Bot, content: JsonObject) -> None:
        intents = content.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= KNOWN_INTENTS:
            connection.close(4013)
        elif Intents(intents) & PRIVILEGED & ~bot.granted:
            connection.close(4014)
        else:
            session = self._world.sessions.open(bot, Intents(intents), connection)
            connection.session = session
            session.dispatch("READY", orjson.dumps(self._ready(session)))
            if session.intents & Intents.GUILDS:
                session.dispatch("GUILD_CREATE", orjson.dumps(self._guild(bot)))

    def _resume(self, connection: GatewayConnection, bot: Bot, content: JsonObject) -> None:
        seq = content.get("seq")
        session = self._world.sessions.find(str(content.get("session_id")), bot)
        if session is None or not isinstance(seq, int):
            connection.send_op(INVALID_SESSION, False)
            return
        if seq > session.seq:
            connection.close(4007)
            self._world.sessions.end(session)
            return
        former, connection.session = session.connection, session
        if isinstance(former, GatewayConnection):
            former.session = None
            former.close(4000)
        session.connection = connection
        self._world.sessions.confirm(session, seq)
        for frame in session.after(seq):
            connection.send(frame)
        session.dispatch("RESUMED", orjson.dumps({"_trace": ["simulated"]}))

    def _ready(self, session: Session) -> JsonObject:
        bot = session.bot
        return {
            "v": 10,
            "user_settings": {},
            "user": {**bot.as_user(), "verified": True, "mfa_enabled": True, "email": None},
            "session_type": "normal",
            "session_id": session.id,
            "resume_gateway_url": self._url(),
            "relationships": [],
            "private_channels": [],
            "presences": [],
            "guilds": [{"id": str(GUILD_ID), "unavailable": True}],
            "guild_join_requests": [],
            "geo_ordered_rtc_regions": [],
            "application": {"id": str(bot.id), "flags": application_flags(bot)},
            "_trace": ["simulated"],
        }

    def _guild(self, bot: Bot) -> JsonObject:
        world = self._world
        channels = [each for each in world.channels.values() if not each.direct]
        return guild(bot, list(world.bots.values()), channels, len(world.people))
