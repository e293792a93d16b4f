"""Is it alive, is it ready, what does it measure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

Ready = Callable[[], Awaitable[Mapping[str, str]]]
"""What readiness depends on, each with ``ok`` or what is wrong."""


def routes(ready: Ready, metrics: Callable[[], bytes]) -> list[BaseRoute]:
    """``/livez``, ``/readyz`` and ``/metrics``."""

    async def livez(_: Request) -> Response:
        return Response("ok", media_type="text/plain")

    async def readyz(_: Request) -> Response:
        parts = await ready()
        well = all(state == "ok" for state in parts.values())
        body = orjson.dumps({"ready": well, **parts}, option=orjson.OPT_INDENT_2)
        return Response(body, 200 if well else 503, media_type="application/json")

    async def show(_: Request) -> Response:
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", show),
    ]
