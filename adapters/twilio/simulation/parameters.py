"""Calls as they arrive: what the path says, the query, and the body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
from aiohttp import web

from adapters.twilio.simulation.errors import ApiError


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call: its name, where it went, and what it brings. Of a form, every field's values.

    `told` are the headers that mean something. `content` is an upload's.
    """

    name: str
    path: str
    names: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, list[str]] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    content: bytes = field(default=b"", repr=False)
    media_type: str = ""
    file_name: str = ""
    hears_itself: bool = False

    def get(self, name: str, default: str = "") -> str:
        """A field of the form's."""
        return self.form.get(name, [default])[0]

    def flat(self) -> dict[str, Any]:
        """Everything it brings, as it is remembered."""
        fields = {key: each[0] if len(each) == 1 else each for key, each in self.form.items()}
        size = {"size": len(self.content)} if self.content else {}
        return {**self.names, **self.query, **fields, **(self.json or {}), **size}


async def read_call(request: web.BaseRequest, name: str, names: Mapping[str, str]) -> Call:
    """Take all of a request in; raises once the client is gone, or `ApiError`."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
    path, _, query = request.raw_path.partition("?")
    body = await request.content.read() if kind != "multipart/form-data" else b""
    common: dict[str, Any] = {
        "name": name,
        "path": path,
        "names": names,
        "query": dict(parse_qsl(query, keep_blank_values=True)),
        "hears_itself": request.headers.get("X-Twilio-Webhook-Enabled", "").lower() == "true",
    }
    if kind == "application/json":
        return Call(**common, json=_json(body))
    if kind == "multipart/form-data":
        return Call(**common, **await _multipart(request))
    if name == "UploadMedia":
        return Call(**common, content=body, media_type=kind)
    form: dict[str, list[str]] = {}
    for key, value in parse_qsl(body.decode(errors="replace"), keep_blank_values=True):
        form.setdefault(key, []).append(value)
    return Call(**common, form=form)


def credentials(request: web.BaseRequest) -> tuple[str, str]:
    """Who calls, and their password; both empty where there is no telling."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError(20001, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise ApiError(20001, "the body is no JSON object")
    return found


async def _multipart(request: web.BaseRequest) -> dict[str, Any]:
    """The file of an upload."""
    found: dict[str, Any] = {}
    async for part in aiohttp.MultipartReader(request.headers, request.content):
        if isinstance(part, aiohttp.BodyPartReader):
            found = {
                "content": bytes(await part.read()),
                "media_type": part.headers.get("Content-Type", "application/octet-stream"),
                "file_name": part.filename or "",
            }
    return found
