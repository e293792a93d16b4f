"""Errors as RFC 9457 wants them: application/problem+json, in words for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from gateway import Receipt, Unavailable

# Python 3.13 renames two of the phrases; what a client sees should not depend on the interpreter.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Refusal(Exception):
    """A request that gets an error for an answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.errors = errors

    def response(self) -> Response:
        """The problem document."""
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": _TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            problem["errors"] = self.errors
        return Response(
            orjson.dumps(problem),
            self.status,
            {**NO_STORE, **(self.headers or {})},
            "application/problem+json",
        )


NO_STORE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""On everything that says what somebody said."""


def unauthorized(detail: str) -> Refusal:
    """No valid token."""
    return Refusal(401, detail, headers={"WWW-Authenticate": "Bearer"})


def unavailable(error: Unavailable | None = None) -> Refusal:
    """The gateway is starting, stopping, or its store is away."""
    wait = error.retry_after if error else 1.0
    detail = "The service is not available right now. Please try again in a moment."
    return Refusal(503, detail, headers={"Retry-After": _whole(wait)})


def too_many(what: str, seconds: float) -> Refusal:
    """More than a limit allows; after so many seconds there may be another."""
    wait = _whole(seconds)
    detail = f"Too many {what}. Please try again in {wait} s."
    return Refusal(429, detail, headers={"Retry-After": wait})


def invalid(error: ValidationError) -> Refusal:
    """A body or query that is not what was asked for: 400 when it is not JSON, else 422."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Refusal(400, found[0]["msg"])
    errors = [
        {
            "field": ".".join(map(str, entry["loc"])),
            "detail": entry["msg"].removeprefix("Value error, "),
        }
        for entry in found
    ]
    detail = "; ".join(": ".join(filter(None, entry.values())) for entry in errors)
    return Refusal(422, detail, errors=errors)


def judged(receipt: Receipt) -> Refusal | None:
    """What a receipt that is not an acceptance means for its sender."""
    if receipt.conflict:
        return Refusal(409, "This message_id was used before, for another message.")
    if receipt.retry_after is not None:
        return too_many("messages", receipt.retry_after)
    if receipt.outcome == "refused":
        return Refusal(403, f"The message was refused: {receipt.reason or 'not allowed here'}.")
    if receipt.outcome != "accepted":
        return Refusal(422, f"The message was not taken: {receipt.reason or 'nothing to do'}.")
    return None


def _whole(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
