"""Errors as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response


def problem(
    status: int, title: str, detail: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """A problem document: what is wrong in general, and in this case."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Response(
        orjson.dumps(body), status, headers=headers, media_type="application/problem+json"
    )
