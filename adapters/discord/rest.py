"""Discord's REST API over the gateway's one aiohttp session, and what its answers mean.

https://docs.discord.com/developers/reference#http-api

What goes wrong is one of the gateway's own errors:

    Unavailable         nobody to talk to, or nothing was asked for but to read, or:
    └── TokenRefused    401: this token is not valid (any more)
    RateLimited         429: come back in `retry_after` seconds
    OutcomeUnknown      the request left, and no usable answer came: it may have been carried out
    NotAccepted         somebody in between refused to pass the call on
    Rejected            Discord refuses this very call; as `Refused` with Discord's own code
    RecipientGone       the place takes nothing from us any more; as `Gone` with the same

Interaction tokens stand in the paths of some calls: no text here, and no exception chained to one
of these, repeats a path.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import aiohttp
import orjson
from aiohttp import hdrs

from gateway import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    Unavailable,
)

MAX_ANSWER = 16 * 2**20
CHUNK = 64 * 1024
CONNECT = 5.0
DOWNLOAD = aiohttp.ClientTimeout(total=300.0, connect=10.0, sock_read=20.0)
TOKEN_REFUSED = 60.0
"""Seconds for which a refused token is not tried again: after 10 000 refused calls in ten minutes
Discord talks to nobody at this address. https://docs.discord.com/developers/topics/rate-limits"""
BANNED = 60.0
"""Seconds to stay away when Cloudflare, not Discord, says that it was too much."""
LONGEST_PAUSE = 1.0
"""Seconds that a call waits by itself for a limit to pass; what takes longer is the outbox's."""
MAX_PAUSES = 1000
MAX_WORDS = 300

UNKNOWN_MESSAGE = 10008
UNKNOWN_WEBHOOK = 10015
UNKNOWN_INTERACTION = 10062
ALREADY_ACKNOWLEDGED = 40060
NO_ACCESS = 50001
NOT_OUR_MESSAGE = 50005
NO_PERMISSION = 50013
INVALID_WEBHOOK_TOKEN = 50027
THREAD_ARCHIVED = 50083
NO_REPLY = 160002

# What Discord names itself by demands this shape.
# https://docs.discord.com/developers/reference#user-agent
HEADERS: Mapping[str, str] = {
    hdrs.USER_AGENT: f"DiscordBot (chat-gateway, {version('chat-gateway')})"
}

# https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
_GONE = frozenset(
    {
        10003,  # no such channel
        10004,  # no such server
        10013,  # no such user
        NO_ACCESS,  # the bot does not see the channel
        50007,  # this person takes no direct messages from it
        50008,  # the channel takes no messages
        NO_PERMISSION,  # the bot may not write there
        THREAD_ARCHIVED,  # and locked: otherwise a message would open it again
        50278,  # it shares no server with this person any more
        160005,  # the thread is locked
    }
)
_OVERLOADED = frozenset({40006, 40333, 130000})
_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
# Raised while connecting, when not a byte of the request has left.
_BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.ServerFingerprintMismatch,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file that goes with a call."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"


class TokenRefused(Unavailable):
    """Discord does not know this token."""


class Refused(Rejected):
    """Discord's own refusal; `code` is Discord's number for it, 0 if it gave none."""

    def __init__(self, words: str, *, code: int = 0) -> None:
        super().__init__(words)
        self.code = code


class Gone(RecipientGone):
    """Discord's own word that nobody can be reached there."""

    def __init__(self, words: str, *, code: int = 0) -> None:
        super().__init__(words)
        self.code = code


class Rest:
    """Calls the API for one bot."""

    def __init__(self, token: str, api_url: str, http: aiohttp.ClientSession) -> None:
        self._api_url = api_url
        self._http = http
        self._headers = {**HEADERS, hdrs.AUTHORIZATION: f"Bot {token}"}
        # Until when (the loop's clock) a route has nothing left; "" stands for all of them.
        self._pauses: dict[str, float] = {}
        self._refused_until = 0.0

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        files: Sequence[Upload] | None = None,
        auth: bool = True,
        timeout: float = 20.0,
    ) -> Any:
        """Make one call; its answer as JSON, None where there is none.

        `path` follows the API's address. Without `auth` it goes without the bot's token, as calls
        do that carry a token in their path. Raises what the module tells of.
        """
        # What has a token of its own has limits of its own, and waits for no other.
        route = _route(method, path) if auth else ""
        if route:
            await self._pause(route)
        if self._http.closed:
            raise Unavailable("the HTTP session is closed")
        headers = self._headers if auth else HEADERS
        data = _encoded(body, files)
        if isinstance(data, bytes):
            headers = {**headers, hdrs.CONTENT_TYPE: "application/json"}
        failure: GatewayError
        try:
            async with self._http.request(
                method,
                self._api_url + path,
                data=data,
                headers=headers,
                timeout=_timeout(timeout),
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                content = await _read(response)
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = _failure(error, reading=method in _READING)
        else:
            self._remember(route, response)
            if response.status == HTTPStatus.NO_CONTENT:
                return None
            return self._judge(method, response, content, auth=auth)
        # Out here it has no context, so no traceback shows the cause, whose text may hold the path.
        raise failure

    async def download(self, url: str) -> AsyncGenerator[bytes, None]:
        """What stands at an address that Discord gave, piece by piece; it is asked for no token.

        Raises `Unavailable`, and `Refused` with the HTTP status as its code.
        """
        if self._http.closed:
            raise Unavailable("the HTTP session is closed")
        failure: GatewayError | None = None
        try:
            async with self._http.get(
                url,
                headers=HEADERS,
                timeout=DOWNLOAD,
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                if response.status == HTTPStatus.OK:
                    async for chunk in response.content.iter_chunked(CHUNK):
                        yield chunk
                else:
                    failure = _not_handed_out(response.status)
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = _failure(error, reading=True)
        # As above: the address is signed, and opens the file for whoever has it.
        if failure is not None:
            raise failure

    # Limits. https://docs.discord.com/developers/topics/rate-limits

    async def _pause(self, route: str) -> None:
        """Wait where the last answer said that nothing is left. Raises `RateLimited`, and
        `TokenRefused` where it said so a moment ago."""
        now = asyncio.get_running_loop().time()
        if now < self._refused_until:
            raise TokenRefused("Discord refuses the token", retry_after=self._refused_until - now)
        if not self._pauses:
            return
        pause = max(self._pauses.get(key, 0.0) for key in (route, "")) - now
        if pause > LONGEST_PAUSE:
            raise RateLimited("Discord's limit is used up", retry_after=pause)
        if pause > 0:
            await asyncio.sleep(pause)

    def _remember(self, route: str, response: aiohttp.ClientResponse) -> None:
        # A refusal is told to the outbox, which waits longer than we do.
        refused = response.status == HTTPStatus.TOO_MANY_REQUESTS
        if refused or not route or response.headers.get("X-RateLimit-Remaining") != "0":
            return
        pause = _number(response.headers.get("X-RateLimit-Reset-After"))
        if pause > 0:
            self._hold(route, pause)

    def _hold(self, route: str, pause: float) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._pauses) >= MAX_PAUSES:
            self._pauses = {key: until for key, until in self._pauses.items() if until > now}
        self._pauses[route] = now + pause

    # Verdicts

    def _judge(
        self, method: str, response: aiohttp.ClientResponse, content: bytes, *, auth: bool
    ) -> Any:
        """What an answer that arrived says, or the error it stands for."""
        status, answer = response.status, _parsed(content)
        if status < HTTPStatus.MULTIPLE_CHOICES and answer is not None:
            return answer
        told = answer if isinstance(answer, dict) else {}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._limited(response, told)
        if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            words = f"Discord's answer is of no use: {_words(status, told)}"
            raise Unavailable(words) if method in _READING else OutcomeUnknown(words)
        if "message" not in told:
            raise NotAccepted(f"the answer ({status}) is not Discord's")
        error = _refusal(status, told, auth=auth)
        if isinstance(error, TokenRefused):
            self._refused_until = asyncio.get_running_loop().time() + error.retry_after
        raise error

    def _limited(self, response: aiohttp.ClientResponse, told: Mapping[str, Any]) -> RateLimited:
        asked = told.get("retry_after", response.headers.get(hdrs.RETRY_AFTER))
        pause = _number(asked) or (1.0 if told else BANNED)
        if told.get("global") is True or not told:
            self._hold("", pause)
        return RateLimited(f"Discord asks to wait for {pause:g} s", retry_after=pause)


@lru_cache(maxsize=32)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(seconds, sock_connect=CONNECT)


def _route(method: str, path: str) -> str:
    """What Discord counts together: the call on one channel, whichever of its messages it means."""
    head, *rest = path.partition("?")[0].strip("/").split("/")
    major, kinds = rest[:1], ("*" if part.isdigit() else part for part in rest[1:])
    return " ".join([method, head, *major, *kinds])


def _encoded(body: Any, files: Sequence[Upload] | None) -> bytes | aiohttp.FormData | None:
    try:
        content = None if body is None else orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise Refused(f"this cannot be put in JSON: {error}") from None
    if not files:
        return content
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", (content or b"{}").decode(), content_type="application/json")
    for number, file in enumerate(files):
        # Of a file aiohttp writes a piece at a time; of bytes all at once, which blocks the rest.
        form.add_field(
            f"files[{number}]",
            io.BytesIO(file.content),
            filename=file.name,
            content_type=file.media_type,
        )
    return form


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            response.close()
            raise aiohttp.ClientPayloadError
    return bytes(body)


def _parsed(content: bytes) -> Any:
    """Discord's JSON, None if somebody else wrote it."""
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict | list) else None


def _number(value: object) -> float:
    """Seconds that a header or a body tells; 0 if it tells none."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0


def _refusal(status: int, told: Mapping[str, Any], *, auth: bool) -> GatewayError:
    words, code = _words(status, told), told.get("code")
    code = code if isinstance(code, int) else 0
    if status == HTTPStatus.UNAUTHORIZED and auth:
        return TokenRefused(f"Discord refuses the token: {words}", retry_after=TOKEN_REFUSED)
    if code in _OVERLOADED:
        return Unavailable(f"Discord cannot do it now: {words}")
    return Gone(words, code=code) if code in _GONE else Refused(words, code=code)


def _words(status: int, told: Mapping[str, Any]) -> str:
    """What Discord says of it: in general, and of the fields that it means."""
    said = str(told.get("message") or "no words")
    fields = "; ".join(_complaints(told.get("errors"), ""))
    code = f", code {told['code']}" if told.get("code") else ""
    return f"{said}{': ' if fields else ''}{fields}"[:MAX_WORDS] + f" ({status}{code})"


def _complaints(errors: object, where: str, depth: int = 0) -> list[str]:
    """https://docs.discord.com/developers/reference#error-messages"""
    if not isinstance(errors, dict) or depth > 9:
        return []
    found = errors.get("_errors")
    here = [
        f"{where}: {each.get('message')}"
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict)
    ]
    for name, inner in errors.items():
        here += _complaints(inner, f"{where}.{name}".strip("."), depth + 1)
    return here


def _failure(error: Exception, *, reading: bool) -> GatewayError:
    """Name a failure by its kind alone: aiohttp's own texts quote the URL."""
    name = type(error).__name__
    if isinstance(error, _BEFORE_SENDING):
        reason = getattr(error, "os_error", None)
        told = f"{name} ({reason})" if reason else name
        return Unavailable(f"Discord cannot be reached: no connection: {told}")
    words = "no answer in time" if isinstance(error, TimeoutError) else f"connection lost: {name}"
    return Unavailable(f"Discord does not answer: {words}") if reading else OutcomeUnknown(words)


def _not_handed_out(status: int) -> GatewayError:
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"Discord does not hand out the file now ({status})")
    return Refused(f"Discord does not hand out the file ({status})", code=status)
