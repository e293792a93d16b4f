"""A gateway with one or more Telegram channels, and the simulator in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.telegram.simulator import TelegramSimulator
from tests.support.configuration import configuration
from tests.support.process import GatewayProcess

UNLIMITED = {"chat_rate": "0", "group_rate": "0", "overall_rate": "0"}


def telegram_channel(
    simulator: TelegramSimulator, account: str = "", **keys: Any
) -> dict[str, Any]:
    """A channel for one of the simulator's bots, without budgets unless they are named."""
    return {"platform": "telegram", **simulator.settings(account), **UNLIMITED, **keys}


@asynccontextmanager
async def telegram_gateway(
    simulator: TelegramSimulator,
    folder: Path,
    *,
    agent: str = "recall",
    channel: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    gateway: Mapping[str, Any] | None = None,
    start: bool = True,
) -> AsyncIterator[GatewayProcess]:
    """The real process, talking to the simulator as the channel ``chat``."""
    channels = {"chat": telegram_channel(simulator, **(channel or {}))}
    config = configuration(channels, agent=agent, limits=limits, gateway=gateway)
    async with GatewayProcess(config, folder, start=False) as process:
        config["gateway"]["public_url"] = process.base_url
        process.configure(config)
        if start:
            await process.start()
        yield process
