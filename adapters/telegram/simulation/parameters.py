"""Parameters as they arrive: query, form, JSON or multipart, and everything possibly a string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
from aiohttp import web

from adapters.telegram.simulation.errors import bad_request

JsonObject = dict[str, Any]
Convert = Callable[[str], Any]
Wanted = Callable[[Any], bool]


async def read_parameters(request: web.BaseRequest) -> JsonObject:
    """Everything a call brings along, as it came; raises once the client is gone."""
    _, _, query = request.raw_path.partition("?")
    parameters: JsonObject = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    if kind == "multipart/form-data":
        parameters.update(await _multipart(request))
        return parameters
    body = await request.content.read()
    if kind == "application/json" and body:
        parameters.update(_json_object(body))
    elif body:
        parameters.update(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return parameters


def _json_object(body: bytes) -> JsonObject:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise bad_request("can't parse request JSON")
    return parsed


async def _multipart(request: web.BaseRequest) -> JsonObject:
    fields: JsonObject = {}
    async for part in aiohttp.MultipartReader(request.headers, request.content):
        if not isinstance(part, aiohttp.BodyPartReader):
            raise bad_request("nested multipart")
        content = bytes(await part.read())
        if part.filename is None:
            fields[part.name or ""] = content.decode(errors="replace")
        else:
            fields[part.name or ""] = {"file_name": part.filename, "file_size": len(content)}
    return fields


def typed(raw: JsonObject) -> JsonObject:
    """The same with numbers, flags and nested objects out of their strings.

    Raises what Telegram answers to a parameter that it cannot read.
    """
    parameters = dict(raw)
    for name, value in raw.items():
        if name in _READ:
            convert, wanted = _READ[name]
            try:
                parameters[name] = found = convert(value) if isinstance(value, str) else value
            except ValueError:
                found = None
            if not wanted(found):
                raise bad_request(f"can't parse parameter {name}")
    return parameters


def _flag(text: str) -> bool:
    return text.lower() in {"true", "yes", "1"}


def _chat_id(text: str) -> int | str:
    return text if text.startswith("@") else int(text)


def _is(*kinds: type) -> Wanted:
    return lambda value: isinstance(value, kinds)


def _list_of(kind: type) -> Wanted:
    return lambda value: isinstance(value, list) and all(isinstance(each, kind) for each in value)


def _table(names: str, convert: Convert, wanted: Wanted) -> dict[str, tuple[Convert, Wanted]]:
    return dict.fromkeys(names.split(), (convert, wanted))


# How to read what came as a string, and whether it, or what came in JSON, is of the right kind.
_READ: dict[str, tuple[Convert, Wanted]] = {
    **_table("chat_id", _chat_id, _is(int, str)),
    **_table("callback_query_id parse_mode secret_token text url", str, _is(str, int, float)),
    **_table(
        "cache_time draft_id limit max_connections message_id message_thread_id offset timeout"
        " user_id",
        int,
        _is(int),
    ),
    **_table(
        "allow_paid_broadcast can_stop disable_notification drop_pending_updates is_big"
        " keep_on_stop protect_content show_alert",
        _flag,
        _is(bool),
    ),
    **_table("allowed_updates", orjson.loads, _list_of(str)),
    **_table("commands entities reaction", orjson.loads, _list_of(dict)),
    **_table("link_preview_options reply_markup reply_parameters scope", orjson.loads, _is(dict)),
}
