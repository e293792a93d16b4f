"""A wire to a server that can be cut at a word, before or after the server heard it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Listens on ``port`` and passes everything on, until it is told where to cut.

    ``cut_before(word)``: the server never hears the word. ``cut_after(word)``: it does, and its
    answer is lost. Either cuts once, every connection at the same time; ``down`` refuses new ones.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._before = self._after = b""
        self._backs: set[asyncio.StreamWriter] = set()
        self._deaf = False
        self.cuts = 0
        self.was_cut = asyncio.Event()
        self.down = False
        self.keeps_server = False
        self.port = 0

    def cut_before(self, word: bytes) -> None:
        """Cut when a client is about to say this."""
        self._before = word

    def cut_after(self, word: bytes) -> None:
        """Cut when the server has answered to this."""
        self._after = word

    async def carry(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Serve one client."""
        if self.down:
            back.close()
            return
        server, there = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {back, there}
        self._backs.add(back)
        await asyncio.gather(self._to_server(client, there), self._to_client(server, back))

    async def _to_server(self, client: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await client.read(65536):
                if self._before and self._before in data:
                    self._before = b""
                    self.cut()
                    return
                self._deaf = bool(self._after) and self._after in data
                there.write(data)
                await there.drain()
        if not self.keeps_server:
            there.close()

    async def _to_client(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await server.read(65536):
                if self._deaf:
                    self._after, self._deaf = b"", False
                    self.cut()
                    return
                back.write(data)
                await back.drain()
        back.close()

    def cut(self, *, server_notices: bool = True) -> None:
        """Cut every connection; a server that does not notice goes on holding what it held."""
        self.cuts += 1
        self.was_cut.set()
        self.keeps_server = not server_notices
        for writer in self._writers if server_notices else self._backs:
            writer.transport.abort()
        self._backs.clear()
        if server_notices:
            self._writers.clear()


@asynccontextmanager
async def proxied(server_port: int) -> AsyncIterator[Proxy]:
    """A proxy to the server at this port of the loopback."""
    proxy = Proxy(server_port)
    listener = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        proxy.cut()
