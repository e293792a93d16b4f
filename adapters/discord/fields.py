"""Fields of a raw event: what they should be, and what to say of one that is not."""

from __future__ import annotations

import re
from typing import Any

from gateway import UnreadableUpdate

JsonObject = dict[str, Any]

# Control characters, and those that turn the direction in which text is shown.
_DISRUPTIVE = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_ID = re.compile("[1-9][0-9]{0,18}")
_TOO_LARGE = str(2**63)
_EPOCH_MS = 1_420_070_400_000


def an_object(parent: JsonObject, field: str, path: str) -> JsonObject:
    """The object in this field. Raises `UnreadableUpdate`, as the next ones do."""
    value = parent.get(field)
    if isinstance(value, dict):
        return value
    raise _wrong(parent, field, path, "an object")


def an_integer(parent: JsonObject, field: str, path: str) -> int:
    """The integer in this field."""
    value = parent.get(field)
    if type(value) is int:
        return value
    raise _wrong(parent, field, path, "an integer")


def an_id(parent: JsonObject, field: str, path: str) -> str:
    """The snowflake in this field. https://docs.discord.com/developers/reference#snowflakes"""
    value = parent.get(field)
    if isinstance(value, str) and is_id(value):
        return value
    raise _wrong(parent, field, path, "a snowflake")


def is_id(value: object) -> bool:
    """Whether it is a snowflake: a number in digits, such as a database can hold."""
    # The same number must not be written in two ways: lanes are found by it.
    return (
        isinstance(value, str)
        and _ID.fullmatch(value) is not None
        and (len(value) < len(_TOO_LARGE) or value < _TOO_LARGE)
    )


def snowflake(at: float) -> int:
    """The lowest id that something of this time has."""
    return max(0, int(at * 1000) - _EPOCH_MS) << 22


def ids(parent: JsonObject, field: str) -> list[str]:
    """The snowflakes in the list in this field; what is none is left out."""
    value = parent.get(field)
    return [one for one in value if is_id(one)] if isinstance(value, list) else []


def a_string(parent: JsonObject, field: str) -> str:
    """The text in this field, or an empty one: for what nothing depends on."""
    value = parent.get(field)
    return value if isinstance(value, str) else ""


def a_detail(parent: JsonObject, field: str) -> JsonObject:
    """The object in this field, or an empty one."""
    value = parent.get(field)
    return value if isinstance(value, dict) else {}


def details(parent: JsonObject, field: str) -> list[JsonObject]:
    """The objects in the list in this field; what is none is left out."""
    value = parent.get(field)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def in_one_line(text: str, longest: int = 200) -> str:
    """Text for a line of our own: nothing that breaks or turns it, cut where it gets too long."""
    line = " ".join(text[: 4 * longest].split())
    if not line.isprintable():
        line = _DISRUPTIVE.sub("", line)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _wrong(parent: JsonObject, field: str, path: str, wanted: str) -> UnreadableUpdate:
    problem = f"is not {wanted}" if parent.get(field) is not None else "is missing"
    return UnreadableUpdate(f"{path}.{field} {problem}" if path else f"{field} {problem}")
