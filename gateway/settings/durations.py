"""Durations as people write them: "20s", "15m", "2h"."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_seconds(text: str) -> float:
    """A duration such as "20s", "15m" or "2h". Raises ``ValueError``."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", text)
    if match is None:
        raise ValueError('a duration is a number and a unit, as in "20s", "15m" or "2h"')
    return float(match[1]) * _UNITS[match[2]]


def _seconds(value: object) -> object:
    return read_seconds(value) if isinstance(value, str) else value


Seconds = Annotated[
    float, BeforeValidator(_seconds, json_schema_input_type=float | str), Field(ge=0)
]
"""A duration in seconds; in a file a number, or text such as "20s"."""
