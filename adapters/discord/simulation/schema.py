"""Checks calls against Discord's own description of its API, where one is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from adapters.discord.simulation.model import JsonObject

METHODS = ("get", "post", "put", "patch", "delete")
ID_NAME = re.compile(r"(?:^|_)id$")
ID_LISTS = frozenset({"users", "roles", "sticker_ids"})


class Schema:
    """The API as `openapi.json` describes it."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._components = description["components"]
        self._bodies: dict[str, JsonObject] = {}
        self._validators: dict[str, Draft202012Validator] = {}
        for path in description["paths"].values():
            for method in METHODS:
                operation = path.get(method, {})
                content = operation.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    self._bodies[operation["operationId"]] = content["application/json"]["schema"]

    def violations(self, operation: str, body: Any) -> Iterator[str]:
        """Yield one line for everything wrong with a call's body."""
        if operation in self._bodies:
            schema = self._bodies[operation]
            yield from self._violations(operation, operation, schema, body)
            yield from self._unknown(operation, schema, body)

    def mismatches(self, name: str, value: Any) -> Iterator[str]:
        """The same of an object against the schema that is called so."""
        schema = {"$ref": f"#/components/schemas/{name}"}
        yield from self._violations(name, f"#{name}", schema, value)

    def _violations(self, where: str, key: str, schema: JsonObject, value: Any) -> Iterator[str]:
        if key not in self._validators:
            whole = {**schema, "components": self._components}
            self._validators[key] = Draft202012Validator(whole)
        for error in self._validators[key].iter_errors(_with_text_ids(value)):
            deepest = best_match([error]) or error
            path = "".join(f"[{part!r}]" for part in deepest.absolute_path)
            yield f"{where}{path}: {deepest.message}"[:300]

    def _unknown(self, where: str, schema: JsonObject, body: Any) -> Iterator[str]:
        """Fields on the first level that are not described: the validator lets them pass."""
        known = set(self._properties(schema))
        if known and isinstance(body, dict):
            yield from (f"{where}: {name} is unknown" for name in body if name not in known)

    def _properties(self, schema: JsonObject) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._components["schemas"][schema["$ref"].rpartition("/")[2]]
        yield from schema.get("properties", ())
        for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from self._properties(each)


def _with_text_ids(value: Any, name: str = "") -> Any:
    """The same with ids as text: Discord takes numbers too, which its description does not say.

    The `id` of a component is a number.
    """
    if isinstance(value, dict):
        numbered = {"id"} if isinstance(value.get("type"), int) else set()
        return {
            key: each if key in numbered else _with_text_ids(each, key)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_with_text_ids(each, name if name in ID_LISTS else "") for each in value]
    is_id = ID_NAME.search(name) or name in ID_LISTS
    return str(value) if is_id and isinstance(value, int) else value
