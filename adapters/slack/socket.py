"""Socket Mode: events over a connection of ours, each acknowledged once it is durable.

Slack's own client acknowledges first and asks later, and tries a refused token for ever.
https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NoReturn

import aiohttp
import orjson

from adapters.slack.backoff import Backoff
from adapters.slack.events import Take
from gateway import GatewayError, SendError, Unavailable, UnreadableUpdate

PING_EVERY = 10.0
"""Seconds between our pings; half of it later, a connection without an answer is none."""
CONNECT_WITHIN = 15.0
"""Seconds until Slack says hello on a new connection."""
ROTATE_AFTER = 1800.0
"""Seconds after which a connection is replaced though nothing seems to be wrong with it."""
STEADY_AFTER = 10.0
"""Seconds that a connection lasts on which something can be built."""
LINGER = 10.0
"""Seconds that a replaced connection stays open for what is still under way on it."""
CLOSE_WITHIN = 0.5
OWED_FOR = 0.05
"""Seconds that an acknowledgement which nothing depends on may wait for another to go with."""
MAX_UNDER_WAY = 500
MAX_FRAME = 4 * 2**20

OpenUrl = Callable[[], Awaitable[str]]
"""Asks Slack where to connect. Raises `ConfigurationError`, which no try can mend, or a
`SendError` or `Unavailable`."""


class Connection:
    """One WebSocket, from its hello until either side ends it."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.ready = asyncio.Event()
        """Slack has said hello."""
        self.ending = asyncio.Event()
        """Slack wants it replaced, or it is over."""
        self.over = asyncio.Event()
        """Nothing more comes."""
        self._owed: list[str] = []

    async def acknowledge(self, envelope: str, answer: Mapping[str, Any] | None) -> bool:
        """Tell Slack that it is ours now; whether that could be said."""
        frame: dict[str, Any] = {"envelope_id": envelope}
        if answer:
            frame["payload"] = answer
        return await self._say(frame) and await self.pay()

    def owe(self, envelope: str) -> bool:
        """Acknowledge it with the next one; whether it is the first to wait for that."""
        self._owed.append(envelope)
        return len(self._owed) == 1

    async def pay(self) -> bool:
        """Acknowledge what waits for it; whether that could be said."""
        owed, self._owed = self._owed, []
        for envelope in owed:
            if not await self._say({"envelope_id": envelope}):
                return False
        return True

    async def _say(self, frame: Mapping[str, Any]) -> bool:
        try:
            await self.websocket.send_frame(orjson.dumps(frame), aiohttp.WSMsgType.TEXT)
        except ConnectionError:
            return False
        return True

    async def end(self) -> None:
        """Nothing comes any more."""
        self.ready.set()
        self.ending.set()
        self.over.set()
        try:
            await self.close()
        finally:
            # After a reset, aiohttp takes it for closed, and keeps the connection below it.
            self.websocket._response.close()

    async def close(self) -> None:
        """Say goodbye, if somebody is there."""
        await self.websocket.close()


class SocketMode:
    """Keeps one connection to Slack, and opens the next before it gives one up.

    `passes` says of an event whether it needs no more than to be acknowledged. `gap` is called
    when there was no connection for a moment, `repeated` when Slack says that it tries something
    once more.
    """

    def __init__(
        self,
        open_url: OpenUrl,
        http: aiohttp.ClientSession,
        take: Take,
        *,
        passes: Callable[[dict[str, Any]], bool],
        gap: Callable[[], None],
        repeated: Callable[[], None],
        log: Any,
    ) -> None:
        self._open_url = open_url
        self._http = http
        self._take = take
        self._passes = passes
        self._gap = gap
        self._repeated = repeated
        self._log = log
        self._current: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = asyncio.Semaphore(MAX_UNDER_WAY)

    @property
    def connected(self) -> bool:
        """Whether there is a connection at the moment, as far as is known."""
        return self._current is not None and not self._current.over.is_set()

    async def run(self) -> NoReturn:
        """Stay connected until cancelled. Raises `ConfigurationError`."""
        clock, backoff = asyncio.get_running_loop().time, Backoff()
        try:
            while True:
                fresh = await self._connect()
                # Nothing of the new connection is handled before this goes on: it was ready just
                # now, and its events are tasks that begin later.
                old, self._current = self._current, fresh
                if old is None or old.over.is_set():
                    self._gap()
                else:
                    self._spawn(self._retire(old))
                began = clock()
                await self._used_up(fresh)
                if clock() - began >= STEADY_AFTER:
                    backoff = Backoff()
                else:
                    # One that ends as it begins is followed by others of the kind.
                    await backoff.wait()
        finally:
            await self._end()

    async def _used_up(self, connection: Connection) -> None:
        """Until a connection should be replaced."""
        try:
            async with asyncio.timeout(ROTATE_AFTER):
                await connection.ending.wait()
        except TimeoutError:
            self._log.debug("slack.socket_rotated")
            return
        if connection.over.is_set():
            self._log.info("slack.socket_lost")

    async def _connect(self) -> Connection:
        """Try until Slack says hello."""
        backoff, said = Backoff(), ""
        while True:
            failure: GatewayError | None = None
            try:
                if connection := await self._try():
                    return connection
                words = "Slack did not say hello"
            except (SendError, Unavailable) as error:
                failure, words = error, str(error)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                # Their own words hold the address, and that is as good as a password.
                words = f"{type(error).__name__} while connecting"
            if words != said:
                self._log.warning("slack.socket_failed", error=words)
            said = words
            await backoff.wait(failure)

    async def _try(self) -> Connection | None:
        url = await self._open_url()
        async with asyncio.timeout(CONNECT_WITHIN):
            websocket = await self._http.ws_connect(
                url,
                heartbeat=PING_EVERY,
                max_msg_size=MAX_FRAME,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN),
            )
        connection = Connection(websocket)
        self._spawn(self._read(connection))
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await connection.ready.wait()
        except TimeoutError:
            self._spawn(connection.close())
            return None
        return None if connection.over.is_set() else connection

    async def _read(self, connection: Connection) -> None:
        """Everything that comes over a connection."""
        try:
            while True:
                message = await connection.websocket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._heard(connection, message.data)
                elif message.type is not aiohttp.WSMsgType.BINARY:
                    return
        finally:
            await connection.end()

    async def _heard(self, connection: Connection, text: str) -> None:
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            frame = None
        kind = frame.get("type") if isinstance(frame, dict) else None
        if kind == "hello":
            connection.ready.set()
        elif kind == "disconnect":
            self._log.info("slack.socket_ending", reason=str(frame.get("reason"))[:40])
            connection.ending.set()
        elif kind is not None and isinstance(frame.get("payload"), dict):
            await self._told(connection, frame)
        else:
            self._log.warning("slack.event_skipped", error="a frame without a payload")

    async def _told(self, connection: Connection, frame: dict[str, Any]) -> None:
        if frame.get("retry_attempt"):
            self._repeated()
        if self._passes(frame["payload"]):
            if connection.owe(_envelope(frame)):
                self._spawn(self._pay(connection))
            return
        # Not more at a time than this: what else comes waits at Slack.
        await self._under_way.acquire()
        self._spawn(self._handle(connection, frame))

    async def _pay(self, connection: Connection) -> None:
        await asyncio.sleep(OWED_FOR)
        if not await connection.pay():
            self._log.debug("slack.acknowledgement_lost")

    async def _handle(self, connection: Connection, frame: dict[str, Any]) -> None:
        """Take one event; one that could not be taken is not acknowledged, and comes again."""
        try:
            answer = await self._take(frame["payload"])
        except UnreadableUpdate as error:
            self._log.warning("slack.event_skipped", error=str(error))
            answer = None
        except Unavailable:
            return
        finally:
            self._under_way.release()
        takes_answer = frame.get("accepts_response_payload") is True
        if not await connection.acknowledge(_envelope(frame), answer if takes_answer else None):
            self._log.debug("slack.acknowledgement_lost")

    async def _retire(self, connection: Connection) -> None:
        """Close a connection that has its successor, once nothing is likely to come over it."""
        try:
            async with asyncio.timeout(LINGER):
                await connection.over.wait()
        except TimeoutError:
            await connection.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("slack.event_failed", exc_info=error)

    async def _end(self) -> None:
        self._current = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _envelope(frame: Mapping[str, Any]) -> str:
    return str(frame.get("envelope_id", ""))
