"""Rates as people write them: "1/s", "20/m", "17/60s burst 3"; 0 means no limit."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from gateway.ports.coordinator import Rate

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(
    r"\s*(?P<count>\d+(?:\.\d+)?)\s*/\s*(?P<per>\d+(?:\.\d+)?)?\s*(?P<unit>ms|s|m|h)"
    r"(?:\s+burst\s+(?P<burst>\d+))?\s*"
)


def read_rate(text: str) -> Rate | None:
    """Read `RateText`; None stands for no limit. Raises `ValueError`."""
    if text.strip() == "0":
        return None
    match = _RATE.fullmatch(text)
    if match is None or not float(match["count"]) or not float(match["per"] or 1):
        raise ValueError('a rate is written as "1/s", or "17/60s burst 3"; 0 means no limit')
    per = float(match["per"] or 1) * _UNITS[match["unit"]]
    return Rate(count=float(match["count"]), per=per, burst=max(1, int(match["burst"] or 1)))


def _rate_text(value: object) -> object:
    if value == 0 and not isinstance(value, bool):
        return "0"
    if isinstance(value, str):
        read_rate(value)
    return value


RateText = Annotated[str, BeforeValidator(_rate_text)]
"""How many calls a time, as in "1/s" or "20/m", and how many of them at once: "17/60s burst 3"."""
