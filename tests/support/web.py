"""A client of the web API, as somebody would write one: one session, its token, and aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import orjson


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole response; `json` is None when the body is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def texts(self) -> list[str]:
        """The texts of its messages."""
        return [message["text"] for message in self.json["messages"]]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One server-sent event; `id` is empty when it has none."""

    kind: str
    data: Any
    id: str = ""


class WebClient:
    """Talks to the API at `url`, with `token` on every request once there is one."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str = "") -> None:
        self.http = http
        self.url = url
        self.token = token

    async def open(self, **body: Any) -> Answer:
        """Open a session and keep its token."""
        answer = await self.ask("POST", "/api/session", body)
        assert answer.status == 201, answer
        self.token = answer.json["token"]
        return answer

    async def say(self, text: str, **body: Any) -> Answer:
        """Post a message."""
        return await self.ask("POST", "/api/chat", {"text": text, **body})

    async def history(self, query: str = "") -> Answer:
        """Read the history."""
        return await self.ask("GET", f"/api/chat/history{query}")

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Make a request, and return whatever is answered."""
        async with self.raw(method, path, body, headers) as response:
            content = await response.read()
            json = orjson.loads(content) if "json" in response.content_type else None
            return Answer(status=response.status, headers=response.headers, body=content, json=json)

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Make a request, and read the events that are answered."""
        accept = {"Accept": "text/event-stream", **(headers or {})}
        async with self.raw(method, path, body, accept) as response:
            assert response.status == 200, (response.status, await response.text())
            assert response.content_type == "text/event-stream"
            yield _events(response)

    @asynccontextmanager
    async def raw(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a request; a body of bytes goes as it is, anything else as JSON."""
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        content = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        data = None if content is None else BytesIO(content)
        all_headers = {**authorization, **(headers or {})}
        async with self.http.request(
            method, self.url + path, data=data, headers=all_headers
        ) as response:
            yield response


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in response.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            data = orjson.loads(fields["data"])
            yield Event(kind=fields["event"], data=data, id=fields.get("id", ""))
            fields = {}
