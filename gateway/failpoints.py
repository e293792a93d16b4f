"""Named places where a test may kill or stall the real process.

``GATEWAY_FAILPOINTS="after-commit-1=kill@3,during-run=sleep:2"`` arms two of them: the third pass
through the first kills the process as ``kill -9`` would, each pass through the second sleeps two
seconds. With the variable unset a failpoint costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

NAMES = frozenset(
    {
        "before-commit-1",
        "after-commit-1",
        "during-run",
        "before-commit-2",
        "after-commit-2",
        "during-send",
        "after-send",
        "between-parts",
    }
)


@dataclass(slots=True)
class _Armed:
    action: str
    at: int
    passes: int = 0


def _arm(spec: str) -> dict[str, _Armed]:
    armed: dict[str, _Armed] = {}
    for entry in filter(None, (part.strip() for part in spec.split(","))):
        name, _, action = entry.partition("=")
        action, _, at = action.partition("@")
        known = action == "kill" or action.startswith("sleep:")
        if name not in NAMES or not known:
            raise ValueError(f"GATEWAY_FAILPOINTS: {entry!r} is not NAME=kill[@N] or NAME=sleep:S")
        armed[name] = _Armed(action, int(at or 0))
    return armed


_armed = _arm(os.environ.get("GATEWAY_FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Do what the environment armed ``name`` with; nothing when it is not armed."""
    if name in _armed:
        _fire(_armed[name])


def _fire(point: _Armed) -> None:
    point.passes += 1
    if point.at and point.passes != point.at:
        return
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(point.action.removeprefix("sleep:")))
