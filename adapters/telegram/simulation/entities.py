"""Entities that a bot gives with its text, read, refused and put in order as TDLib does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from adapters.telegram.simulation.errors import ApiError, bad_request
from adapters.telegram.simulation.model import JsonObject
from adapters.telegram.simulation.vocabulary import words

MOST = 100
"""Telegram drops what is beyond."""
GIVEN = words("""
    blockquote bold code custom_emoji date_time expandable_blockquote italic pre spoiler
    strikethrough text_link text_mention underline
""")
# Telegram finds these by itself, and passes over those it is given.
FOUND = words("bot_command cashtag email hashtag mention phone_number url")
NEEDED = {
    "custom_emoji": "custom_emoji_id",
    "date_time": "unix_time",
    "text_link": "url",
    "text_mention": "user",
}
# These contain no others; https://core.telegram.org/bots/api#formatting-options.
SOLID = frozenset({"code", "pre"})
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
LINK = re.compile(r"(?:(https?|tg|ton)://|(\w+):)?([^/?#]*)", re.IGNORECASE)


def settled(text: str, given: Sequence[Any]) -> list[JsonObject]:
    """The entities that a text has on Telegram; `given` count in UTF-16 units of the same text.

    Raises what TDLib says to those it cannot read, or that do not fit the text.
    """
    starts = _starts(text)
    entities = [entity for each in given for entity in _read(each) if _fits(entity, starts)]
    ranges = [_span(entity) for entity in entities if entity["type"] in SOLID]
    pieces = [
        piece
        for entity in entities
        for piece in ([entity] if entity["type"] in SOLID | QUOTES else _around(entity, ranges))
    ]
    return _uncrossed(pieces)[:MOST]


def moved(entities: Sequence[JsonObject], by: int, length: int) -> list[JsonObject]:
    """The entities once a text was cut to `length` units, `by` units further on."""
    clipped = (
        _cut(entity, max(start - by, 0), min(end - by, length))
        for entity in entities
        for start, end in [_span(entity)]
    )
    return [entity for entity in clipped if entity["length"] > 0]


def _starts(text: str) -> dict[int, int]:
    """Where characters begin, the end included: UTF-16 offset to UTF-8 offset."""
    starts, units, size = {}, 0, 0
    for character in text:
        starts[units] = size
        units += 2 if ord(character) > 0xFFFF else 1
        size += len(character.encode())
    starts[units] = size
    return starts


def _read(given: Any) -> Iterator[JsonObject]:
    kind = given.get("type")
    if kind is None:
        raise _unreadable('Can\'t find field "type"')
    if kind in FOUND:
        return
    if kind not in GIVEN:
        raise _unreadable("Unsupported type specified")
    for name in ("offset", "length", *([NEEDED[kind]] if kind in NEEDED else ())):
        if name not in given:
            raise _unreadable(f'Can\'t find field "{name}"')
    if kind == "text_link":
        _check_link(str(given["url"]))
    yield dict(given)


def _check_link(url: str) -> None:
    parts = LINK.match(url)
    known, other, host = parts.groups() if parts else (None, None, "")
    if other and not known:
        raise bad_request(f"entity URL '{url}' is invalid: Unsupported URL protocol")
    if (known or "http").lower() in {"http", "https"} and "." not in host and host != "localhost":
        raise bad_request(f"entity URL '{url}' is invalid: Wrong HTTP URL")


def _fits(entity: JsonObject, starts: dict[int, int]) -> bool:
    """Whether there is something of it. Raises `ApiError` where it does not fit."""
    offset, length = entity["offset"], entity["length"]
    for name, value in (("offset", offset), ("length", length)):
        if not isinstance(value, int) or not 0 <= value <= 1_000_000:
            raise bad_request(f"receive an entity with incorrect {name} {value}")
    if length == 0:
        return False
    end, last = offset + length, max(starts)
    if offset > last:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
    if offset not in starts:
        raise bad_request(
            f"entity begins in a middle of a UTF-16 symbol at byte offset {starts[offset + 1]}"
        )
    if end in starts:
        return True
    where = f"entity beginning at UTF-16 offset {offset} ends"
    if end > last:
        raise bad_request(f"{where} after the end of the text at UTF-16 offset {end}")
    raise bad_request(f"{where} in a middle of a UTF-16 symbol at byte offset {starts[end + 1]}")


def _around(entity: JsonObject, ranges: Sequence[tuple[int, int]]) -> Iterator[JsonObject]:
    """What is left of an entity outside of these ranges."""
    start, end = _span(entity)
    for left, right in sorted(ranges):
        if left >= end or right <= start:
            continue
        if left > start:
            yield _cut(entity, start, left)
        start = max(start, right)
    if start < end:
        yield _cut(entity, start, end)


def _uncrossed(entities: Sequence[JsonObject]) -> list[JsonObject]:
    """The same in order, those that cross another's end cut in two there."""
    waiting = sorted(entities, key=_order, reverse=True)
    nested: list[JsonObject] = []
    ends: list[int] = []
    while waiting:
        entity = waiting.pop()
        start, end = _span(entity)
        while ends and ends[-1] <= start:
            ends.pop()
        if ends and end > ends[-1]:
            waiting.append(_cut(entity, ends[-1], end))
            waiting.sort(key=_order, reverse=True)
            entity = _cut(entity, start, ends[-1])
        ends.append(_span(entity)[1])
        nested.append(entity)
    return nested


def _order(entity: JsonObject) -> tuple[int, int, str]:
    return entity["offset"], -entity["length"], entity["type"]


def _span(entity: JsonObject) -> tuple[int, int]:
    return entity["offset"], entity["offset"] + entity["length"]


def _cut(entity: JsonObject, start: int, end: int) -> JsonObject:
    return {**entity, "offset": start, "length": end - start}


def _unreadable(text: str) -> ApiError:
    return bad_request(f"can't parse MessageEntity: {text}")
