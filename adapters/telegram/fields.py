"""Fields of a raw update: what they should be, and what to say of one that is not."""

from __future__ import annotations

from typing import Any

from gateway import UnreadableUpdate

JsonObject = dict[str, Any]


def an_object(parent: JsonObject, field: str, path: str) -> JsonObject:
    """The object in this field. Raises `UnreadableUpdate`, as the next one does."""
    value = parent.get(field)
    if isinstance(value, dict):
        return value
    raise _wrong(parent, field, path, "an object")


def an_integer(parent: JsonObject, field: str, path: str) -> int:
    """The integer in this field, such as a database can hold."""
    value = parent.get(field)
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    raise _wrong(parent, field, path, "an integer of 64 bits")


def a_number(parent: JsonObject, field: str, path: str) -> int:
    """The integer in this field, which counts something: it is not negative."""
    value = an_integer(parent, field, path)
    if value < 0:
        raise UnreadableUpdate(f"{path}.{field} is negative")
    return value


def a_string(parent: JsonObject, field: str) -> str:
    """The text in this field, or an empty one: for what nothing depends on."""
    value = parent.get(field)
    return value if isinstance(value, str) else ""


def _wrong(parent: JsonObject, field: str, path: str, wanted: str) -> UnreadableUpdate:
    problem = f"is not {wanted}" if parent.get(field) is not None else "is missing"
    return UnreadableUpdate(f"{path}.{field} {problem}" if path else f"{field} {problem}")
