"""How Discord says no: a status, a code that clients act on, and words.

The codes are those of https://docs.discord.com/developers/topics/opcodes-and-status-codes#json.
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal. `details` are more members of the answer's JSON."""

    def __init__(self, status: int, code: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        """What `refusals` say of it: status, code, words, and which field it is about."""
        errors = self.details.get("errors", {})
        found = "".join(f"; {where}: {text}" for where, text in _flat(errors, ""))
        return f"{self.status} {self.code} {self.message}{found}"

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"message": self.message, "code": self.code, **self.details}


def unauthorized() -> ApiError:
    """401: nobody has this token."""
    return ApiError(401, 0, "401: Unauthorized")


def not_found() -> ApiError:
    """404: no such route."""
    return ApiError(404, 0, "404: Not Found")


def missing_access() -> ApiError:
    """403: the bot does not see this channel."""
    return ApiError(403, 50001, "Missing Access")


def cannot_message() -> ApiError:
    """403: this person takes no direct messages of the bot."""
    return ApiError(403, 50007, "Cannot send messages to this user")


def unknown(what: str, code: int) -> ApiError:
    """404: there is nothing of this id."""
    return ApiError(404, code, f"Unknown {what}")


def unknown_message() -> ApiError:
    """404: it was deleted, or never was."""
    return unknown("Message", 10008)


def too_large() -> ApiError:
    """413: more than a request or a file may hold."""
    return ApiError(413, 40005, "Request entity too large")


def server_error() -> ApiError:
    """500: broken down."""
    return ApiError(500, 0, "500: Internal Server Error")


def too_many_requests(retry_after: float, *, everywhere: bool = False) -> ApiError:
    """429: wait so many seconds; `everywhere` when it is about the bot as a whole."""
    details = {"retry_after": retry_after, "global": everywhere}
    return ApiError(429, 0, "You are being rate limited.", **details)


def invalid(where: str, code: str, message: str) -> ApiError:
    """400: a field is wrong; `where` is its path, with dots."""
    found: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(where.split(".")):
        found = {name: found}
    return ApiError(400, 50035, "Invalid Form Body", errors=found)


def too_long(where: str, most: int, least: int = 0) -> ApiError:
    """400: a text has the wrong length."""
    if least:
        words = f"Must be between {least} and {most} in length."
        return invalid(where, "BASE_TYPE_BAD_LENGTH", words)
    return invalid(where, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def _flat(errors: dict[str, Any], where: str) -> list[tuple[str, str]]:
    if "_errors" in errors:
        return [(where, error["message"]) for error in errors["_errors"]]
    found = []
    for name, inner in errors.items():
        found += _flat(inner, f"{where}.{name}" if where else name)
    return found
