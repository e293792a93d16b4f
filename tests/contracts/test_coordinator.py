"""Every coordinator passes the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.coordination.memory import MemoryCoordinator
from gateway.ports.coordinator import Coordinator
from gateway.testing.coordinator import CoordinatorContract


class TestMemoryCoordinator(CoordinatorContract):
    @pytest.fixture
    async def coordinator(self) -> AsyncIterator[Coordinator]:
        coordinator = MemoryCoordinator()
        yield coordinator
        await coordinator.close()
