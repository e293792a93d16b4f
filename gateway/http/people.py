"""What operators do for people who ask them instead of the bot: hand out, and erase, what is kept.

A person is named as their platform does, by the id that ``gateway sessions list`` shows.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from gateway.exporting import pieces
from gateway.http.operator import route
from gateway.ports.records import PersonScope
from gateway.privacy import ZIP, Privacy, person

PERSON = "/operator/people/{channel}/{id:path}"


def routes(privacy: Privacy, token: str) -> list[BaseRoute]:
    """``/operator/people/…``."""

    async def export(request: Request) -> Response:
        stack = AsyncExitStack()
        file, _ = await stack.enter_async_context(privacy.archive(_scope(request)))
        return StreamingResponse(
            pieces(file),
            media_type=ZIP,
            headers={"Content-Disposition": 'attachment; filename="export.zip"'},
            background=BackgroundTask(stack.aclose),
        )

    async def forget(request: Request) -> object:
        erased = await privacy.erase(_scope(request))
        await privacy.scrub()
        return {"erased": asdict(erased)}

    return [
        route(f"{PERSON}/export", "GET", token, export),
        route(f"{PERSON}/forget", "POST", token, forget),
    ]


def _scope(request: Request) -> PersonScope:
    return person(request.path_params["channel"], request.path_params["id"])
