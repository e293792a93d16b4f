"""The operators' API, continued: what outlives sessions.

Whose it is stands in the query: ``agent`` for what is an agent's own, with ``channel`` and
``owner`` for what is a person's or a shared conversation's.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gateway.custody import Custody, Scope, entry
from gateway.http.inspecting import how_many
from gateway.http.operator import route
from gateway.ports.records import AgentScope, OwnerScope

_OBJECT = "the body should be a JSON object"


def routes(custody: Custody, token: str) -> list[BaseRoute]:
    """``/operator/owners``, ``/data``, ``/facts``, ``/drive`` and a session's overrides."""
    desk = _Desk(custody)
    return [
        route(f"/operator/{path}", method, token, work)
        for path, method, work in (
            ("owners", "GET", desk.owners),
            ("data", "GET", desk.data),
            ("data", "PATCH", desk.change),
            ("facts", "GET", desk.facts),
            ("facts", "POST", desk.add_fact),
            ("facts/{id}", "DELETE", desk.drop_fact),
            ("drive", "GET", desk.items),
            ("drive/{name:path}", "GET", desk.content),
            ("drive/{name:path}", "PUT", desk.put),
            ("drive/{name:path}", "DELETE", desk.remove),
            ("sessions/{id}/overrides", "PUT", desk.override),
        )
    ]


class _Desk:
    def __init__(self, custody: Custody) -> None:
        self._custody = custody

    async def owners(self, request: Request) -> object:
        found = await self._custody.owners(how_many(request, 100))
        return {"owners": [asdict(scope) for scope in found]}

    async def data(self, request: Request) -> object:
        return await self._custody.data(_whose(request))

    async def change(self, request: Request) -> object:
        """A key set to null is removed (RFC 7396, on the first level)."""
        body = await _object(request)
        put = {key: value for key, value in body.items() if value is not None}
        unset = [key for key, value in body.items() if value is None]
        return await self._custody.change(_whose(request), put, unset)

    async def facts(self, request: Request) -> object:
        words = request.query_params.get("words", "")
        found = await self._custody.facts(_owner(request), words, how_many(request, 100))
        return {"facts": [asdict(fact) for fact in found]}

    async def add_fact(self, request: Request) -> object:
        text = (await _object(request)).get("text")
        if not isinstance(text, str):
            raise ValueError("`text` is what to remember")  # noqa: TRY004
        return asdict(await self._custody.add_fact(_owner(request), text))

    async def drop_fact(self, request: Request) -> object:
        fact_id = request.path_params["id"]
        await self._custody.drop_fact(_owner(request), fact_id)
        return {"id": fact_id}

    async def items(self, request: Request) -> object:
        words = request.query_params.get("words", "")
        found = await self._custody.items(_whose(request), words, how_many(request, 100))
        return {"items": [entry(item) for item in found]}

    async def content(self, request: Request) -> object:
        item, content = await self._custody.content(_whose(request), request.path_params["name"])
        # Whatever it is, nothing of it runs here.
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=item.media_type, headers=headers)

    async def put(self, request: Request) -> object:
        media_type = request.headers.get("content-type", "")
        name = request.path_params["name"]
        item = await self._custody.put(_whose(request), name, await request.body(), media_type)
        return entry(item)

    async def remove(self, request: Request) -> object:
        name = request.path_params["name"]
        await self._custody.remove(_whose(request), name)
        return {"name": name}

    async def override(self, request: Request) -> object:
        overrides = await _object(request)
        session = await self._custody.override(request.path_params["id"], overrides)
        return {"id": session.id, "overrides": dict(session.overrides)}


def _whose(request: Request) -> Scope:
    asked = request.query_params
    agent, channel, owner = (asked.get(name, "") for name in ("agent", "channel", "owner"))
    if not agent:
        raise ValueError("`agent` says whose it is, with `channel` and `owner` for a person's")
    if not channel and not owner:
        return AgentScope(agent=agent)
    if not (channel and owner):
        raise ValueError("`channel` and `owner` belong together")
    return OwnerScope(channel=channel, agent=agent, owner=owner)


def _owner(request: Request) -> OwnerScope:
    scope = _whose(request)
    if isinstance(scope, AgentScope):
        what = "facts are a person's or a conversation's: give `channel` and `owner`"
        raise ValueError(what)  # noqa: TRY004 - the caller's value, not ours
    return scope


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except ValueError:
        raise ValueError(_OBJECT) from None
    if not isinstance(body, dict):
        raise ValueError(_OBJECT)  # noqa: TRY004
    return body
