"""Calls, checked against a description of the Web API: every method's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.slack.simulation.model import JsonObject

KINDS: Mapping[str, tuple[type, ...]] = {
    "array": (list, str),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
}
# A token may come as an argument; an organisation's apps name the workspace everywhere.
ALWAYS = frozenset({"token", "team_id"})
# What the description takes to be required, and what does in its place.
INSTEAD = {("chat.appendStream", "markdown_text"): "chunks"}


class Schema:
    """The description: by method, its `args` with their `type` and whether they are `required`."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._methods = described

    def violations(self, method: str, given: JsonObject) -> Iterator[str]:
        """What is wrong with a call, in words."""
        described = self._methods.get(method)
        if described is None:
            yield f"{method}: no such method"
            return
        arguments = described["args"]
        for name, argument in arguments.items():
            instead = INSTEAD.get((method, name), name)
            if argument.get("required") and name not in given and instead not in given:
                yield f"{method}: {name} is missing"
        for name, value in given.items():
            if name in ALWAYS:
                continue
            if name not in arguments:
                yield f"{method}: {name} is unknown"
            elif not _fits(value, arguments[name].get("type")):
                yield f"{method}.{name}: {value!r} is no {arguments[name]['type']}"


def _fits(value: Any, kind: str | None) -> bool:
    kinds = KINDS.get(kind or "")
    if kinds is None:
        return True
    return isinstance(value, kinds) and (kind == "boolean" or not isinstance(value, bool))
