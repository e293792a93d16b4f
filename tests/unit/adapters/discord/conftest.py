"""What the tests of Discord's connection share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.discord import backoff, connection
from tests.unit.adapters.discord.channel import Channel, channel


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channel]:
    """A channel on the simulator, whose adapter waits for little, but for answers."""
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.005)
    # The simulator's heart beats fast, and a busy machine may miss a beat.
    monkeypatch.setattr(connection, "MOST_UNANSWERED", 6)
    async with channel() as everything:
        yield everything
