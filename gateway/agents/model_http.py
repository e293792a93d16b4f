"""The connections to one model's server.

httpx would send what the OpenAI library, and the environment it reads, put into a request. Here
a request carries what this gateway means to say, the key among it, and an answer ends somewhere.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httpx2

from gateway.errors import ModelFailed

EVENTS = "text/event-stream"
LONGEST_LINE = 4_194_304
"""Bytes of one event; what is longer is no answer to a chat."""
MOST_BYTES = 4_194_304
ERROR_BYTES = 65_536

_CONNECT = 10.0
_SENT = frozenset({"accept", "connection", "content-length", "content-type", "host"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a model is, and how long to wait for it, in seconds. ``agent`` is for error texts."""

    agent: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    first_token: float = 30.0
    stall: float = 30.0

    @property
    def host(self) -> str:
        """The server, for people: without a password that the address may hold."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"


def connect(endpoint: Endpoint) -> httpx2.AsyncClient:
    """A pool of connections, opened when first used; no proxies, cookies or redirects."""
    return httpx2.AsyncClient(
        transport=_Transport(endpoint),
        timeout=httpx2.Timeout(None, connect=_CONNECT),
        follow_redirects=False,
        trust_env=False,
    )


class _Transport(httpx2.AsyncHTTPTransport):
    def __init__(self, endpoint: Endpoint) -> None:
        limits = httpx2.Limits(
            max_connections=None, max_keepalive_connections=None, keepalive_expiry=30.0
        )
        super().__init__(verify=ssl.create_default_context(), trust_env=False, limits=limits)
        self._endpoint = endpoint

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises ``ModelFailed`` where a stream was asked for and something else is answered."""
        _own_headers(request, self._endpoint.api_key)
        response = await super().handle_async_request(request)
        stream = cast(httpx2.AsyncByteStream, response.stream)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response.status_code == 200 and kind == EVENTS:
            response.stream = _Lines(stream)
            return response
        if request.headers.get("Accept") == EVENTS and response.status_code < 400:
            await response.aclose()
            raise ModelFailed(self._no_stream(response.status_code, kind))
        most = MOST_BYTES if response.status_code == 200 else ERROR_BYTES
        response.stream = _Beginning(stream, most)
        return response

    def _no_stream(self, status: int, kind: str) -> str:
        if status != 200:
            return f"{self._endpoint.host} answers {status}: is base_url right?"
        what = f"answers with {kind or 'nothing'} where a stream was asked for"
        return f"{self._endpoint.host} {what}: is base_url right?"


def _own_headers(request: httpx2.Request, key: str) -> None:
    """Without what describes this machine (X-Stainless-…) or comes from OPENAI_… variables."""
    kept = {name: value for name, value in request.headers.items() if name.lower() in _SENT}
    # What is compressed could become any size.
    kept |= {"Accept-Encoding": "identity", "User-Agent": "chat-gateway"}
    if key:
        kept["Authorization"] = f"Bearer {key}"
    request.headers = httpx2.Headers(kept)


class _Lines(httpx2.AsyncByteStream):
    """A stream of events, as long as each of its lines ends."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        line = 0
        async for data in self._stream:
            ended = data.rfind(b"\n")
            line = line + len(data) if ended < 0 else len(data) - ended - 1
            if line > LONGEST_LINE:
                what = f"sent an event of more than {LONGEST_LINE} bytes"
                raise ModelFailed(f"the model's server {what}")
            yield data

    async def aclose(self) -> None:
        """Close the connection, or give it back when it has been read to its end."""
        await self._stream.aclose()


class _Beginning(httpx2.AsyncByteStream):
    """As much of a body as anybody needs."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            yield data[: self._left]
            self._left -= len(data)
            if self._left <= 0:
                return

    async def aclose(self) -> None:
        """As ``_Lines``."""
        await self._stream.aclose()
