"""The other end of a bench: Telegram's side, on bare asyncio protocols so that it costs little.

Posts webhooks over kept connections and answers the Bot API calls that come back. Latency is
counted from the webhook's first byte to the arrival of the reply's ``sendMessage``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from itertools import count
from typing import cast

TOKEN = "1234567:bench-bench-bench-bench-bench-bench"
SECRET = "bench-secret"

_CHAT = re.compile(rb'chat_id"?[=:\s]*"?(\d+)')
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_METHOD = re.compile(rb"/bot[^/ ]+/(\w+)")

_RESULTS = {
    b"getMe": b'{"id":1234567,"is_bot":true,"first_name":"Bench","username":"bench_bot"}',
    b"getMyCommands": b"[]",
    b"getWebhookInfo": b'{"url":"","has_custom_certificate":false,"pending_update_count":0}',
}


class _Messages(asyncio.Protocol):
    """HTTP messages with a length, one after another; nothing else of HTTP."""

    def __init__(self) -> None:
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
            self.message(head, body)

    def message(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError


class _Api(_Messages):
    """The Bot API: every call succeeds."""

    numbers = count(1)

    def __init__(self, replied: Callable[[int], None]) -> None:
        super().__init__()
        self._replied = replied

    def message(self, head: bytes, body: bytes) -> None:
        method = _METHOD.search(head)
        name = method[1] if method else b""
        result = _RESULTS.get(name, b"true")
        if name == b"sendMessage":
            chat = _CHAT.search(body)
            assert chat is not None
            result = b'{"message_id":%d,"date":1,"chat":{"id":%b,"type":"private"},"text":"x"}' % (
                next(self.numbers),
                chat[1],
            )
            self._replied(int(chat[1]))
        answer = b'{"ok":true,"result":' + result + b"}"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        if self.transport is not None:
            self.transport.write(head % len(answer) + answer)


class _Hook(_Messages):
    """One kept connection to the bot's webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: asyncio.Future[int] | None = None

    def message(self, head: bytes, body: bytes) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(ConnectionResetError("the bot hung up"))


class Telegram:
    """One bot's Telegram."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[float]] = {}
        self._updates = count(1)
        self._idle: list[_Hook] = []
        self._port = 0
        self._server: asyncio.Server | None = None
        self.url = ""
        self.replies = 0

    async def start(self) -> None:
        """Listen for the bot's calls."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Api(self._replied), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def aim(self, port: int) -> None:
        """The bot listens on this port of 127.0.0.1."""
        self._port = port
        self._idle.clear()

    async def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()

    async def ask(self, person: int, text: str, *, patience: float = 30.0) -> float:
        """Send one message as ``person``; seconds until the bot's reply arrived."""
        loop = asyncio.get_running_loop()
        reply = self._waiting[person] = loop.create_future()
        began = time.perf_counter()
        status = await self._post(person, text)
        if status != 200:
            raise ConnectionError(f"the webhook answered {status}")
        async with asyncio.timeout(patience):
            arrived: float = await reply
        return arrived - began

    def _replied(self, person: int) -> None:
        self.replies += 1
        waiting = self._waiting.get(person)
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())

    async def _post(self, person: int, text: str) -> int:
        body = _update(next(self._updates), person, text)
        hook = self._kept() or await self._connect()
        hook.answered = asyncio.get_running_loop().create_future()
        assert hook.transport is not None
        hook.transport.write(
            b"POST /webhooks/bench HTTP/1.1\r\nHost: bot\r\nContent-Type: application/json\r\n"
            b"X-Telegram-Bot-Api-Secret-Token: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (SECRET.encode(), len(body), body)
        )
        status = await hook.answered
        self._idle.append(hook)
        return status

    def _kept(self) -> _Hook | None:
        while self._idle:
            hook = self._idle.pop()
            if hook.transport is not None and not hook.transport.is_closing():
                return hook
        return None

    async def _connect(self) -> _Hook:
        loop = asyncio.get_running_loop()
        _, hook = await loop.create_connection(_Hook, "127.0.0.1", self._port)
        return hook


def _update(number: int, person: int, text: str) -> bytes:
    return (
        b'{"update_id":%d,"message":{"message_id":%d,"from":{"id":%d,"is_bot":false,'
        b'"first_name":"Ada","last_name":"L","username":"ada%d","language_code":"en"},'
        b'"chat":{"id":%d,"first_name":"Ada","username":"ada%d","type":"private"},'
        b'"date":%d,"text":"%b"}}'
        % (number, number, person, person, person, person, int(time.time()), text.encode())
    )
