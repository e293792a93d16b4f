"""How a call goes wrong; the names are those of `gateway.testing.simulator.Fault`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from adapters.discord.simulation.errors import (
    ApiError,
    cannot_message,
    server_error,
    too_many_requests,
)
from gateway.testing.loopback import reset

HTML_PAGE = b"<html><head><title>Sign in</title></head><body>Welcome to our network</body></html>"
REFUSALS: Mapping[str, Callable[[float], ApiError]] = {
    "blocked": lambda _: cannot_message(),
    "rate-limit": too_many_requests,
    "server-error": lambda _: server_error(),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is answered; `kind` is its exact content type, which clients compare."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """The answer as Discord gives it."""
        headers = {**self.headers, "Content-Type": self.kind} if self.body else self.headers
        return web.Response(status=self.status, body=self.body, headers=headers)


def refusal(error: ApiError, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer that says no; a 429 comes from behind a proxy, as clients expect it to."""
    more = dict(headers or {})
    if error.status == 429:
        everywhere = error.details["global"]
        more["Retry-After"] = str(math.ceil(error.details["retry_after"]))
        more["X-RateLimit-Scope"] = "global" if everywhere else "user"
        more["Via"] = "1.1 google"
        if everywhere:
            more["X-RateLimit-Global"] = "true"
    return Answer(status=error.status, body=orjson.dumps(error.body()), headers=more)


async def suffer(
    fault: str,
    retry_after: float,
    request: web.BaseRequest,
    answer: Callable[[], Awaitable[Answer]],
) -> web.StreamResponse:
    """Let the fault happen to a call; `answer` carries it out, for those that come after that."""
    if fault in REFUSALS:
        return refusal(REFUSALS[fault](retry_after)).response()
    if fault == "malformed":
        return web.Response(body=HTML_PAGE, content_type="text/html")
    if fault != "reset":
        given = await answer()
        if fault == "truncated-body":
            return await _truncated(request, given.body)
        if fault == "timeout-after-accept":
            # Cancelled when the client hangs up, or the simulator ends.
            await asyncio.get_running_loop().create_future()
    reset(request.transport)
    return web.Response()


async def _truncated(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = max(len(body), 2)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
