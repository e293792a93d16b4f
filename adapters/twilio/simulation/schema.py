"""Checks calls against Twilio's own descriptions of its products, where they are at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from adapters.twilio.simulation.model import JsonObject
from adapters.twilio.simulation.parameters import Call
from adapters.twilio.simulation.vocabulary import Route

# What the descriptions leave out: the Media Content Service.
UNDESCRIBED = frozenset({"UploadMedia", "FetchServiceMedia", "GetMedia"})
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Schema:
    """The products as their OpenAPI files describe them."""

    def __init__(self, descriptions: Iterable[Mapping[str, Any]]) -> None:
        self._operations: list[tuple[re.Pattern[str], JsonObject, Mapping[str, Any]]] = []
        self._validators: dict[str, Draft202012Validator] = {}
        for description in descriptions:
            for path, operations in description["paths"].items():
                spelled = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
                schemas = description["components"]["schemas"]
                self._operations.append((re.compile(spelled), operations, schemas))

    def violations(self, route: Route, call: Call) -> Iterator[str]:
        """Yield one line for everything wrong with a call."""
        if route.name in UNDESCRIBED:
            return
        described, schemas = self._find(route, call.path)
        if described is None:
            yield f"{route.name}: no such call"
            return
        yield from self._query(route.name, described, schemas, call)
        content = described.get("requestBody", {}).get("content", {})
        if call.json is not None:
            if JSON not in content:
                yield f"{route.name}: takes no JSON"
                return
            schema = _expanded(content[JSON]["schema"], schemas)
            yield from self._errors(route.name, schema, dict(call.json))
        elif FORM in content:
            schema = _expanded(content[FORM]["schema"], schemas)
            yield from self._fields(route.name, schema, call)
        elif call.form:
            yield f"{route.name}: takes no form"

    def mismatches(self, route: Route, path: str, answer: Any) -> Iterator[str]:
        """The same of an answer."""
        described, schemas = self._find(route, path)
        content = (described or {}).get("responses", {}).get(str(route.status), {}).get("content")
        for each in (content or {}).values():
            schema = _expanded(each["schema"], schemas)
            yield from self._errors(f"{route.name} answers", schema, answer)

    def _find(self, route: Route, path: str) -> tuple[JsonObject | None, Mapping[str, Any]]:
        found = [
            (pattern.pattern.count("[^/]+"), operations[route.verb.lower()], schemas)
            for pattern, operations, schemas in self._operations
            if route.verb.lower() in operations and pattern.fullmatch(path)
        ]
        if not found:
            return None, {}
        # One that names more of the path comes first: `{Sid}` would take everything.
        _, described, schemas = min(found, key=lambda each: each[0])
        return described, schemas

    def _query(
        self, name: str, described: JsonObject, schemas: Mapping[str, Any], call: Call
    ) -> Iterator[str]:
        parameters = described.get("parameters", ())
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        for key, one in known.items():
            if one.get("required") and key not in call.query:
                yield f"{name}: {key} is missing"
        for key, value in call.query.items():
            if key in known:
                schema = _expanded(known[key]["schema"], schemas)
                yield from self._errors(f"{name}.{key}", schema, _typed(schema, [value]))
            else:
                yield f"{name}: {key} is unknown"

    def _fields(self, name: str, schema: JsonObject, call: Call) -> Iterator[str]:
        properties = schema.get("properties", {})
        for key in schema.get("required", ()):
            if key not in call.form:
                yield f"{name}: {key} is missing"
        for key, values in call.form.items():
            if key not in properties:
                yield f"{name}: {key} is unknown"
            else:
                value = _typed(properties[key], values)
                yield from self._errors(f"{name}.{key}", properties[key], value)

    def _errors(self, where: str, schema: JsonObject, value: Any) -> Iterator[str]:
        validator = self._validators.setdefault(where, Draft202012Validator(schema))
        for error in validator.iter_errors(value):
            deepest = best_match([error]) or error
            path = "".join(f"[{part!r}]" for part in deepest.absolute_path)
            yield f"{where}{path}: {deepest.message}"[:300]


def _typed(schema: JsonObject, values: list[str]) -> Any:
    """A form's texts as what they stand for."""
    kind = schema.get("type")
    if kind == "array" or len(values) > 1:
        return values
    (value,) = values
    # Words may be spelled large or small.
    for word in schema.get("enum", ()):
        if isinstance(word, str) and word.lower() == value.lower():
            return word
    if kind in {"integer", "number"} and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value) if "." in value else int(value)
    if kind == "boolean" and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return value


def _expanded(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """The same without references, and as the validator understands it.

    `nullable` is OpenAPI 3.0's own.
    """
    if isinstance(schema, list):
        return [_expanded(each, schemas) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        # What stands beside a reference does not count.
        return _expanded(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    changed = {key: _expanded(each, schemas) for key, each in schema.items()}
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        changed["type"] = [schema["type"], "null"]
    return changed
