"""How a call goes wrong; the names are those of `gateway.testing.simulator.Fault`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import web

from adapters.telegram.simulation.errors import ApiError, forbidden, too_many_requests
from gateway.testing.loopback import reset

Answer = Callable[[], Awaitable[tuple[int, bytes]]]

HTML_PAGE = b"<html><head><title>Sign in</title></head><body>Welcome to our network</body></html>"
REFUSALS: Mapping[str, Callable[[float], ApiError]] = {
    "blocked": lambda _: forbidden("bot was blocked by the user"),
    "rate-limit": too_many_requests,
    "server-error": lambda _: ApiError(500, "Internal Server Error"),
}


def respond(status: int, body: bytes, *, file: bool = False) -> web.Response:
    """An answer as Telegram gives it; a file's content is of no type."""
    kind = "application/octet-stream" if file and status == 200 else "application/json"
    return web.Response(status=status, body=body, content_type=kind)


def refuse(error: ApiError) -> web.Response:
    """The answer that says no."""
    return respond(error.status, orjson.dumps(error.body()))


async def suffer(
    fault: str, retry_after: float, request: web.BaseRequest, answer: Answer
) -> web.StreamResponse:
    """Let the fault happen to a call; `answer` carries it out, for those that come after that."""
    if fault in REFUSALS:
        return refuse(REFUSALS[fault](retry_after))
    if fault == "malformed":
        return web.Response(body=HTML_PAGE, content_type="text/html")
    if fault != "reset":
        _, body = await answer()
        if fault == "truncated-body":
            return await _truncated(request, body)
        if fault == "timeout-after-accept":
            # Cancelled when the client hangs up, or the simulator ends.
            await asyncio.get_running_loop().create_future()
    reset(request.transport)
    return web.Response()


async def _truncated(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
