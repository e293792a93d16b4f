"""The webhook's end of a Telegram channel: an update is acknowledged once it is durable.

https://core.telegram.org/bots/api#setwebhook
"""

from __future__ import annotations

import hmac
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.telegram.polling import Take
from gateway import Unavailable, UnreadableUpdate

MAX_BODY = 2**20
SECRET_HEADER = b"x-telegram-bot-api-secret-token"

TAKEN = Response(status_code=200)
UNAUTHORIZED = Response(status_code=401)
TOO_LARGE = Response(status_code=413)
COME_BACK = Response(status_code=503, headers={"Retry-After": "5"})


class Webhook:
    """An ASGI application: whoever knows the secret is Telegram.

    Telegram repeats what is not answered with 2xx; `take` is None while nobody takes updates.
    """

    def __init__(self, secret: str, log: Any) -> None:
        self.take: Take | None = None
        self._secret = secret.encode()
        self._log = log
        self._refused = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = await self._respond(scope, receive)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        secret, length = b"", b""
        for name, value in scope["headers"]:
            if name == SECRET_HEADER:
                secret = value
            elif name == b"content-length":
                length = value
        if not hmac.compare_digest(secret, self._secret):
            return self._refuse()
        self._refused = False
        if self.take is None:
            return COME_BACK
        body = None if length.isdigit() and int(length) > MAX_BODY else await _read(receive)
        if body is None:
            return TOO_LARGE
        try:
            await self.take(body)
        except UnreadableUpdate as error:
            # Refused, it would come back for a day; no try will make it readable.
            self._log.warning("telegram.update_skipped", error=str(error))
        except Unavailable:
            return COME_BACK
        return TAKEN

    def _refuse(self) -> Response:
        if not self._refused:
            hint = "somebody else, or Telegram with another secret: is the webhook set by hand?"
            self._log.warning("telegram.webhook_unauthorized", hint=hint)
        self._refused = True
        return UNAUTHORIZED


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
