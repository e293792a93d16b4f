"""What the tests of Discord's connection share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.discord import waiting
from tests.unit.adapters.discord.channel import Channel, channel


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channel]:
    """A channel on the simulator, whose adapter waits for little."""
    monkeypatch.setattr(waiting, "FIRST_WAIT", 0.005)
    async with channel() as everything:
        yield everything
