"""An HTTP server on loopback that can vanish and come back at the same address."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"
# Closing with this makes the kernel send RST instead of FIN.
NO_LINGER = struct.pack("ii", 1, 0)


class LoopbackServer:
    """Serves one handler, which is cancelled when its client goes away."""

    def __init__(self, handler: Handler, port: int) -> None:
        self.port = port
        self._handler = handler
        self._reserved: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._protocols: web.Server | None = None

    async def start(self) -> None:
        """Listen; a port of 0 becomes a free one."""
        # Bound but not listening, this socket refuses connections and keeps the port for us.
        self._reserved = _bound(self.port)
        self.port = self._reserved.getsockname()[1]
        self._protocols = web.Server(self._handler, access_log=None, handler_cancellation=True)
        await self.listen()

    async def close(self) -> None:
        """Drop everything."""
        if self._protocols is not None and self._reserved is not None:
            self.refuse()
            await self._protocols.shutdown(1.0)
            self._reserved.close()

    async def listen(self) -> None:
        """Take connections."""
        if self._protocols is not None and self._listener is None:
            self._listener = await asyncio.get_running_loop().create_server(
                self._protocols, sock=_bound(self.port), backlog=1024
            )

    def refuse(self) -> None:
        """Refuse new connections and reset those that are open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.disconnect()

    def disconnect(self) -> None:
        """Reset every open connection."""
        for protocol in self._protocols.connections if self._protocols else ():
            reset(protocol.transport)


def reset(transport: asyncio.Transport | None) -> None:
    """End a connection at once, with RST."""
    if transport is not None:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((HOST, port))
    return sock
