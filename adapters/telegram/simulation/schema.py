"""Checks calls against a description of the Bot API, where one is at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

SUBTYPE = re.compile(r"^\s*- ([A-Z]\w+)\s*$", re.MULTILINE)
ALTERNATIVES = re.compile(r" or | and |, ")
ARRAY = "Array of "


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """A method or type: the type of each field, and the fields it cannot do without."""

    fields: Mapping[str, str]
    required: frozenset[str]
    subtypes: tuple[str, ...] = ()


class Schema:
    """The Bot API as described by aiogram's `schema.json` (`{"api", "items"}`)."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        entries = [entry for group in description["items"] for entry in group["children"]]
        self.version: str = description["api"]["version"]
        self._described = {entry["name"]: _read(entry) for entry in entries}

    def violations(self, name: str, value: Mapping[str, Any]) -> Iterator[str]:
        """Yield one line for everything wrong with a method's parameters or a type's object.

        Wrong is what the description does not know, or requires in vain.
        """
        described = self._described.get(name)
        if described is None:
            yield f"{name}: not in Bot API {self.version}"
        else:
            yield from self._object(name, described, value)

    def _object(self, where: str, described: Described, value: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted(described.required - value.keys()):
            yield f"{where}: {name} is missing"
        for name, content in value.items():
            wanted = described.fields.get(name)
            if wanted is None:
                yield f"{where}: {name} is unknown"
            else:
                yield from self._value(f"{where}.{name}", wanted, content)

    def _value(self, where: str, wanted: str, value: Any) -> Iterator[str]:
        if wanted.startswith(ARRAY):
            yield from self._array(where, wanted.removeprefix(ARRAY), _loaded(value))
            return
        findings = [list(self._one(where, kind, value)) for kind in ALTERNATIVES.split(wanted)]
        yield from min(findings, key=len)

    def _array(self, where: str, wanted: str, value: Any) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no array"
            return
        for index, element in enumerate(value):
            yield from self._value(f"{where}[{index}]", wanted, element)

    def _one(self, where: str, kind: str, value: Any) -> Iterator[str]:
        if kind in _SCALARS:
            if not _SCALARS[kind](value):
                yield f"{where}: {value!r} is no {kind}"
            return
        described = self._described[kind]
        if described.subtypes:
            findings = [list(self._one(where, subtype, value)) for subtype in described.subtypes]
            yield from min(findings, key=len)
        elif described.fields:
            value = _loaded(value)
            if isinstance(value, dict):
                yield from self._object(where, described, value)
            else:
                yield f"{where}: {value!r} is no {kind}"


def _read(entry: Mapping[str, Any]) -> Described:
    fields = entry["annotations"]
    subtypes = () if fields else SUBTYPE.findall(entry["description"])
    return Described(
        fields={field["name"]: field["type"] for field in fields},
        required=frozenset(field["name"] for field in fields if field["required"]),
        subtypes=tuple(subtypes),
    )


def _loaded(value: Any) -> Any:
    """What a form holds as a string of JSON."""
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return value


def _is_integer(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"-?\d+", value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(_loaded(value), float)


# Everything may come as a string; a number where Telegram wants a string, it refuses.
_SCALARS: Mapping[str, Callable[[Any], bool]] = {
    "Boolean": lambda value: _loaded(value) in (True, False),
    "Float": _is_number,
    "Integer": _is_integer,
    "String": lambda value: isinstance(value, str),
    "True": lambda value: _loaded(value) is True,
}
