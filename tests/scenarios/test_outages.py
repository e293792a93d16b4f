"""The platform or the store away in the middle of traffic: everything is answered, once.

A short absence of the platforms, all of them, is in `platforms/test_failures.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.postgres import PostgresServer
from tests.support.people import Home, at_home
from tests.support.telegram import telegram_gateway

SHORT, LONG = 2.0, 60.0
WEBHOOK = {"mode": "webhook", "secret": "s3cret", "max_connections": 1}


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that waits for its disk, to be killed."""
    with PostgresServer(durable=True) as server:
        yield server


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_the_platform_is_away_for_a_minute(
    telegram: TelegramSimulator, tmp_path: Path, mode: str
) -> None:
    channel = WEBHOOK if mode == "webhook" else {}
    people = [at_home(telegram, name) for name in ("Ada", "Bob", "Cyd")]
    async with telegram_gateway(telegram, tmp_path, channel=channel) as gateway:
        talking = asyncio.create_task(_talk(people, 40, LONG * 1.5 / 40))
        await asyncio.sleep(LONG / 4)
        await telegram.outage(True)
        await asyncio.sleep(LONG)
        await telegram.outage(False)
        await talking
        await _all_answered(people, 40)
        assert await gateway.stop() == 0


@pytest.mark.parametrize(
    "seconds", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)], ids=["short", "minute"]
)
async def test_the_store_is_away(
    telegram: TelegramSimulator, tmp_path: Path, own_server: PostgresServer, seconds: float
) -> None:
    database = own_server.create_database("outage")
    people = [at_home(telegram, name) for name in ("Ada", "Bob", "Cyd")]
    async with telegram_gateway(telegram, tmp_path, gateway={"database": database}) as gateway:
        talking = asyncio.create_task(_talk(people, 40, seconds * 1.5 / 40))
        await asyncio.sleep(seconds / 4)
        await asyncio.to_thread(own_server.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(own_server.restart)
        await talking
        await _all_answered(people, 40)
        assert await gateway.stop() == 0


async def _talk(people: list[Home], count: int, pause: float) -> None:
    for number in range(count):
        for home in people:
            await home.say(f"w{number}")
        await asyncio.sleep(pause)


async def _all_answered(people: list[Home], count: int) -> None:
    """Each in order and once, but for one whose answer was on its way as the platform went."""
    for home in people:
        await home.simulator.wait_until(partial(_has, home, count), timeout=40)
        doubled = home.simulator.duplicates(home.place)
        assert len(doubled) <= 1
        assert _answers(home) == [f"w{number}" for number in range(count)]


def _has(home: Home, count: int) -> bool:
    return len(_answers(home)) >= count


def _answers(home: Home) -> list[str]:
    doubled = {message.message_id for message in home.simulator.duplicates(home.place)}
    sent = home.simulator.sent(home.place)
    return [m.text.split(" ")[0] for m in sent if m.message_id not in doubled]
