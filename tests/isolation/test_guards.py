"""Every scope check is needed: without any one of them the machine finds a canary outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isolation.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
PARTS = ("gateway", "adapters", "tests/isolation", "tests/support")
FOUND = "shows ['canary"
LOOK = """
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.isolation.machine import Isolation

run_state_machine_as_test(
    Isolation,
    settings=settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    ),
)
"""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_without_it_a_canary_is_found(guard: Guard, tmp_path: Path) -> None:
    """In a copy of the tree, in a process of its own."""
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    guard.take_out(tmp_path)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    looked = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=tmp_path, env=environ, capture_output=True, check=False
    )
    said = looked.stderr.decode(errors="replace")
    assert looked.returncode != 0, "nothing was found"
    assert FOUND in said or "AssertionError" in said, said[-2000:]
