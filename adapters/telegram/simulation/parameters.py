"""Parameters as they arrive: query, form, JSON or multipart, and everything possibly a string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
from aiohttp import web

from adapters.telegram.simulation.errors import ApiError, bad_request
from adapters.telegram.simulation.files import MAX_UPLOAD, Upload

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
    too_large = False
    async for part in aiohttp.MultipartReader(request.headers, request.content):
        if not isinstance(part, aiohttp.BodyPartReader):
            raise bad_request("nested multipart")
        content = bytes(await part.read())
        # The whole is read before it is refused: whoever still writes would not see the answer.
        too_large = too_large or len(content) > MAX_UPLOAD
        if part.filename is None:
            fields[part.name or ""] = content.decode(errors="replace")
        else:
            media_type = part.headers.get("Content-Type", "")
            upload = Upload(name=part.filename, media_type=media_type, content=content)
            fields[part.name or ""] = upload
    if too_large:
        raise ApiError(413, "Request Entity Too Large")
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


def readable(parameters: JsonObject) -> JsonObject:
    """The same for people: of a file, what it is called and how large it is."""
    return {
        name: value.described() if isinstance(value, Upload) else value
        for name, value in parameters.items()
    }


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
    **_table(
        "business_connection_id callback_query_id caption file_id language_code parse_mode"
        " secret_token text url",
        str,
        _is(str, int, float),
    ),
    **_table(
        "cache_time draft_id duration height length limit max_connections message_id"
        " message_thread_id offset timeout user_id width",
        int,
        _is(int),
    ),
    **_table(
        "allow_paid_broadcast can_stop disable_content_type_detection disable_notification"
        " drop_pending_updates has_spoiler is_big keep_on_stop protect_content show_alert"
        " show_caption_above_media supports_streaming",
        _flag,
        _is(bool),
    ),
    **_table("allowed_updates", orjson.loads, _list_of(str)),
    **_table("message_ids", orjson.loads, _list_of(int)),
    **_table("caption_entities commands entities media reaction", orjson.loads, _list_of(dict)),
    **_table("link_preview_options reply_markup reply_parameters scope", orjson.loads, _is(dict)),
}
