"""What the other ends speak: HTTP and WebSockets on bare asyncio protocols, which cost little.

Only what the programs measured use of both.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import cast

_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_KEY = re.compile(rb"(?i)sec-websocket-key: (\S+)")
# https://www.rfc-editor.org/rfc/rfc6455#section-1.3
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

TEXT = 0x1
BINARY = 0x2
_CLOSE = 0x8
_PING = 0x9
_PONG = 0xA


class Messages(asyncio.Protocol):
    """HTTP messages with a length, one after another; nothing else of HTTP."""

    def __init__(self) -> None:
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._read():
            pass

    def _read(self) -> bool:
        """Take one message off the buffer, if it is all there."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._buffer[:end]
        length = _LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < size:
            return False
        body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
        self.message(head, body)
        return True

    def message(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send, if anybody is still there."""
        if self.transport is not None:
            self.transport.write(data)

    def answer(self, body: bytes, headers: bytes = b"", status: bytes = b"200 OK") -> None:
        """Answer a request with JSON. `headers` are whole lines."""
        self.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
            % (status, headers, len(body), body)
        )


class Peer(Messages):
    """A client of ours: it makes requests, or makes a WebSocket of its connection."""

    def __init__(self) -> None:
        super().__init__()
        self._is_socket = False

    def upgrade(self, head: bytes) -> None:
        """Begin to speak frames, as this request asks."""
        key = _KEY.search(head)
        assert key is not None
        accept = base64.b64encode(hashlib.sha1(key[1] + _MAGIC, usedforsecurity=False).digest())
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        self._is_socket = True

    def send(self, payload: bytes, kind: int = TEXT) -> None:
        """Send one frame."""
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | kind, size))
        elif size < 1 << 16:
            head = bytes((0x80 | kind, 126)) + size.to_bytes(2)
        else:
            head = bytes((0x80 | kind, 127)) + size.to_bytes(8)
        self.write(head + payload)

    def frame(self, payload: bytes) -> None:
        """Text that came."""
        raise NotImplementedError

    def _read(self) -> bool:
        return self._read_frame() if self._is_socket else super()._read()

    def _read_frame(self) -> bool:
        data = self._buffer
        if len(data) < 6:
            return False
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at])
        end = at + 4 + size
        if len(data) < end:
            return False
        kind, payload = data[0] & 0xF, _unmasked(data[at : at + 4], data[at + 4 : end])
        self._buffer = data[end:]
        self._framed(kind, payload)
        return True

    def _framed(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self.frame(payload)
        elif kind == _PING:
            self.send(payload, _PONG)
        elif kind == _CLOSE and self.transport is not None:
            self.send(payload, _CLOSE)
            self.transport.close()


def _unmasked(mask: bytes, masked: bytes) -> bytes:
    size = len(masked)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(masked) ^ int.from_bytes(key)).to_bytes(size)


class _Hook(Messages):
    """One kept connection to a bot's webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: asyncio.Future[int] | None = None

    def message(self, head: bytes, body: bytes) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(ConnectionResetError("the bot hung up"))


class Hooks:
    """Kept connections to a bot's webhooks."""

    def __init__(self) -> None:
        self._idle: list[_Hook] = []
        self._port = 0

    def aim(self, port: int) -> None:
        """The bot listens on this port of 127.0.0.1."""
        self._port = port
        self._idle.clear()

    async def post(
        self,
        body: bytes,
        headers: bytes,
        *,
        path: bytes = b"/webhooks/bench",
        media_type: bytes = b"application/json",
    ) -> None:
        """Post this, with these lines of headers. Raises `ConnectionError` unless it is taken."""
        hook = self._kept() or await self._connect()
        hook.answered = asyncio.get_running_loop().create_future()
        hook.write(
            b"POST %b HTTP/1.1\r\nHost: bot\r\nContent-Type: %b\r\n"
            b"%bContent-Length: %d\r\n\r\n%b" % (path, media_type, headers, len(body), body)
        )
        status = await hook.answered
        self._idle.append(hook)
        if not 200 <= status < 300:
            raise ConnectionError(f"the webhook answered {status}")

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
