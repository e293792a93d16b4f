"""The pages people open: the chat, the API's description, and their static files."""

from __future__ import annotations

import gzip
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.web.openapi import document

NOWHERE = "frame-ancestors 'none'"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    f"base-uri 'none'; form-action 'none'; {NOWHERE}; "
    "require-trusted-types-for 'script'; trusted-types dompurify"
)
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "max-age=300",
}
"""On the one script that other sites load."""


class Asset:
    """One file as it is sent: compressed once, and not at all to whoever has it already."""

    def __init__(self, kind: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._plain = content
        self._packed = gzip.compress(content, mtime=0)
        self._headers = {
            "Content-Type": TYPES[kind],
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            "ETag": f'W/"{blake2b(content, digest_size=12).hexdigest()}"',
            "Vary": "Accept-Encoding",
            **(headers or {}),
        }

    def response(self, request: Request) -> Response:
        """The file, or 304."""
        if request.headers.get("if-none-match") == self._headers["ETag"]:
            return Response(status_code=304, headers=self._headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self._packed, headers=self._headers | {"Content-Encoding": "gzip"})
        return Response(self._plain, headers=self._headers)


class Pages:
    """Serves the pages of one channel. ``agent`` finds who is meant by a name, or "" for nobody;
    ``file_bytes`` is how large a file may be, 0 for no limit; sites of these ``origins`` may show
    the chat within their own pages."""

    def __init__(
        self,
        title: str,
        theme: str,
        agent: Callable[[str], str],
        *,
        file_bytes: int,
        origins: Sequence[str] = (),
    ) -> None:
        self._title = title
        self._theme = theme
        self._agent = agent
        self._file_bytes = file_bytes
        self._origins = " ".join(origins)
        self._files = dict(_within(files("adapters.web").joinpath("static")))
        self._assets: dict[str, Asset] = {}

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route("/", self.chat),
            Route("/chat/{agent}", self.chat),
            Route("/docs", self.docs),
            Route("/openapi.json", self.openapi),
            Route("/static/{name:path}", self.static),
            Route("/widget.js", self.widget),
        ]

    async def chat(self, request: Request) -> Response:
        """The chat page, for the agent that the path names."""
        agent = self._agent(request.path_params.get("agent", ""))
        if not agent:
            return self._missing(request)
        return self._page("index.html", agent).response(request)

    async def docs(self, request: Request) -> Response:
        """The API's description, to read."""
        return self._page("docs.html").response(request)

    async def openapi(self, request: Request) -> Response:
        """The API's description, for programs."""
        make = lambda: document(self._title, version("chat-gateway"))  # noqa: E731
        return self._kept("openapi", "json", make).response(request)

    async def static(self, request: Request) -> Response:
        """One file of a page."""
        name = request.path_params["name"]
        kind = name.rpartition(".")[2]
        if name not in self._files or kind == "html" or kind not in TYPES:
            return self._missing(request)
        return self._kept(name, kind, lambda: self._files[name]).response(request)

    async def widget(self, request: Request) -> Response:
        """What puts the chat on another site's page."""
        make = lambda: self._files["widget.js"]  # noqa: E731
        return self._kept("widget.js for all", "js", make, ANYWHERE).response(request)

    def _missing(self, request: Request) -> Response:
        response = self._page("missing.html").response(request)
        response.status_code = 404
        return response

    def _page(self, name: str, agent: str = "") -> Asset:
        filled = {
            "title": self._title,
            "theme": self._theme,
            "agent": agent,
            "file_bytes": str(self._file_bytes),
            "origins": self._origins,
        }
        # Only the chat is for others to show.
        policy = POLICY.replace(NOWHERE, f"frame-ancestors {self._origins}")
        headers = {"Content-Security-Policy": policy} if agent and self._origins else None
        make = lambda: _filled(self._files[name], filled)  # noqa: E731
        return self._kept(f"{name}/{agent}", "html", make, headers)

    def _kept(
        self,
        key: str,
        kind: str,
        make: Callable[[], bytes],
        headers: Mapping[str, str] | None = None,
    ) -> Asset:
        if key not in self._assets:
            self._assets[key] = Asset(kind, make(), headers)
        return self._assets[key]


def _within(folder: Traversable, path: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _within(entry, f"{path}{entry.name}/")
        else:
            yield path + entry.name, entry.read_bytes()


def _filled(template: bytes, values: Mapping[str, str]) -> bytes:
    text = template.decode()
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", html.escape(value))
    return text.encode()
