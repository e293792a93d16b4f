"""Fields of a raw event: what they should be, and what to say of one that is not."""

from __future__ import annotations

import re
from typing import Any

from gateway import UnreadableUpdate

JsonObject = dict[str, Any]

# Control characters, and those that turn the direction in which text is shown.
_DISRUPTIVE = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TIME = re.compile(r"([0-9]{1,12})\.([0-9]{1,6})")


def an_object(parent: JsonObject, field: str, path: str) -> JsonObject:
    """The object in this field. Raises `UnreadableUpdate`, as the next ones do."""
    value = parent.get(field)
    if isinstance(value, dict):
        return value
    raise _wrong(parent, field, path, "an object")


def an_id(parent: JsonObject, field: str, path: str) -> str:
    """The id in this field, as Slack gives to everything: letters and digits."""
    value = parent.get(field)
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise _wrong(parent, field, path, "an id")


def a_time(parent: JsonObject, field: str, path: str) -> str:
    """The time in this field, which is a message's id within its channel: "1726133700.887259"."""
    value = parent.get(field)
    if isinstance(value, str) and _TIME.fullmatch(value):
        return value
    raise _wrong(parent, field, path, 'a time such as "1726133700.887259"')


def order_of(time: str) -> int:
    """Such a time in microseconds: what comes later is larger."""
    seconds, _, fraction = time.partition(".")
    return int(seconds) * 1_000_000 + int(fraction.ljust(6, "0"))


def an_optional_id(parent: JsonObject, field: str) -> str:
    """The id in this field, or an empty text."""
    value = parent.get(field)
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


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
    line = _DISRUPTIVE.sub("", " ".join(text[: 4 * longest].split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _wrong(parent: JsonObject, field: str, path: str, wanted: str) -> UnreadableUpdate:
    problem = f"is not {wanted}" if parent.get(field) is not None else "is missing"
    return UnreadableUpdate(f"{path}.{field} {problem}" if path else f"{field} {problem}")
