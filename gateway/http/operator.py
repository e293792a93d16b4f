"""The operators' API: what the command line writes through while the gateway runs."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.errors import LimitExceeded, Unavailable
from gateway.http.problems import problem

Act = Callable[[str], Awaitable[None]]
Work = Callable[[Request], Awaitable[object]]


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

    def acting(path: str, method: str, act: Act) -> BaseRoute:
        async def work(request: Request) -> object:
            subject: str = request.path_params["id"]
            await act(subject)
            return {"id": subject}

        return route(path, method, token, work)

    return [
        acting("/operator/sessions/{id}/reset", "POST", acts.reset_session),
        acting("/operator/sessions/{id}", "DELETE", acts.delete_session),
        acting("/operator/deliveries/{id}/retry", "POST", acts.retry_delivery),
        acting("/operator/deliveries/{id}/discard", "POST", acts.discard_delivery),
        acting("/operator/inbox/{id}/retry", "POST", acts.retry_row),
        acting("/operator/inbox/{id}/discard", "POST", acts.discard_row),
    ]


def route(path: str, method: str, token: str, work: Work) -> BaseRoute:
    """A route for operators alone, which answers with what ``work`` returns, as JSON if it is no
    response yet. Errors become problems."""

    async def endpoint(request: Request) -> Response:
        if not _allowed(request, token):
            return problem(
                401,
                "Not an operator",
                "Send the operator token as a bearer token."
                if token
                else "No operator token is configured (gateway.operator_token).",
            )
        try:
            answer = await work(request)
        except LookupError as error:
            return problem(404, "No such thing", str(error.args[0] if error.args else error))
        except LimitExceeded as error:
            return problem(413, "More than a limit allows", str(error))
        except ValueError as error:
            return problem(400, "This cannot be", str(error))
        except Unavailable as error:
            return problem(503, "Away", str(error))
        if isinstance(answer, Response):
            return answer
        return Response(orjson.dumps(answer), media_type="application/json")

    return Route(path, endpoint, methods=[method])


def _allowed(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    matches = hmac.compare_digest(given.encode(), token.encode())
    return bool(token) and scheme.lower() == "bearer" and matches
