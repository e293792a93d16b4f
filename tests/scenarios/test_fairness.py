"""One person's flood and everybody else's patience; more sessions than may run at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from tests.support.people import Home, at_home
from tests.support.telegram import telegram_gateway

WEBHOOK = {"mode": "webhook", "secret": "s3cret"}


async def test_a_flood_by_one_leaves_a_hundred_others_as_they_were(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    """Their 99th percentile stays within twice of what it was; the best of three tries."""
    flooder = at_home(telegram, "Flood")
    others = [at_home(telegram, f"P{number}") for number in range(100)]
    ratios = []
    limits = {"messages_per_minute": 60}
    async with telegram_gateway(telegram, tmp_path, channel=WEBHOOK, limits=limits):
        await asyncio.gather(*(home.ask("hello") for home in others))
        for _ in range(3):
            quiet = await _percentile(others)
            flood = asyncio.create_task(_flood(flooder))
            loud = await _percentile(others)
            flood.cancel()
            await asyncio.gather(flood, return_exceptions=True)
            ratios.append(loud / quiet)
            if ratios[-1] <= 2:
                break
    assert min(ratios) <= 2, ratios


async def _flood(home: Home) -> None:
    number = 0
    while True:
        number += 1
        await home.say(f"flood {number}")
        await asyncio.sleep(0.005)


async def _percentile(people: list[Home]) -> float:
    """The 99th percentile of how long each of them waits, each asking three times."""
    waits: list[float] = []

    async def ask(home: Home, late: float) -> None:
        for number in range(3):
            await asyncio.sleep(late)
            began = time.perf_counter()
            await home.ask(f"m{number}", timeout=30)
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*(ask(home, 0.01 * place) for place, home in enumerate(people)))
    return sorted(waits)[int(len(waits) * 0.99)]


async def test_more_sessions_than_may_run_wait_their_turn(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    people = [at_home(telegram, f"P{number}") for number in range(6)]
    limits = {"running_sessions": 2}
    async with telegram_gateway(telegram, tmp_path, agent="slow", limits=limits):
        began = time.monotonic()
        await asyncio.gather(*(home.ask("sleep 0.5") for home in people))
        assert time.monotonic() - began >= 1.4
