"""How the Bot API says no. The texts are Telegram's own: clients match on them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal: HTTP status, description and, for some, parameters a client acts on."""

    def __init__(self, status: int, description: str, **parameters: object) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        body = {"ok": False, "error_code": self.status, "description": self.description}
        return {**body, "parameters": self.parameters} if self.parameters else body


def bad_request(text: str, **parameters: object) -> ApiError:
    """400: this call can never succeed as it is."""
    return ApiError(400, f"Bad Request: {text}", **parameters)


def forbidden(text: str) -> ApiError:
    """403: the bot may not write there."""
    return ApiError(403, f"Forbidden: {text}")


def conflict(text: str) -> ApiError:
    """409: another receiver is in the way."""
    return ApiError(409, f"Conflict: {text}")


def too_many_requests(retry_after: float) -> ApiError:
    """429. Telegram sends whole seconds; fractions pass through so that tests need not wait."""
    whole = int(retry_after) if float(retry_after).is_integer() else retry_after
    return ApiError(429, f"Too Many Requests: retry after {whole}", retry_after=whole)
