"""The web API as a terminal uses it: requests, and events as they come."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson

from gateway.cli.chat.safe import one_line
from gateway.errors import GatewayError

_CONNECT = 5.0
# An open stream shows a sign of life at least every 15 s.
_SILENCE = 40.0
_PROBE = 1.5
_LARGEST_LINE = 2**22

JSON = Mapping[str, Any]


class Refused(GatewayError):
    """The gateway answered with an error; ``retry_after`` is in seconds, None: do not."""

    def __init__(self, status: int, detail: str, retry_after: float | None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after = retry_after


class SessionOver(GatewayError):
    """The token opens nothing any more."""


class Away(GatewayError):
    """Nobody answers, or the connection broke."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """One event of a stream."""

    kind: str
    data: JSON


class Client:
    """Talks to the gateway at ``url``; ``token`` opens the session."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._http = http

    async def alive(self) -> bool:
        """Whether a gateway answers here."""
        try:
            timeout = aiohttp.ClientTimeout(total=_PROBE)
            async with self._http.get(self.url + "/livez", timeout=timeout) as answer:
                return answer.status == 200 and await answer.text() == "ok"
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeDecodeError):
            return False

    async def open(self, agent: str) -> JSON:
        """Open a session with an agent (empty: the channel's own)."""
        return await self._ask("POST", "/api/session", {"agent": agent})

    async def session(self) -> JSON:
        """How the session stands."""
        return await self._ask("GET", "/api/session")

    async def history(self, limit: int) -> Sequence[JSON]:
        """The newest messages, oldest first."""
        found = await self._ask("GET", f"/api/chat/history?limit={limit}")
        return list(found["messages"])

    async def command(self, text: str) -> None:
        """Say something whose answer nobody waits for."""
        await self._ask("POST", "/api/chat", {"text": text, "wait": 0})

    async def say(
        self, text: str, message_id: str, attachments: Sequence[str] = ()
    ) -> AsyncGenerator[Happened]:
        """Say something and yield what it leads to. The same id is the same message."""
        body: dict[str, Any] = {"text": text, "message_id": message_id}
        if attachments:
            body["attachments"] = list(attachments)
        headers = {"Accept": "text/event-stream"}
        async with self._request("POST", "/api/chat", body=body, headers=headers) as answer:
            async for event in _events(answer):
                yield event

    async def watch(self, last: int) -> AsyncGenerator[Happened]:
        """Yield every message above number ``last``, and whatever happens from now on."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
        async with self._request("GET", "/api/chat/events", headers=headers) as answer:
            async for event in _events(answer):
                yield event

    async def upload(self, name: str, content: bytes) -> JSON:
        """Send a file, to be attached to what is said next."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("file", content, filename=one_line(name))
        async with self._request("POST", "/api/files", data=form) as answer:
            return await _json(answer)

    async def download(self, link: str) -> bytes:
        """The content of a file that was sent; links elsewhere are refused."""
        address = self.address(link)
        if urlsplit(address)[:2] != urlsplit(self.url)[:2]:
            raise Refused(403, f"the file is not the gateway's own: {address}", None)
        async with self._request("GET", address[len(self.url) :]) as answer:
            return await answer.read()

    def address(self, link: str) -> str:
        """A link of the gateway's, whole."""
        return urljoin(self.url + "/", link)

    async def _ask(self, method: str, path: str, body: JSON | None = None) -> JSON:
        async with self._request(method, path, body=body) as answer:
            return await _json(answer)

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: JSON | None = None,
        data: aiohttp.FormData | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        sent: dict[str, str] = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = data if body is None else orjson.dumps(body)
        try:
            async with self._http.request(
                method, self.url + path, data=content, headers=sent, allow_redirects=False
            ) as answer:
                if answer.status >= 300:
                    await _refuse(answer)
                yield answer
        except (aiohttp.ClientConnectionError, OSError, TimeoutError) as error:
            raise Away(f"{self.url} does not answer: {_reason(error)}") from None
        except aiohttp.ClientError:
            raise Away(f"the connection to {self.url} broke") from None


def connections() -> aiohttp.ClientSession:
    """What a client makes its requests with."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE)
    return aiohttp.ClientSession(timeout=timeout, read_bufsize=_LARGEST_LINE)


def _reason(error: Exception) -> str:
    system = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(system, OSError) and system.errno is not None and system.errno > 0:
        return os.strerror(system.errno)
    return str(error) or "no answer in time"


async def _refuse(answer: aiohttp.ClientResponse) -> None:
    body = await answer.read()
    if answer.status == 401:
        raise SessionOver(_detail(body) or "the gateway does not know this conversation")
    detail = _detail(body) or f"it answers with status {answer.status}"
    after = answer.headers.get("Retry-After", "")
    raise Refused(answer.status, detail, float(after) if after.isdecimal() else None)


def _detail(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return ""


async def _json(answer: aiohttp.ClientResponse) -> JSON:
    try:
        found = orjson.loads(await answer.read())
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        what = f"{answer.url.origin()} is no gateway with a web channel"
        raise Refused(answer.status, what, None)
    return found


async def _events(answer: aiohttp.ClientResponse) -> AsyncGenerator[Happened]:
    if answer.content_type != "text/event-stream":
        raise Refused(answer.status, f"{answer.url.origin()} does not stream its answers", None)
    fields: dict[str, str] = {}
    async for line in answer.content:
        name, _, value = line.decode(errors="replace").rstrip("\r\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Happened(kind=fields.get("event", ""), data=orjson.loads(fields["data"]))
            fields = {}
