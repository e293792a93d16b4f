"""The other end of a bench: what all platforms' have in common."""

from __future__ import annotations

import asyncio
import time

from bench.wire import Hooks, Peer


class End:
    """One bot's platform. Latency is counted from an event's first byte to the reply's call."""

    def __init__(self) -> None:
        self.hooks = Hooks()
        self.url = ""
        self.replies = 0
        self._waiting: dict[int, asyncio.Future[float]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen for the bot's calls."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.peer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def peer(self) -> asyncio.Protocol:
        """Whoever connects."""
        raise NotImplementedError

    def aim(self, port: int) -> None:
        """Another bot, which listens on this port of 127.0.0.1 if it listens."""
        self.hooks.aim(port)

    async def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()

    async def ask(self, person: int, text: str, *, patience: float = 30.0) -> float:
        """Send one message as `person`; seconds until the bot's reply arrived.

        Raises `OSError` when nobody takes it.
        """
        reply = self._waiting[person] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        async with asyncio.timeout(patience):
            await self.tell(person, text)
            arrived: float = await reply
        return arrived - began

    async def tell(self, person: int, text: str) -> None:
        """Deliver a message; returns when it is acknowledged, where that is done."""
        raise NotImplementedError

    async def quiet(self) -> None:
        """Return once nothing more is told of what was said."""

    def replied(self, person: int) -> None:
        """The bot called with its reply."""
        self.replies += 1
        waiting = self._waiting.get(person)
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())


def connected(socket: Peer | None) -> Peer:
    """The bot's connection, if it still has one. Raises `ConnectionError`."""
    if socket is None or socket.transport is None or socket.transport.is_closing():
        raise ConnectionError("the bot is not connected")
    return socket
