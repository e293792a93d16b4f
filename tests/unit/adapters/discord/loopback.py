"""A simulated Discord with one bot on it, and a client so plain that nothing is hidden."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from adapters.discord.simulation.model import token_of
from adapters.discord.simulator import DiscordSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

BOT = 1_234_567_890_123_456_789
TOKEN = token_of(BOT)
# GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT
INTENTS = 1 << 0 | 1 << 9 | 1 << 12 | 1 << 15
AGENT = "DiscordBot (https://example.org, 1.0)"


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass(kw_only=True, slots=True)
class Answered:
    """What a call was answered: status, JSON, headers."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(kw_only=True, slots=True)
class Socket:
    """A client of the gateway; it sends no heartbeats by itself. `seq` is the last it received."""

    ws: aiohttp.ClientWebSocketResponse
    seq: int = 0
    ready: dict[str, Any] = field(default_factory=dict)

    def drop(self) -> None:
        """Let go of the connection: after a reset, closing the socket does not."""
        self.ws._response.close()

    async def op(self, op: int, data: Any) -> None:
        """Send something."""
        await self.ws.send_json({"op": op, "d": data})

    async def next(self) -> dict[str, Any]:
        """The next frame; of a closed socket `{"closed": code}`."""
        message = await self.ws.receive(timeout=5)
        if message.type is not aiohttp.WSMsgType.TEXT:
            self.drop()
            return {"closed": self.ws.close_code}
        frame: dict[str, Any] = json.loads(message.data)
        self.seq = frame.get("s") or self.seq
        return frame

    async def event(self, name: str) -> Any:
        """The data of the next event of this name; passes over others."""
        while True:
            frame = await self.next()
            assert "closed" not in frame, frame
            if frame["t"] == name:
                return frame["d"]

    async def beat(self, seq: int | None = None) -> None:
        """Send a heartbeat, and wait for the answer."""
        await self.op(1, self.seq if seq is None else seq)
        while (await self.next())["op"] != 11:
            pass

    async def identify(self, token: str = TOKEN, intents: int = INTENTS) -> None:
        """Begin a session; return once the server is there."""
        await self.op(2, {"token": token, "intents": intents, "properties": {}})
        self.ready = await self.event("READY")
        if intents & 1:
            self.ready["guild"] = await self.event("GUILD_CREATE")

    async def resume(self, session_id: str, seq: int, token: str = TOKEN) -> None:
        """Go on with one."""
        await self.op(6, {"token": token, "session_id": session_id, "seq": seq})


@dataclass(kw_only=True, slots=True)
class Loopback:
    """The simulator, and Ann with her DM and a channel of the server."""

    simulator: DiscordSimulator
    http: aiohttp.ClientSession
    ann: SimulatedPerson
    here: SimulatedPlace
    there: SimulatedPlace
    sockets: list[Socket] = field(default_factory=list)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        **options: Any,
    ) -> Answered:
        """Call the REST API."""
        headers = {"User-Agent": AGENT}
        if token is not None:
            headers["Authorization"] = f"Bot {token}"
        if body is not None:
            options["data"] = json.dumps(body)
            headers["Content-Type"] = "application/json"
        url = self.simulator.settings()["api_url"] + path
        async with self.http.request(method, url, headers=headers, **options) as response:
            text = await response.text()
            content = json.loads(text) if text else None
            return Answered(status=response.status, body=content, headers=response.headers)

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> str:
        """Make a call that fails; return status, code and words."""
        answer = await self.call(method, path, body, **options)
        assert answer.status >= 400, answer
        return f"{answer.status} {answer.body['code']} {answer.body['message']}"

    async def send(
        self, text: str = "hello", place: SimulatedPlace | None = None, **more: Any
    ) -> Any:
        """Send a message, to Ann unless told otherwise; return it."""
        where = place or self.here
        answer = await self.call(
            "POST", f"/channels/{where.id}/messages", {"content": text, **more}
        )
        assert answer.status == 200, answer
        return answer.body

    async def open(self, query: str = "v=10&encoding=json") -> Socket:
        """Connect to the gateway; the hello is read already."""
        url = self.simulator.settings()["gateway_url"]
        socket = await self.connect(f"{url}?{query}")
        assert (await socket.next())["op"] == 10
        return socket

    async def connect(self, url: str) -> Socket:
        """Connect to any gateway; nothing is read yet."""
        self.sockets.append(Socket(ws=await self.http.ws_connect(url)))
        return self.sockets[-1]

    async def session(self, **options: Any) -> Socket:
        """Connect and identify."""
        socket = await self.open()
        await socket.identify(**options)
        return socket

    async def gone(self) -> None:
        """Wait until nobody is connected to the gateway."""
        await self.simulator.wait_until(lambda: not self.simulator.connected())


@asynccontextmanager
async def loopback(**options: Any) -> AsyncIterator[Loopback]:
    """Everything started; rate limits are off unless asked for."""
    granted = options.pop("message_content", True)
    simulator = DiscordSimulator(**{"rates": None, **options})
    account = simulator.add_bot(TOKEN, "helper", message_content=granted)
    ann = simulator.person("Ann")
    here = simulator.place("direct", people=[ann], account=account)
    there = simulator.place("channel", account=account)
    async with running(simulator), aiohttp.ClientSession() as http:
        dc = Loopback(simulator=simulator, http=http, ann=ann, here=here, there=there)
        yield dc
        for socket in dc.sockets:
            socket.drop()
