"""Isolation is an invariant: no read path crosses a session or a participant."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.testing.postgres import PostgresServer
from tests.isolation.machine import Isolation


def _some(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
    )


def test_no_canary_leaves_its_scope() -> None:
    run_state_machine_as_test(Isolation, settings=_some(6, 25))


def test_nor_on_postgresql(postgres_server: PostgresServer) -> None:
    run_state_machine_as_test(_on(postgres_server), settings=_some(2, 25))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_canary_leaves_its_scope_for_long() -> None:
    run_state_machine_as_test(Isolation, settings=_some(200, 60))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_nor_on_postgresql_for_long(postgres_server: PostgresServer) -> None:
    run_state_machine_as_test(_on(postgres_server), settings=_some(100, 60))


def _on(server: PostgresServer) -> type[Isolation]:
    """The machine with a database of its own for each run of it."""

    class OnPostgresql(Isolation):
        def __init__(self) -> None:
            self._name = f"test_{uuid.uuid4().hex}"
            self.database = server.create_database(self._name)
            super().__init__()

        def teardown(self) -> None:
            """Drop the database, too."""
            super().teardown()
            server.drop_database(self._name)

    return OnPostgresql
