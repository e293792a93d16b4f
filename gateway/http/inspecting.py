"""The operators' API, continued: sessions to look at."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import BaseRoute

from gateway.http.operator import route
from gateway.inspection import Inspection
from gateway.ports.records import SessionQuery

MOST = 500


def routes(inspection: Inspection, token: str) -> list[BaseRoute]:
    """``GET /operator/sessions`` and what belongs to it."""

    async def listed(request: Request) -> object:
        asked = request.query_params
        query = SessionQuery(
            channel=asked.get("channel", ""),
            agent=asked.get("agent", ""),
            owner=asked.get("owner", ""),
            state=asked.get("state", ""),
            text=asked.get("text", ""),
            after_id=asked.get("after", ""),
            limit=how_many(request),
        )
        found = await inspection.sessions(query)
        return {"sessions": found, "next": found[-1]["id"] if len(found) == query.limit else None}

    async def one(request: Request) -> object:
        return await inspection.session(request.path_params["id"])

    async def searched(request: Request) -> object:
        asked = request.query_params
        words = asked.get("words", "")
        if not words.strip():
            raise ValueError("say what to search for, in `words`")
        channel = asked.get("channel", "")
        return {"found": await inspection.search(words, channel=channel, limit=how_many(request))}

    return [
        route("/operator/sessions", "GET", token, listed),
        route("/operator/sessions/{id}", "GET", token, one),
        route("/operator/messages", "GET", token, searched),
    ]


def how_many(request: Request, usual: int = 50) -> int:
    """The query's ``limit``. Raises ``ValueError``."""
    asked = request.query_params.get("limit", str(usual))
    plain = asked.isascii() and asked.isdigit() and len(asked) <= len(str(MOST))
    if not (plain and 1 <= int(asked) <= MOST):
        raise ValueError(f"`limit` is a number from 1 to {MOST}")
    return int(asked)
