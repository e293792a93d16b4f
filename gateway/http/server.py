"""uvicorn inside our own loop: the daemon owns the signals and decides when to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import ConfigurationError, Problem
from gateway.http.problems import problem

_STOP_WITHIN = 5
_KEEP_ALIVE = 75


async def _not_found(request: Request, _: Exception) -> Response:
    return problem(404, "Nothing here", f"There is no {request.url.path}.")


async def _not_allowed(request: Request, _: Exception) -> Response:
    return problem(405, "Not this way", f"{request.url.path} does not take {request.method}.")


async def _broken(_: Request, __: Exception) -> Response:
    return problem(500, "Something went wrong", "The gateway's log says what.")


HOOKS = "/webhooks/"
_ANSWERS = {404: _not_found, 405: _not_allowed, 500: _broken}


def build(routes: Sequence[BaseRoute]) -> ASGIApp:
    """The one ASGI app. Webhooks are the message path: they are found by their path alone, before
    anything else is looked at; the other routes are tried in the order given."""
    hooks = {r.path: r.app for r in routes if isinstance(r, Route) and r.path.startswith(HOOKS)}
    app = Starlette(routes=list(routes), exception_handlers=_ANSWERS)

    async def front_door(scope: Scope, receive: Receive, send: Send) -> None:
        hook = hooks.get(scope.get("path", ""))
        to = hook if hook is not None and scope.get("method") == "POST" else app
        await to(scope, receive, send)

    return front_door


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve ``app`` until the block ends; yields its address.

    Raises ``ConfigurationError`` when the address cannot be listened on.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        server_header=False,
        timeout_graceful_shutdown=_STOP_WITHIN,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await _started(server, task)
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def _started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    for _ in range(2000):
        if server.started or task.done():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError("the HTTP server did not start within 10 s")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        hint = "is another gateway running? choose another port, or stop it"
        what = f"cannot listen on {host}:{port}: {error.strerror}"
        raise ConfigurationError([Problem(where="gateway.listen", what=what, hint=hint)]) from None
