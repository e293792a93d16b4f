"""Where Twilio brings what people write, and what became of ours: answered once it is durable.

https://www.twilio.com/docs/usage/webhooks/messaging-webhooks
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.twilio.signatures import OTHERS, SIGNATURE, Form, Signatures, read_form
from gateway import Unavailable, UnreadableUpdate

MAX_BODY = 256 * 1024
READ_WITHIN = 10.0
"""Seconds that a request's body may take."""
FORM = b"application/x-www-form-urlencoded"
NOTHING = "<Response/>"
"""TwiML that says nothing."""

TAKEN = Response(status_code=204)
FORBIDDEN = Response(status_code=403)
TOO_SLOW = Response(status_code=408)
TOO_LARGE = Response(status_code=413)
NOT_A_FORM = Response(status_code=415)
COME_BACK = Response(status_code=503, headers={"Retry-After": "5"})

Report = Callable[[Mapping[str, str], Mapping[str, str]], Awaitable[None]]
"""Takes a form and the query's fields. Raises `Unavailable`."""


class Take(Protocol):
    """Makes one form durable; returns TwiML to answer with, if anything is to be said.

    Raises `Unavailable` or `UnreadableUpdate`.
    """

    async def __call__(self, form: Mapping[str, str], *, at: float) -> str | None: ...


class Webhooks:
    """The two ends of a channel. `take` is None while nobody takes messages.

    Twilio repeats only what it could not deliver at all: what is answered with 503 is fetched.
    """

    def __init__(self, channel: str, signatures: Signatures, log: Any) -> None:
        self.take: Take | None = None
        self.report: Report | None = None
        path = f"/webhooks/{channel}"
        self.messages = End(path, signatures, self._message, log)
        self.statuses = End(f"{path}/status", signatures, self._status, log)
        self._log = log

    async def _message(self, form: Form, query: Mapping[str, str]) -> Response:
        if self.take is None:
            return COME_BACK
        try:
            said = await self.take(form.plain(), at=time.time())
        except UnreadableUpdate as error:
            # No other try would make it readable.
            self._log.warning("twilio.event_skipped", error=str(error))
            said = None
        except Unavailable:
            return COME_BACK
        return Response(said or NOTHING, media_type="text/xml")

    async def _status(self, form: Form, query: Mapping[str, str]) -> Response:
        if self.report is None:
            return COME_BACK
        try:
            await self.report(form.plain(), query)
        except UnreadableUpdate as error:
            self._log.warning("twilio.event_skipped", error=str(error))
        except Unavailable:
            return COME_BACK
        return TAKEN


class End:
    """An ASGI application: it serves forms that Twilio signed for its very address."""

    def __init__(
        self,
        path: str,
        signatures: Signatures,
        serve: Callable[[Form, Mapping[str, str]], Awaitable[Response]],
        log: Any,
    ) -> None:
        self._path = path
        self._signatures = signatures
        self._serve = serve
        self._log = log
        self._doubts: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers, query = dict(scope["headers"]), scope.get("query_string", b"")
        response = await self._respond(headers, query, receive)
        await response(scope, receive, send)

    async def _respond(
        self, headers: Mapping[bytes, bytes], query: bytes, receive: Receive
    ) -> Response:
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != FORM:
            return NOT_A_FORM
        if not headers.get(SIGNATURE):
            # Whoever does not sign at all need not be read.
            return self._refuse(OTHERS)
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY):
            return TOO_LARGE
        try:
            async with asyncio.timeout(READ_WITHIN):
                body = await _read(receive)
        except TimeoutError:
            return TOO_SLOW
        if body is None:
            return TOO_LARGE
        form, asked = read_form(body), read_form(query)
        if form is None or asked is None:
            return FORBIDDEN
        if doubt := self._signatures.doubt(self._path, query, form, headers):
            return self._refuse(doubt)
        self._doubts.clear()
        return await self._serve(form, asked.plain())

    def _refuse(self, doubt: str) -> Response:
        if doubt not in self._doubts:
            self._log.warning("twilio.request_unauthorized", path=self._path, hint=doubt)
        self._doubts.add(doubt)
        return FORBIDDEN


async def _read(receive: Receive) -> bytes | None:
    """The body, or None when it is too large, or when its sender hung up."""
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if len(body) > MAX_BODY or event["type"] == "http.disconnect":
            return None
        if not event.get("more_body", False):
            return bytes(body)
