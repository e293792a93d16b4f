"""Arguments as they arrive: query, form, JSON or multipart; those of a form are all strings."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
from aiohttp import web

from adapters.slack.simulation.errors import ApiError
from adapters.slack.simulation.model import JsonObject
from adapters.slack.simulation.vocabulary import words

JSON_LIKE = words("attachments chunks files loading_messages metadata prompts view")
FLAGS = words("""
    exclude_archived inclusive include_all_metadata link_names mrkdwn reply_broadcast return_im
    prevent_creation include_locale include_num_members unfurl_links unfurl_media
""")
NUMBERS = words("limit length")


async def read_arguments(request: web.BaseRequest) -> JsonObject:
    """Everything a call brings along, as it came; raises once the client is gone."""
    arguments: JsonObject = query_of(request)
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    if kind == "multipart/form-data":
        return {**arguments, **await _multipart(request)}
    body = await request.content.read()
    if kind == "application/json" and body:
        return {**arguments, **_json_object(body)}
    return {**arguments, **dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))}


def query_of(request: web.BaseRequest) -> JsonObject:
    """What stands in the address."""
    _, _, query = request.raw_path.partition("?")
    return dict(parse_qsl(query, keep_blank_values=True))


async def read_upload(request: web.BaseRequest) -> bytes:
    """A file that is posted: bare, or as the only file of a form."""
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    if kind != "multipart/form-data":
        return await request.content.read()
    content = b""
    async for part in aiohttp.MultipartReader(request.headers, request.content):
        if isinstance(part, aiohttp.BodyPartReader):
            content = bytes(await part.read())
    return content


def typed(raw: JsonObject) -> JsonObject:
    """The same with numbers, flags and nested objects out of their strings. Raises `ApiError`."""
    given = dict(raw)
    for name, value in raw.items():
        if not isinstance(value, str):
            continue
        if name in FLAGS:
            given[name] = value.lower() in {"1", "true"}
        elif name in NUMBERS and value.isascii() and value.isdigit():
            given[name] = int(value)
        elif name in JSON_LIKE and value:
            given[name] = _parsed(name, value)
    return given


def _parsed(name: str, value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        error = "invalid_metadata_format" if name == "metadata" else "invalid_arguments"
        raise ApiError(error) from None


def _json_object(body: bytes) -> JsonObject:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError("invalid_json") from None
    if not isinstance(parsed, dict):
        raise ApiError("json_not_object")
    return parsed


async def _multipart(request: web.BaseRequest) -> JsonObject:
    fields: JsonObject = {}
    async for part in aiohttp.MultipartReader(request.headers, request.content):
        if isinstance(part, aiohttp.BodyPartReader):
            fields[part.name or ""] = bytes(await part.read()).decode(errors="replace")
    return fields
