"""What outlives a session, by the real process: kept with its turn or not at all, whenever that is
killed. Whose it is: tests/scenarios/platforms/test_memory.py and test_rows_of_sessions.py."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.stage import heard_by, theatre

NAME = "telegram-polling"
COUNTED = 6
"""In so many ways ``ledger`` counts its turns."""


@pytest.mark.parametrize(
    ("window", "at", "database"),
    [
        ("during-run", 2, "sqlite"),
        ("before-commit-2", 3, "sqlite"),
        ("after-commit-2", 1, "sqlite"),
        ("before-commit-2", 2, "postgresql"),
        pytest.param("during-run", 3, "postgresql", marks=pytest.mark.soak),
        pytest.param("after-commit-2", 2, "postgresql", marks=pytest.mark.soak),
    ],
)
async def test_all_that_a_turn_changed_is_there_or_nothing_of_it(
    tmp_path: Path, window: str, at: int, database: str, request: pytest.FixtureRequest
) -> None:
    keys = {}
    if database == "postgresql":
        keys["database"] = request.getfixturevalue("postgres_url")
    agent = "tests.support.keeper:ledger"
    async with theatre(tmp_path, [NAME], agent=agent, gateway=keys, start=False) as opened:
        stage, process = opened.stages[NAME], opened.gateway
        process.launch(env={"GATEWAY_FAILPOINTS": f"{window}=kill@{at}"})
        await heard_by(stage.simulator)
        ada = stage.at_home("Ada")
        for number in range(at - 1):
            await ada.ask(str(number))
        await ada.say("deadly")
        assert await process.ended() == -9
        await process.start()
        heard = await ada.heard(at)
        # It was killed before its answer was sent, so that it comes once.
        assert heard[-1] == _all(at - 1)
        assert await asyncio.wait_for(ada.ask("after"), 20.0) == _all(at)


def _all(turns: int) -> str:
    return " ".join([str(turns)] * COUNTED)
