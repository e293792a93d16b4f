"""Isolation is an invariant: no read path crosses a session or a participant."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.isolation.machine import Isolation

_FEW = settings(
    max_examples=8,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
_MANY = settings(max_examples=200, stateful_step_count=60, suppress_health_check=list(HealthCheck))


def test_no_canary_leaves_its_scope() -> None:
    """On SQLite."""
    run_state_machine_as_test(Isolation, settings=_FEW)


@pytest.mark.soak
def test_no_canary_leaves_its_scope_for_long() -> None:
    """The same, for much longer."""
    run_state_machine_as_test(Isolation, settings=_MANY)
