"""How a call goes wrong; the names are those of `gateway.testing.simulator.Fault`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from adapters.twilio.simulation.errors import ApiError, too_many
from gateway.testing.loopback import reset

HTML_PAGE = b"<html><head><title>Sign in</title></head><body>Welcome to our network</body></html>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What goes back for a call."""

    body: bytes = field(repr=False)
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """As aiohttp sends it."""
        return web.Response(
            status=self.status,
            body=self.body,
            headers={**self.headers, "Content-Type": self.media_type},
        )


def refusal(error: ApiError) -> Answer:
    """The answer that says no."""
    return Answer(body=orjson.dumps(error.body()), status=error.status, headers=error.headers)


async def suffer(
    fault: str,
    retry_after: float,
    request: web.BaseRequest,
    answer: Callable[[], Awaitable[Answer]],
) -> web.StreamResponse:
    """Let the fault happen to a call; `answer` carries it out, for those that come after that."""
    match fault:
        case "blocked":
            return refusal(ApiError(21610)).response()
        case "rate-limit":
            return refusal(too_many(retry_after)).response()
        case "server-error":
            return refusal(ApiError(20500)).response()
        case "malformed":
            return Answer(body=HTML_PAGE, media_type="text/html").response()
    if fault != "reset":
        given = await answer()
        if fault == "truncated-body":
            return await _truncated(request, given)
        if fault == "timeout-after-accept":
            # Cancelled when the client hangs up, or the simulator ends.
            await asyncio.get_running_loop().create_future()
    reset(request.transport)
    return web.Response()


async def _truncated(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.media_type})
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
