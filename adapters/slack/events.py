"""The Events API's end of a Slack channel: an event is acknowledged once it is durable.

https://docs.slack.dev/apis/events-api/using-http-request-urls,
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway import Unavailable, UnreadableUpdate

Take = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any] | None]]
"""Makes one event durable; returns what to answer its sender with, if anything. Raises
`Unavailable` or `UnreadableUpdate`."""

TOLERANCE = 300.0
"""Seconds by which a request may be older or newer than now: others are replayed."""
LONGEST_TIMESTAMP = 16
MAX_BODY = 2**20
READ_WITHIN = 10.0
"""Seconds that a request's body may take."""
MAX_FIELDS = 100
SIGNATURE = b"x-slack-signature"
TIMESTAMP = b"x-slack-request-timestamp"
RETRY = b"x-slack-retry-num"

TAKEN = Response(status_code=200)
UNREADABLE = Response(status_code=400)
UNAUTHORIZED = Response(status_code=401)
TOO_SLOW = Response(status_code=408)
TOO_LARGE = Response(status_code=413)
COME_BACK = Response(status_code=503, headers={"Retry-After": "5"})


class Events:
    """An ASGI application: whoever signs with the secret is Slack.

    Slack repeats what is not answered with 2xx, three times within some minutes; `take` is None
    while nobody takes events. `repeated` is called when Slack says that it tries once more.
    """

    def __init__(self, secret: str, log: Any) -> None:
        self.take: Take | None = None
        self.repeated: Callable[[], None] = lambda: None
        self._secret = secret.encode()
        self._log = log
        self._refused = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = await self._respond(dict(scope["headers"]), receive)
        await response(scope, receive, send)

    async def _respond(self, headers: Mapping[bytes, bytes], receive: Receive) -> Response:
        timestamp, length = headers.get(TIMESTAMP, b""), headers.get(b"content-length", b"")
        if not is_recent(timestamp, time.time()):
            return self._refuse()
        if length.isdigit() and (len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY):
            return TOO_LARGE
        try:
            async with asyncio.timeout(READ_WITHIN):
                body = await _read(receive)
        except TimeoutError:
            return TOO_SLOW
        if body is None:
            return TOO_LARGE
        signature = headers.get(SIGNATURE, b"")
        if not is_genuine(
            self._secret, timestamp=timestamp, signature=signature, body=body, now=time.time()
        ):
            return self._refuse()
        self._refused = False
        return await self._take(headers, body)

    async def _take(self, headers: Mapping[bytes, bytes], body: bytes) -> Response:
        event = _event(headers.get(b"content-type", b""), body)
        if event is None:
            self._log.warning("slack.event_skipped", error="the body is neither JSON nor a form")
            return UNREADABLE
        if event.get("type") == "url_verification":
            return _json({"challenge": event.get("challenge")})
        if self.take is None:
            return COME_BACK
        if headers.get(RETRY, b"0") != b"0":
            self.repeated()
        try:
            answer = await self.take(event)
        except UnreadableUpdate as error:
            # Refused, it would come again; no try will make it readable.
            self._log.warning("slack.event_skipped", error=str(error))
            return TAKEN
        except Unavailable:
            return COME_BACK
        return _json(answer) if answer else TAKEN

    def _refuse(self) -> Response:
        if not self._refused:
            hint = "somebody else, Slack with another signing secret, or a clock that is wrong"
            self._log.warning("slack.request_unauthorized", hint=hint)
        self._refused = True
        return UNAUTHORIZED


def _event(content_type: bytes, body: bytes) -> dict[str, Any] | None:
    """What a signed body says; None when it says nothing."""
    if content_type.partition(b";")[0].strip().lower() == b"application/x-www-form-urlencoded":
        return _form(body)
    return _object(body)


def _form(body: bytes) -> dict[str, Any] | None:
    """A form holds its payload as JSON, or is a slash command itself.

    https://docs.slack.dev/interactivity/handling-user-interaction
    """
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    form = {name: values[-1] for name, values in fields.items()}
    return _object(form["payload"].encode()) if "payload" in form else form


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _json(content: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


async def _read(receive: Receive) -> bytes | None:
    """The body, or None when it is too large, or when its sender hung up."""
    body: bytes = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if len(body) > MAX_BODY or event["type"] == "http.disconnect":
            return None
        if not event.get("more_body", False):
            return body


# Signatures


def is_recent(timestamp: bytes, now: float) -> bool:
    """Whether a request's timestamp is one, in ASCII digits, and of these minutes."""
    # Of bytes, isdigit takes only the ASCII digits.
    if not timestamp.isdigit() or len(timestamp) > LONGEST_TIMESTAMP:
        return False
    return abs(now - int(timestamp)) <= TOLERANCE


def is_genuine(
    secret: bytes, *, timestamp: bytes, signature: bytes, body: bytes, now: float
) -> bool:
    """Whether this very body was signed with the secret just now; without a secret none was."""
    if not secret or not is_recent(timestamp, now):
        return False
    return hmac.compare_digest(signature, sign(secret, timestamp, body))


def sign(secret: bytes, timestamp: bytes, body: bytes) -> bytes:
    """The signature of a body, as its header says it."""
    whole = b"v0:" + timestamp + b":" + body
    return b"v0=" + hmac.digest(secret, whole, "sha256").hex().encode()
