"""The connection to Discord's gateway: discord.py's socket, kept alive, resumed or begun anew.

https://docs.discord.com/developers/events/gateway
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, cast

import aiohttp
import discord
import orjson
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from adapters.discord.backoff import Backoff
from adapters.discord.refusals import TOKEN_REFUSED
from adapters.discord.rest import HEADERS
from adapters.discord.settings import DiscordSettings

CONNECT_WITHIN = 30.0
HANG_UP_WITHIN = 1.0
"""Seconds that the other side has for its half of a farewell."""
MOST_UNANSWERED = 1
"""Heartbeats: at the next one, the other side is taken for gone."""
STEADY = 30.0
"""Seconds after which a connection counts as one that stands."""
LONGEST_WAIT = 60.0
ELSEWHERE_AFTER = 4
"""Tries in vain after which a session is resumed where new ones begin."""
IDENTIFY_BURST = 20
IDENTIFY_EVERY = 120.0
"""Seconds between new sessions in the long run: who needs more than 1000 a day loses his token."""

# Sessions that are gone, though the connection may be made again: not authenticated, a sequence
# number that is none of theirs, timed out.
_SESSION_LOST = frozenset({4003, 4007, 4009})


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What the gateway knows a client by that comes back, and where it wants it to do so."""

    id: str
    url: str

    @classmethod
    def read(cls, ready: Any) -> Session:
        """Of a READY's data. Raises `ValueError`."""
        known = ready if isinstance(ready, dict) else {}
        found = known.get("session_id"), known.get("resume_gateway_url")
        if not all(isinstance(each, str) and each for each in found):
            raise ValueError("READY came without a session")
        return cls(id=str(found[0]), url=str(found[1]))


class Listener(Protocol):
    """Hears what the gateway dispatches."""

    async def hear(self, frame: dict[str, Any], raw: str) -> None:
        """Take one dispatch, as it was read and as it came. Nothing is read meanwhile."""
        ...

    def pulse(self) -> int | None:
        """At each heartbeat: up to where what was dispatched in this session is taken over."""
        ...


class LeanSocket(DiscordWebSocket):
    """The SDK's socket, which hands on what is dispatched as it came and makes no objects of it,
    and whose heart is no thread."""

    listener: Listener
    beats_every = 0.0
    hearing = False
    unanswered = 0

    async def received_message(self, msg: Any, /) -> None:
        """One message of the connection; the SDK ends it where it has to be."""
        if isinstance(msg, bytes):
            msg = self._decompressor.decompress(msg)
            if msg is None:
                return
        frame = orjson.loads(msg)
        op = frame.get("op") if isinstance(frame, dict) else None
        if type(op) is not int:
            return
        if op == self.DISPATCH and self.beats_every:
            await self._dispatched(frame, msg)
        elif op == self.HEARTBEAT_ACK:
            self.unanswered = 0
        elif op == self.HEARTBEAT:
            await self.beat()
        elif op == self.HELLO:
            self.beats_every = _interval(frame.get("d"))
        elif op in {self.RECONNECT, self.INVALIDATE_SESSION}:
            await super().received_message(msg)

    async def _dispatched(self, frame: dict[str, Any], raw: str) -> None:
        seq = frame.get("s")
        if isinstance(seq, int):
            self.sequence = seq
        if frame.get("t") == "READY":
            session = Session.read(frame.get("d"))
            self.session_id, self.gateway = session.id, yarl.URL(session.url)
        self.hearing = True
        try:
            await self.listener.hear(frame, raw)
        finally:
            self.hearing = False

    async def beat(self) -> None:
        """Send a heartbeat: it says what is taken over, not what was only heard."""
        await self.send_heartbeat({"op": self.HEARTBEAT, "d": self.listener.pulse()})

    async def keep_alive(self) -> bool:
        """Send heartbeats until they stay without an answer, or cannot be sent."""
        with suppress(OSError, aiohttp.ClientError, discord.ConnectionClosed):
            while self.unanswered < MOST_UNANSWERED or self.hearing:
                self.unanswered += 1
                await self.beat()
                await asyncio.sleep(self.beats_every)
            return False
        return True


def _interval(hello: Any) -> float:
    """Seconds between heartbeats. Raises `ValueError`."""
    interval = hello.get("heartbeat_interval") if isinstance(hello, dict) else None
    if not isinstance(interval, int | float) or not interval > 0:
        raise ValueError("HELLO came without an interval")
    return interval / 1000.0


class _Client:
    """What the SDK's socket asks of a client, of its state and of its REST client: all three.

    The SDK's own would keep what happens, and wait where `Connection` does.
    """

    shard_count = None
    # A time limit for each message costs more than reading it; `keep_alive` sees silence.
    heartbeat_timeout = 0.0
    parsers: Mapping[str, object] = {}
    _activity = _status = None
    _enable_debug_events = False

    def __init__(self, http: aiohttp.ClientSession, token: str, wanted: discord.Intents) -> None:
        self.http = self._connection = self
        self.loop = asyncio.get_running_loop()
        self.token = token
        self.closed_with: int | None = None
        self._intents = wanted
        self._shared = http
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def dispatch(self, *_: object) -> None:
        """Nobody else listens."""

    def _update_references(self, _: object) -> None: ...

    async def call_hooks(self, *_: object, **__: object) -> None:
        """There are none."""

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """Open a socket."""
        self._socket = await self._shared.ws_connect(
            url,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=HANG_UP_WITHIN),
            autoclose=False,
            headers=HEADERS,
            compress=compress,
        )
        return self._socket

    async def hang_up(self) -> None:
        """Close what is open. With 1000 Discord would forget the session."""
        socket, self._socket = self._socket, None
        if socket is not None:
            self.closed_with = socket.close_code
            try:
                with suppress(OSError, aiohttp.ClientError):
                    await socket.close(code=4000)
            finally:
                # After some resets, closing the socket leaves the connection in the pool's hands.
                socket._response.close()


def intents(settings: DiscordSettings) -> discord.Intents:
    """What the bot wants to hear of."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        message_content=settings.message_content,
    )


class _Identifies:
    """How often a session may be begun: a few at once, then one now and then."""

    def __init__(self) -> None:
        self._next = 0.0

    async def wait(self) -> None:
        """Until the next one may be."""
        now = asyncio.get_running_loop().time()
        self._next = max(now, self._next) + IDENTIFY_EVERY
        await asyncio.sleep(max(0.0, self._next - now - IDENTIFY_BURST * IDENTIFY_EVERY))


class Connection:
    """Stays connected: resumes its session where it can, so that nothing is missed."""

    def __init__(
        self,
        settings: DiscordSettings,
        http: aiohttp.ClientSession,
        listener: Listener,
        *,
        log: Any,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._log = log
        token = settings.token.get_secret_value()
        self._client = _Client(http, token, intents(settings))
        self._session: Session | None = None
        self._sequence: int | None = None
        self._failures = Backoff(LONGEST_WAIT)
        self._identifies = _Identifies()

    async def run(self, session: Session | None = None, sequence: int | None = None) -> NoReturn:
        """Stay until cancelled, first in this session. Raises `discord.ConnectionClosed` when
        Discord wants this client no more."""
        self._session, self._sequence = session, sequence
        clock = asyncio.get_running_loop().time
        while True:
            began, resumes = clock(), self._session is not None
            try:
                await self._stay()
            except ReconnectWebSocket as wish:
                why = self._lost(wish)
            except discord.ConnectionClosed as closed:
                # It may be the token of another bot that the session is told by.
                if closed.code != TOKEN_REFUSED or not resumes or clock() - began > STEADY:
                    raise
                self._session, why = None, str(closed.code)
            except (OSError, aiohttp.ClientError, ValueError, zlib.error) as error:
                why = str(error) or type(error).__name__
            if clock() - began > STEADY:
                self._failures.reset()
            self._tell(why)
            await self._failures.wait()

    async def _stay(self) -> NoReturn:
        """One connection, from its beginning to its end, which is told as an error."""
        try:
            socket = await self._open()
            beating = asyncio.create_task(self._beat(socket))
            try:
                while True:
                    await socket.poll_event()
            finally:
                self._keep(socket)
                beating.cancel()
                await asyncio.wait([beating])
        finally:
            await self._client.hang_up()

    async def _open(self) -> LeanSocket:
        session = self._session
        if session is None:
            await self._identifies.wait()
        # What was heard and is not taken over yet comes once more: Discord is to keep it so long.
        taken = self._listener.pulse()
        async with asyncio.timeout(CONNECT_WITHIN):
            socket = await LeanSocket.from_client(
                cast("discord.Client", self._client),
                gateway=self._url(session),
                session=session.id if session else None,
                sequence=taken or self._sequence if session else None,
                resume=session is not None,
            )
        socket.listener = self._listener
        return socket

    def _url(self, session: Session | None) -> yarl.URL:
        """Where a session wants to be resumed, unless nobody is there."""
        usual = yarl.URL(self._settings.gateway_url)
        wanted = yarl.URL(session.url) if session else usual
        trusted = wanted.scheme == usual.scheme and self._failures.tries < ELSEWHERE_AFTER
        return wanted if trusted else usual

    def _keep(self, socket: LeanSocket) -> None:
        """What the next connection goes on with."""
        known = socket.session_id
        self._session = Session(id=known, url=str(socket.gateway)) if known else None
        self._sequence = socket.sequence

    async def _beat(self, socket: LeanSocket) -> None:
        if not await socket.keep_alive():
            self._log.warning("discord.silent", hint="the connection is made anew")
            await socket.close()

    def _lost(self, wish: ReconnectWebSocket) -> str:
        code = self._client.closed_with
        if not wish.resume or code in _SESSION_LOST:
            self._session = None
            return "the session is over"
        return f"closed ({code})"

    def _tell(self, why: str) -> None:
        """Once an outage; that a connection is made anew now and then is no news."""
        tell = self._log.warning if self._failures.tries == 1 else self._log.debug
        tell("discord.disconnected", error=why, resumes=self._session is not None)
