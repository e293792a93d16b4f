"""The delivery contract on Telegram: killed in every window, on both databases.

A webhook differs from polling until its message is accepted; the soak tries the windows after that.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.failpoints import NAMES
from tests.scenarios.crash import crash_and_recover, question_over_a_crash, question_windows
from tests.support.telegram import telegram_gateway

WINDOWS = sorted(NAMES)
ASKING = [name for name in WINDOWS if name != "between-parts"]
ACCEPTING = ("before-commit-1", "after-commit-1", "during-run")
WEBHOOK = {"mode": "webhook", "secret": "s3cret", "max_connections": 1}


@pytest.mark.parametrize(
    ("window", "mode"),
    [*((window, "polling") for window in WINDOWS), *((window, "webhook") for window in ACCEPTING)],
)
async def test_nothing_is_lost_on_sqlite(
    telegram: TelegramSimulator, tmp_path: Path, window: str, mode: str
) -> None:
    await killed(telegram, tmp_path, "", window, mode, seed=1)


@pytest.mark.parametrize("window", WINDOWS)
async def test_nothing_is_lost_on_postgresql(
    telegram: TelegramSimulator, tmp_path: Path, postgres_url: str, window: str
) -> None:
    await killed(telegram, tmp_path, postgres_url, window, "polling", seed=2)


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
async def test_soak_on_sqlite(
    telegram: TelegramSimulator, tmp_path: Path, window: str, seed: int
) -> None:
    mode = "webhook" if seed % 2 else "polling"
    await killed(telegram, tmp_path, "", window, mode, seed=seed)


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
async def test_soak_on_postgresql(
    telegram: TelegramSimulator, tmp_path: Path, postgres_url: str, window: str, seed: int
) -> None:
    mode = "webhook" if seed % 2 else "polling"
    await killed(telegram, tmp_path, postgres_url, window, mode, seed=seed)


async def killed(
    telegram: TelegramSimulator,
    folder: Path,
    database: str,
    window: str,
    mode: str,
    *,
    seed: int,
) -> None:
    """Each message passes each window once; a long answer passes two more between its parts."""
    crowd = 1 if mode == "webhook" else 3
    passes = (2 if window == "between-parts" else 4) * crowd
    channel = WEBHOOK if mode == "webhook" else {}
    gateway = {"database": database} if database else {}
    async with telegram_gateway(
        telegram, folder, channel=channel, start=False, gateway=gateway
    ) as process:
        at = random.Random(f"{window} {seed}").randint(1, passes)
        await crash_and_recover(process, telegram, failpoint=window, at=at, crowd=crowd)


@pytest.mark.parametrize(("window", "at"), question_windows(ASKING, first=1))
async def test_a_question_survives(
    telegram: TelegramSimulator, tmp_path: Path, window: str, at: int
) -> None:
    async with telegram_gateway(telegram, tmp_path, start=False) as process:
        await question_over_a_crash(process, telegram, failpoint=window, at=at)
