"""Text and JSON in a form that both databases keep unchanged."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from hashlib import blake2b
from typing import Any

import orjson

REPLACEMENT = "\ufffd"

loads = orjson.loads


def clean(text: str) -> str:
    """The text without what a database may refuse: NUL and unpaired surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def key(text: str) -> str:
    """The same for what tells things apart: two that differ still differ."""
    if clean(text) is text:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{REPLACEMENT}{digest}"


def dumps(value: Any) -> str:
    """JSON of a value, its strings cleaned where they must be. Raises ``TypeError``."""
    try:
        data = orjson.dumps(value)
    except orjson.JSONEncodeError:
        data = orjson.dumps(_cleaned(value))
    if b"\\u0000" in data:
        data = orjson.dumps(_cleaned(orjson.loads(data)))
    return data.decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _cleaned(asdict(value))
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
