"""Files: how they come with a call, and the CDN they are fetched from."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
import re
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import aiohttp
import orjson
from aiohttp import web

from adapters.discord.simulation.calls import Upload
from adapters.discord.simulation.errors import ApiError, invalid, not_found, too_large
from adapters.discord.simulation.model import Channel, JsonObject, StoredFile

MOST_FILES = 10
FILE_LIMIT = 10 * 1024 * 1024
REQUEST_LIMIT = 25 * 1024 * 1024
FIRST_FILE = 1_300_000_000_000_000_001
FIELD = re.compile(r"files\[(\d+)\]")
KEY = b"simulated"
ANYTHING = "application/octet-stream"


class Cdn:
    """Keeps files. Links are signed, and end after `lifetime` seconds.

    https://docs.discord.com/developers/reference#signed-attachment-cdn-urls
    """

    def __init__(self, url: Callable[[], str], clock: Callable[[], float], lifetime: float) -> None:
        self._url = url
        self._clock = clock
        self._lifetime = lifetime
        self._ids = count(FIRST_FILE)
        self._files: dict[int, StoredFile] = {}

    def keep(
        self, name: str, media_type: str, content: bytes, extra: JsonObject | None = None
    ) -> StoredFile:
        """Take a file in."""
        file = StoredFile(
            id=next(self._ids),
            name=re.sub(r"[^\w.-]+", "_", name) or "unknown",
            media_type=_media_type(name, media_type),
            content=content,
            extra=extra or {},
        )
        self._files[file.id] = file
        return file

    def link(self, channel: Channel, file: StoredFile) -> str:
        """Where it is from now on."""
        path = f"/attachments/{channel.id}/{file.id}/{quote(file.name)}"
        until = f"{int(self._clock() + self._lifetime):x}"
        return f"{self._url()}{path}?ex={until}&hm={_signed(path, until)}"

    def open(self, raw_path: str) -> StoredFile:
        """What a link leads to. Raises `ApiError`."""
        path, _, query = raw_path.partition("?")
        given = {name: values[-1] for name, values in parse_qs(query).items()}
        until = given.get("ex", "")
        signed = hmac.compare_digest(given.get("hm", ""), _signed(path, until))
        if not signed or int(until, 16) < self._clock():
            raise not_found()
        return self._files[int(path.split("/")[3])]


def _media_type(name: str, given: str) -> str:
    """What a file is said to be, or else what its name suggests."""
    if given not in {"", ANYTHING}:
        return given
    return mimetypes.guess_type(name)[0] or ANYTHING


def _signed(path: str, until: str) -> str:
    text = f"{unquote(path)}?{until}".encode()
    return hmac.new(KEY, text, hashlib.sha256).hexdigest()


async def read_body(request: web.BaseRequest) -> tuple[Any, dict[int, Upload]]:
    """The JSON of a call, and its files by their number. Raises `ApiError`."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request)
    content = await _whole(request.content, REQUEST_LIMIT)
    if not content:
        return None, {}
    if kind != "application/json":
        words = "Expected \"Content-Type\" header to be one of {'application/json'}."
        raise ApiError(400, 50035, words)
    return _loaded(content), {}


async def _read_form(request: web.BaseRequest) -> tuple[Any, dict[int, Upload]]:
    body: Any = None
    uploads: dict[int, Upload] = {}
    left = REQUEST_LIMIT
    async for part in await request.multipart():
        if not isinstance(part, aiohttp.BodyPartReader):
            raise ApiError(400, 50035, "Invalid Form Body")
        content = await _whole(part, left)
        left -= len(content)
        numbered = FIELD.fullmatch(part.name or "")
        if part.name == "payload_json":
            body = _loaded(content)
        elif numbered:
            kind = part.headers.get("Content-Type", "")
            uploads[int(numbered[1])] = Upload(
                name=part.filename or "", media_type=kind, content=content
            )
    _check(uploads)
    return body, uploads


async def _whole(reader: aiohttp.StreamReader | aiohttp.BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    large = False
    while piece := await _piece(reader):
        large = large or len(content) + len(piece) > limit
        if not large:
            content += piece
    if large:
        raise too_large()
    return bytes(content)


async def _piece(reader: aiohttp.StreamReader | aiohttp.BodyPartReader) -> bytes:
    if isinstance(reader, aiohttp.BodyPartReader):
        return bytes(await reader.read_chunk(1 << 16))
    return await reader.read(1 << 16)


def _check(uploads: dict[int, Upload]) -> None:
    if len(uploads) > MOST_FILES:
        raise invalid("files", "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_FILES} or fewer in length.")
    if any(len(file.content) > FILE_LIMIT for file in uploads.values()):
        raise too_large()
    if any(not file.name for file in uploads.values()):
        raise invalid("files", "BASE_TYPE_REQUIRED", "A file needs its name.")


def _loaded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None
