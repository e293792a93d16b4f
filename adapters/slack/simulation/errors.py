"""How the Web API says no. The words are Slack's own: clients match on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A refusal: Slack's word for it, and what else stands in the answer."""

    def __init__(
        self,
        error: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.headers = dict(headers or {})
        self.more = more

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"ok": False, "error": self.error, **self.more}


def invalid(error: str, *messages: str) -> ApiError:
    """A refusal that says in words what is wrong with the arguments."""
    if not messages:
        return ApiError(error)
    return ApiError(error, response_metadata={"messages": [f"[ERROR] {m}" for m in messages]})


def rate_limited(retry_after: float) -> ApiError:
    """429; https://docs.slack.dev/apis/web-api/rate-limits.

    Slack sends whole seconds; fractions below one pass through so that tests need not wait.
    """
    wait = f"{retry_after:g}" if retry_after < 1 else str(math.ceil(retry_after))
    return ApiError("ratelimited", status=429, headers={"Retry-After": wait})
