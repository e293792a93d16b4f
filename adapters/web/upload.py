"""One file as a browser's form sends it, read while it arrives: never whole in memory.

``multipart/form-data``: RFC 7578; how browsers write a name: https://html.spec.whatwg.org/#multipart-form-data
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from adapters.web.problems import Refusal

FIELD = "file"

SILENCE = 30.0
"""Seconds without a byte after which an upload is given up."""

WHOLE = 900.0
"""Seconds that an upload may take."""

_AROUND = 65_536
"""Bytes of a body that are not the file: boundaries, headers, an epilogue."""

_FORM = "Send multipart/form-data with one field called file."
_ESCAPES = (("%22", '"'), ("%0D", " "), ("%0A", " "))

# What is wrong with a stranger's form is told to the stranger.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class Upload:
    """The file that ``request`` carries; ``name`` and ``media_type`` are what its sender says, and
    known once ``begin`` returned. ``limit`` is the file's in bytes; 0 is none.

    Raises a ``Refusal`` for what is not one whole file, at the byte that shows it.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self.name = ""
        self.media_type = ""
        self._form = _Form(request.headers.get("content-type", ""))
        self._most = limit + _AROUND if limit else 0
        self._read = 0
        declared = request.headers.get("content-length", "0")
        if self._most and declared.isdecimal() and int(declared[:20]) > self._most:
            raise self._too_large()
        self._body = _patient(request.stream())

    async def begin(self) -> None:
        """Read up to the file's first byte."""
        while not self._form.begun:
            await self._feed()
        self.name, self.media_type = self._form.told()

    async def content(self) -> AsyncGenerator[bytes]:
        """The file's bytes. Ends only when the form ended as it should, with nothing else in it."""
        pieces = self._form.pieces
        while pieces or not self._form.over:
            while pieces:
                yield pieces.popleft()
            if not self._form.over:
                await self._feed()
        async for epilogue in self._body:
            self._count(epilogue)

    async def _feed(self) -> None:
        piece = await anext(self._body, None)
        if piece is None:
            raise Refusal(422, f"The upload broke off. {_FORM}" if self._read else _FORM)
        self._count(piece)
        self._form.write(piece)

    def _count(self, piece: bytes) -> None:
        self._read += len(piece)
        if self._most and self._read > self._most:
            raise self._too_large()

    def _too_large(self) -> Refusal:
        most = self._most - _AROUND
        words = f"{most / (1 << 20):.3g} MB" if most >= 1 << 20 else f"{most:,} bytes"
        return Refusal(413, f"The file is larger than {words}.")


class _Form:
    """A form with one part, parsed; ``pieces`` are of its file."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
            raise Refusal(422, _FORM)
        self.begun = self.over = False
        self.pieces: deque[bytes] = deque()
        self._parts = 0
        self._field = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
            max_header_count=8,
            max_header_size=8192,
        )

    def write(self, piece: bytes) -> None:
        """Parse what came."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise Refusal(422, f"The form cannot be read. {_FORM}") from None

    def told(self) -> tuple[str, str]:
        """What the sender says that the file is called, and what it is."""
        name = self._disposition().get(b"filename", b"").decode("utf-8", "replace")
        for escape, meant in _ESCAPES:
            name = name.replace(escape, meant)
        return name, self._headers.get(b"content-type", b"").decode("latin-1")

    def _disposition(self) -> dict[bytes, bytes]:
        header = self._headers.get(b"content-disposition", b"")
        return parse_options_header(header.decode("latin-1"))[1]

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise Refusal(422, _FORM)

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        if self._disposition().get(b"name") != FIELD.encode():
            raise Refusal(422, _FORM)
        self.begun = True

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self.pieces.append(data[start:end])

    def _on_end(self) -> None:
        if not self.begun:
            raise Refusal(422, _FORM)
        self.over = True


async def _patient(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The body's pieces, as long as they come."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WHOLE
    while True:
        try:
            async with asyncio.timeout(min(SILENCE, end - loop.time())):
                piece = await anext(body, None)
        except TimeoutError:
            raise Refusal(408, "The upload takes too long. Please try again.") from None
        except ClientDisconnect:
            raise Refusal(400, "The upload broke off.") from None
        if piece is None:
            return
        yield piece
