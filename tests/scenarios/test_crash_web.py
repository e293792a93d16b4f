"""The delivery contract on the web: killed in every window, on both databases.

What is not acknowledged is posted again, with the same message id; nothing is pushed, so nothing
can come twice. A send is the answer to a post; a long text is one message, so W8 has no place here.
The soak tries more: here PostgreSQL has two windows, the others being Telegram's, and a question is
tried at the one of its two passes that Telegram leaves out.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from adapters.web.simulator import WebSimulator
from gateway.failpoints import NAMES
from gateway.testing.simulator import running
from tests.scenarios.crash import crash_and_recover, question_over_a_crash, question_windows
from tests.support.configuration import configuration
from tests.support.process import GatewayProcess

WINDOWS = sorted(NAMES - {"between-parts"})


@pytest.mark.parametrize("window", WINDOWS)
async def test_nothing_is_lost_on_sqlite(tmp_path: Path, window: str) -> None:
    await killed(tmp_path, "", window, 3, seed=1)


@pytest.mark.parametrize("window", ["before-commit-1", "after-commit-2"])
async def test_nothing_is_lost_on_postgresql(
    tmp_path: Path, postgres_url: str, window: str
) -> None:
    await killed(tmp_path, postgres_url, window, 3, seed=2)


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
async def test_soak_on_sqlite(tmp_path: Path, window: str, seed: int) -> None:
    await killed(tmp_path, "", window, 3 if seed % 2 else 1, seed=seed)


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
async def test_soak_on_postgresql(
    tmp_path: Path, postgres_url: str, window: str, seed: int
) -> None:
    await killed(tmp_path, postgres_url, window, 3, seed=seed)


@pytest.mark.parametrize(("window", "at"), question_windows(WINDOWS, first=2))
async def test_a_question_survives(tmp_path: Path, window: str, at: int) -> None:
    async with (
        GatewayProcess(config(""), tmp_path, start=False) as process,
        running(WebSimulator(process.base_url)) as browsers,
    ):
        await question_over_a_crash(process, browsers, failpoint=window, at=at)
        assert not browsers.duplicates()


async def killed(folder: Path, database: str, window: str, crowd: int, *, seed: int) -> None:
    at = random.Random(f"{window} {seed}").randint(1, 4 * crowd)
    async with (
        GatewayProcess(config(database), folder, start=False) as process,
        running(WebSimulator(process.base_url)) as browsers,
    ):
        await crash_and_recover(process, browsers, failpoint=window, at=at, crowd=crowd)
        assert not browsers.duplicates()


def config(database: str) -> dict[str, Any]:
    gateway = {"database": database} if database else {}
    return configuration({"web": {"platform": "web"}}, gateway=gateway)
