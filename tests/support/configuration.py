"""Configurations for scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def configuration(
    channels: Mapping[str, Mapping[str, Any]],
    *,
    agent: str = "recall",
    limits: Mapping[str, Any] | None = None,
    gateway: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """These channels, answered by a function of ``tests.support.agents``; no rate limit."""
    scenario = {
        "kind": "python",
        "entry": f"tests.support.agents:{agent}",
        "path": str(ROOT),
    }
    return {
        "gateway": {"log_format": "json", **(gateway or {})},
        "agents": {"scenario": scenario},
        "limits": {"messages_per_minute": 0, **(limits or {})},
        "channels": {name: {"agent": "scenario", **keys} for name, keys in channels.items()},
    }
