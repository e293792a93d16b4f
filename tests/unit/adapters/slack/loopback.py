"""A simulated Slack with one app on it, driven by the real client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.simulator import SlackSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running


@dataclass(kw_only=True, slots=True)
class Loopback:
    """The simulator, the client, and Ann with her direct messages."""

    simulator: SlackSimulator
    http: aiohttp.ClientSession
    account: str
    ann: SimulatedPerson
    here: SimulatedPlace
    sockets: list[Socket] = field(default_factory=list)

    def client(self, account: str = "") -> AsyncWebClient:
        """The client of an app's."""
        settings = self.simulator.settings(account or self.account)
        return AsyncWebClient(
            settings["bot_token"],
            base_url=settings["api_url"],
            session=self.http,
            retry_handlers=[],
        )

    async def call(self, method: str, account: str = "", **arguments: Any) -> Any:
        """Call a method; return what it answers."""
        answer = await self.client(account).api_call(method, json=arguments)
        return answer.data

    async def send(self, text: str = "hello", channel: str = "", **arguments: Any) -> str:
        """Post a message, to Ann unless told otherwise; return its `ts`."""
        answer = await self.call(
            "chat.postMessage", channel=channel or self.here.id, text=text, **arguments
        )
        return str(answer["ts"])

    async def refused(self, method: str, **arguments: Any) -> str:
        """Call a method; return the error, or "" where there is none."""
        try:
            await self.call(method, **arguments)
        except SlackApiError as error:
            return str(error.response["error"])
        return ""

    async def connect(self, account: str = "") -> Socket:
        """Open a WebSocket, and read its hello."""
        token = self.simulator.settings(account or self.account)["app_token"]
        client = AsyncWebClient(
            token, base_url=f"{self.simulator.url}/api/", session=self.http, retry_handlers=[]
        )
        answer = await client.apps_connections_open(app_token=token)
        socket = Socket(await self.http.ws_connect(answer["url"], autoping=False))
        self.sockets.append(socket)
        socket.hello = await socket.frame()
        return socket


class Socket:
    """One WebSocket, by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self.hello: dict[str, Any] = {}

    async def frame(self) -> dict[str, Any]:
        """The next frame."""
        found: dict[str, Any] = await self.raw.receive_json(timeout=10.0)
        return found

    async def event(self) -> dict[str, Any]:
        """The event in the next frame, which is acknowledged."""
        frame = await self.frame()
        await self.ack(frame)
        found: dict[str, Any] = frame["payload"]["event"]
        return found

    async def ack(self, frame: dict[str, Any], **more: Any) -> None:
        """Acknowledge a frame."""
        await self.raw.send_str(json.dumps({"envelope_id": frame["envelope_id"], **more}))

    def drop(self) -> None:
        """End the connection; one that was reset, aiohttp leaves to the garbage collector."""
        self.raw._response.close()

    async def is_quiet(self, seconds: float = 0.05) -> bool:
        """Whether nothing comes for so long."""
        try:
            await self.raw.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@asynccontextmanager
async def loopback(mode: Any = "socket", **options: Any) -> AsyncIterator[Loopback]:
    """Everything started; rate limits are off unless they are asked for."""
    simulator = SlackSimulator(mode, **{"rates": None, **options})
    account = simulator.add_app("helper")
    ann = simulator.person("Ann")
    here = simulator.place("direct", people=[ann], account=account)
    async with running(simulator), aiohttp.ClientSession() as http:
        everything = Loopback(simulator=simulator, http=http, account=account, ann=ann, here=here)
        yield everything
        for socket in everything.sockets:
            socket.drop()
