"""python-telegram-bot over the gateway's one aiohttp session.

The Bot API knows no idempotency key, so what a failed call may have left behind decides what can be
done next. Each of these is at once PTB's error and the gateway's `SendError`, so that both sides of
the adapter understand it unchanged:

    NotAccepted         the platform took nothing: no connection, or a plain refusal to serve
    RateLimited         429: come back in `retry_after` seconds; also PTB's `RetryAfter`
    OutcomeUnknown      the request left and no usable answer came: it may stand on the platform
    └── AnswerTimedOut  the same, because the answer took too long; also PTB's `TimedOut`

Every other answer in the platform's own words (400, 401, 403, 404, 409, a migrated group) is what
PTB makes of it. The token stands in the URL of every call: no text here, and no exception chained
to one of these, repeats a URL.
"""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from aiohttp import hdrs
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

import gateway

MEBIBYTE = 2**20
CHUNK = 64 * 1024
DOWNLOAD = aiohttp.ClientTimeout(total=300.0, connect=10.0, sock_read=20.0)

# Raised while connecting, when not a byte of the request has left.
BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.ServerFingerprintMismatch,
)
NAMED_BY_PTB = frozenset({400, 401, 403, 404, 409})
HEADERS: Mapping[str, str] = {hdrs.USER_AGENT: BaseRequest.USER_AGENT}
JSON_HEADERS: Mapping[str, str] = {**HEADERS, hdrs.CONTENT_TYPE: "application/json"}


class NotAccepted(NetworkError, gateway.NotAccepted):
    """The platform certainly took nothing; the same call may be made again."""


class OutcomeUnknown(NetworkError, gateway.OutcomeUnknown):
    """The request left, and no usable answer came back: it may have been carried out."""


class AnswerTimedOut(OutcomeUnknown, TimedOut):
    """No answer in time, after the request had left."""


class RateLimited(RetryAfter, gateway.RateLimited):
    """Telegram's flood control; nothing was accepted."""

    def __init__(self, seconds: float) -> None:
        # Neither base's constructor: PTB's warns of a deprecation, each time.
        self.message = f"Flood control exceeded. Retry in {seconds:g} seconds"
        self._retry_after = timedelta(seconds=seconds)

    @property
    def retry_after(self) -> float:  # type: ignore[override]
        """Seconds to wait."""
        return self._retry_after.total_seconds()


class AiohttpRequest(BaseRequest):
    """Carries PTB's calls over a session that somebody else opens and closes.

    Timeouts are seconds, `None` waits for ever; PTB passes its own for single calls. An answer
    larger than `max_bytes` is not read to its end. Redirects are never followed.
    """

    __slots__ = ("_defaults", "_max_bytes", "_session")

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        read_timeout: float | None = 20.0,
        write_timeout: float | None = 20.0,
        connect_timeout: float | None = 5.0,
        pool_timeout: float | None = 5.0,
        max_bytes: int = 64 * MEBIBYTE,
    ) -> None:
        self._session = session
        self._defaults = (read_timeout, write_timeout, connect_timeout, pool_timeout)
        self._max_bytes = max_bytes

    @property
    def read_timeout(self) -> float | None:
        """Seconds an answer may take when the call does not say; PTB adds a long poll's own."""
        return self._defaults[0]

    async def initialize(self) -> None:
        """Nothing to open: the session is the gateway's."""

    async def shutdown(self) -> None:
        """Nothing to close: the session is the gateway's."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = BaseRequest.DEFAULT_NONE,
        connect_timeout: object = BaseRequest.DEFAULT_NONE,
        pool_timeout: object = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Make one call and return its HTTP status and body.

        Raises the errors of this module, and `BadRequest` for parameters that JSON cannot hold.
        """
        given = (read_timeout, write_timeout, connect_timeout, pool_timeout)
        timeout = _timeout(*map(_chosen, given, self._defaults))
        data, headers = _encode(request_data)
        if self._session.closed:
            raise NotAccepted("the HTTP session is closed")
        failure: TelegramError | None
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                body = await _read(response, self._max_bytes)
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = _failure(error)
        else:
            failure = _judge(method, response.status, body)
            if failure is None:
                return response.status, body
        # Out here it has no context, so no traceback shows the cause, whose text may hold the URL.
        raise failure

    async def stream(self, url: str) -> AsyncGenerator[bytes, None]:
        """The content at a URL, piece by piece. Raises the errors of this module."""
        if self._session.closed:
            raise NotAccepted("the HTTP session is closed")
        failure: TelegramError | None = None
        try:
            async with self._session.get(
                url, timeout=DOWNLOAD, allow_redirects=False, raise_for_status=False
            ) as response:
                if response.status == HTTPStatus.OK:
                    async for chunk in response.content.iter_chunked(CHUNK):
                        yield chunk
                else:
                    failure = NotAccepted(f"the answer is {response.status}")
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = _failure(error)
        # As above: out here it has no context that shows the URL.
        if failure is not None:
            raise failure

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read an answer that `do_request` let pass; PTB's own would log what it cannot read."""
        return _parse(payload) or {}


def _chosen(given: object, default: float | None) -> float | None:
    return given if given is None or isinstance(given, int | float) else default


@lru_cache(maxsize=64)
def _timeout(
    read: float | None, write: float | None, connect: float | None, pool: float | None
) -> aiohttp.ClientTimeout:
    """Translate httpx's four timeouts; aiohttp bounds writing only by the whole."""
    connecting = None if connect is None or pool is None else connect + pool
    total = (
        None if read is None or write is None or connecting is None else read + write + connecting
    )
    return aiohttp.ClientTimeout(total, connect=connecting, sock_read=read, sock_connect=connect)


def _encode(
    request: RequestData | None,
) -> tuple[bytes | aiohttp.FormData | None, Mapping[str, str]]:
    if request is None:
        return None, HEADERS
    if request.contains_files:
        return _form(request), HEADERS
    try:
        return orjson.dumps(request.parameters), JSON_HEADERS
    except orjson.JSONEncodeError as error:
        raise BadRequest(f"The parameters cannot be encoded: {error}") from None


def _form(request: RequestData) -> aiohttp.FormData:
    # Telegram takes names as they stand; quoted ones would be shown with their percent signs.
    form = aiohttp.FormData(quote_fields=False)
    for name, value in request.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime_type) in request.multipart_data.items():
        # Of a file aiohttp writes a piece at a time; of bytes all at once, which blocks the rest.
        body = io.BytesIO(content) if isinstance(content, bytes) else content
        form.add_field(name, body, filename=filename, content_type=mime_type)
    return form


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            response.close()
            raise aiohttp.ClientPayloadError
    return bytes(body)


def _parse(payload: bytes) -> dict[str, Any] | None:
    """The Bot API's answer, or nothing if somebody else wrote it."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) and "ok" in answer else None


def _judge(method: str, status: int, body: bytes) -> TelegramError | None:
    """What an answer that arrived means for the call, where PTB would not say it as we need it."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        answered = method != hdrs.METH_POST or body.startswith(b'{"ok":true,"result":')
        if answered or "result" in (_parse(body) or ()):
            return None
        return OutcomeUnknown(f"the answer ({status}) is not the Bot API's")
    answer = _parse(body)
    if answer is None:
        # A proxy spoke. Below 500 it refused to pass the call on; above, who knows how far it came.
        kind = OutcomeUnknown if status >= HTTPStatus.INTERNAL_SERVER_ERROR else NotAccepted
        return kind(f"the answer ({status}) is not the Bot API's")
    said = f"{answer.get('description')} ({status})"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited((answer.get("parameters") or {}).get("retry_after", 1.0))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return NotAccepted(said)
    # PTB makes the same bare `NetworkError` of anything it has no name for.
    return None if status in NAMED_BY_PTB else BadRequest(said)


def _failure(error: Exception) -> TelegramError:
    """Name a failure by its kind alone: aiohttp's own texts quote the URL."""
    name = type(error).__name__
    if isinstance(error, BEFORE_SENDING):
        reason = getattr(error, "os_error", None)
        return NotAccepted(f"no connection: {name}" + (f" ({reason})" if reason else ""))
    if isinstance(error, TimeoutError):
        return AnswerTimedOut("no answer in time")
    return OutcomeUnknown(f"connection lost before the answer: {name}")
