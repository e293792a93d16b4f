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


async def test_a_summary_is_whole_or_not_there_whenever_the_process_dies(tmp_path: Path) -> None:
    """It is made in the background: what was said is in it or still seen, and never in neither."""
    agent, limits = "tests.support.keeper:reader", {"history_messages": 10}
    async with theatre(tmp_path, [NAME], agent=agent, limits=limits) as opened:
        ada, process = opened.stages[NAME].at_home("Ada"), opened.gateway
        seen = []
        for round_ in range(3):
            seen += [
                await ada.ask(f"Round {round_} was about number {number}.")
                for number in range(3 + round_)
            ]
            process.kill()
            assert await process.ended() == -9
            await process.start()
        seen.append(await ada.ask("and now?"))
    for said in seen:
        upto, text, first = said.split()
        assert int(upto) >= int(first) - 1
        assert (text == "True") == (int(upto) > 0)
    assert int(seen[-1].split()[0]) > 0
