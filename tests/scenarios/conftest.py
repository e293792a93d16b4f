"""The platforms that scenarios run on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import running


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSimulator]:
    """Telegram without flood control; whatever it refused fails the test at its end."""
    async with running(TelegramSimulator(rates=None)) as simulator:
        yield simulator
        assert not simulator.refusals
