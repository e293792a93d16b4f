"""What is wrong, in words for people. Nothing here ever repeats a value from the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.observability.redaction import redact
from gateway.settings.lines import KeyPath, line_of

_EXPECTED = re.compile(r"'([^']*)'")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One complaint of a model; ``path`` is relative to the model's table."""

    path: KeyPath
    what: str
    hint: str = ""


def findings(
    error: ValidationError, model: type[BaseModel], also: Iterable[str] = ()
) -> Iterator[Finding]:
    """A model's complaints. ``also`` names keys of its table that the model does not know."""
    for details in error.errors(include_url=False):
        yield _finding(details, model, also)


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not among the known ones."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {listed(names)}" if names else ""


def listed(names: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(sorted(names))


def place(lines: Mapping[KeyPath, int], path: KeyPath) -> str:
    """A key as people write it, with its line."""
    line = line_of(lines, path)
    return dotted(path) + (f" (line {line})" if line else "")


def dotted(path: KeyPath) -> str:
    """``a.b[0]."c d"``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." + (part if _PLAIN_KEY.fullmatch(part) else f'"{part}"')
    return text.removeprefix(".")


def _finding(details: ErrorDetails, model: type[BaseModel], also: Iterable[str]) -> Finding:
    path = tuple(part for part in details["loc"] if part != "[key]")
    kind = details["type"]
    if kind == "extra_forbidden":
        keys = [*_keys(model, path[:-1]), *also]
        return Finding(path=path, what="unknown key", hint=suggest(str(path[-1]), keys))
    if kind == "missing":
        return Finding(path=path, what="is missing")
    message = redact(details["msg"])
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return Finding(path=path, what=message.removeprefix("Input "), hint=_nearest(details))


def _nearest(details: ErrorDetails) -> str:
    """The choice that was probably meant."""
    value = details["input"]
    choices = _EXPECTED.findall(str(details.get("ctx", {}).get("expected", "")))
    if not isinstance(value, str) or not choices:
        return ""
    close = get_close_matches(value, choices, n=1)
    return f'did you mean "{close[0]}"?' if close else ""


def _keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys a model takes, or the model that stands at ``path`` inside it."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = [] if field is None else [field.annotation, *get_args(field.annotation)]
        models = [t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)]
        if isinstance(part, int):
            continue
        if not models:
            return []
        model = models[0]
    return [field.alias or name for name, field in model.model_fields.items()]
