"""The operators' API: what the command line writes through while the gateway runs."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.http.problems import problem

Act = Callable[[str], Awaitable[None]]


class Acts(Protocol):
    """What an operator may do; each raises ``LookupError`` for an id that does not fit."""

    async def reset_session(self, session_id: str) -> None:
        """End it; its lane's next message starts afresh."""
        ...

    async def delete_session(self, session_id: str) -> None:
        """End it and delete everything in it."""
        ...

    async def retry_delivery(self, delivery_id: str) -> None:
        """Send it again."""
        ...

    async def discard_delivery(self, delivery_id: str) -> None:
        """Never send it."""
        ...

    async def retry_row(self, row_id: str) -> None:
        """Run a dead-lettered message again."""
        ...

    async def discard_row(self, row_id: str) -> None:
        """Erase a dead-lettered message."""
        ...


def routes(acts: Acts, token: str) -> list[BaseRoute]:
    """``/operator/...``; without a configured token every call is refused."""

    def route(path: str, method: str, act: Act) -> Route:
        async def endpoint(request: Request) -> Response:
            if not _allowed(request, token):
                return problem(
                    401,
                    "Not an operator",
                    "Send the operator token as a bearer token."
                    if token
                    else "No operator token is configured (gateway.operator_token).",
                )
            subject = request.path_params["id"]
            try:
                await act(subject)
            except LookupError as error:
                return problem(404, "No such thing", str(error))
            return Response(orjson.dumps({"id": subject}), media_type="application/json")

        return Route(path, endpoint, methods=[method])

    return [
        route("/operator/sessions/{id}/reset", "POST", acts.reset_session),
        route("/operator/sessions/{id}", "DELETE", acts.delete_session),
        route("/operator/deliveries/{id}/retry", "POST", acts.retry_delivery),
        route("/operator/deliveries/{id}/discard", "POST", acts.discard_delivery),
        route("/operator/inbox/{id}/retry", "POST", acts.retry_row),
        route("/operator/inbox/{id}/discard", "POST", acts.discard_row),
    ]


def _allowed(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    matches = hmac.compare_digest(given.encode(), token.encode())
    return bool(token) and scheme.lower() == "bearer" and matches
