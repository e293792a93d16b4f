"""Files behind signed links, served so that nothing in them can act in anybody's page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.errors import Unavailable
from gateway.files import SHOWN, LinkRefused
from gateway.http.problems import problem
from gateway.ports.records import StoredFile

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TITLES = {403: "Not a link of ours", 404: "No such file", 410: "The link has expired"}
_NO_STORE = {"Cache-Control": "no-store"}


class Opening(Protocol):
    """Finds what a link opens."""

    async def open(self, file_id: str, exp: str, sig: str) -> tuple[StoredFile, Path]:
        """The file and where it stands. Raises ``LinkRefused``."""
        ...


def routes(files: Opening) -> list[BaseRoute]:
    """``GET /files/ID?exp=…&sig=…``, in ranges too."""

    async def serve(request: Request) -> Response:
        given = request.query_params
        expires = given.get("exp", "")
        try:
            found = await files.open(request.path_params["id"], expires, given.get("sig", ""))
        except LinkRefused as refused:
            return problem(refused.status, _TITLES[refused.status], str(refused), _NO_STORE)
        except Unavailable as error:
            wait = {"Retry-After": str(round(error.retry_after) or 1), **_NO_STORE}
            return problem(503, "Not available", "Please try again in a moment.", wait)
        return _response(*found, int(expires))

    return [Route("/files/{id}", serve)]


def _response(file: StoredFile, path: Path, expires: int) -> Response:
    age = max(0, expires - int(time.time()))
    return FileResponse(
        path,
        headers={
            **HEADERS,
            "Cache-Control": f"private, max-age={age}, immutable",
            "ETag": f'"{file.digest}"',
        },
        media_type=file.media_type,
        filename=file.name,
        content_disposition_type="inline" if file.media_type in SHOWN else "attachment",
    )
