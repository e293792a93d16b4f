"""Whoever meets a limit is told so, and an operator sees it: on a chat platform and on the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from gateway.notices import BUSY
from tests.support.stage import Stage, Theatre, theatre

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {
    "variables_bytes": 100,
    "data_bytes": 100,
    "facts": 2,
    "drive_bytes": 100,
    "file_bytes": 200,
    "messages_per_minute": 5,
    "running_sessions": 1,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    """A gateway with little room."""
    async with theatre(
        tmp_path_factory.mktemp("small"),
        ("telegram-polling", "web"),
        agent="tests.support.greedy:greedy",
        gateway={"tell_after": "200ms"},
        limits=LIMITS,
    ) as opened:
        yield opened


@pytest.fixture(params=["telegram-polling", "web"])
def stage(request: pytest.FixtureRequest, small: Theatre) -> Stage:
    return small.stages[request.param]


async def counted(stage: Stage, limit: str) -> float:
    """How often the metric says that a limit was met."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{stage.gateway.base_url}/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()
    name = f'gateway_limits_total{{limit="{limit}"}} '
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


@pytest.mark.parametrize(
    ("few", "many", "limit"),
    [
        ("variables 50", "variables 150", "variables_bytes"),
        ("data 50", "data 150", "data_bytes"),
        ("facts 2", "facts 3", "facts"),
        ("drive 50", "drive 150", "drive_bytes"),
        ("drive 60", "drive 250", "file_bytes"),
        ("file 50", "file 250", "file_bytes"),
    ],
)
async def test_what_an_agent_keeps(stage: Stage, few: str, many: str, limit: str) -> None:
    ada, before = stage.at_home(), await counted(stage, limit)
    await ada.say(few)
    await stage.simulator.wait_until(lambda: any(f"done {few}" in t for t in ada.texts()))
    await ada.say(many)
    told = ("larger than",) if limit == "file_bytes" else (f"limits.{limit}",)
    await stage.simulator.wait_until(lambda: any(told[0] in text for text in ada.texts()))
    assert await counted(stage, limit) == before + 1
    # Nothing of what was too much is kept, and the conversation goes on.
    assert await ada.ask("on") == "done on"


async def test_many_who_write_at_once_are_served_in_turn_and_told(stage: Stage) -> None:
    before, bob, ada = (
        await counted(stage, "running_sessions"),
        stage.at_home("Bob"),
        stage.at_home(),
    )
    await bob.say("rest 0.8")
    await stage.simulator.wait_until(lambda: not stage.simulator.unacknowledged())
    await ada.say("one")
    wanted = ["done one"] if stage.name == "web" else [BUSY, "done one"]
    await stage.simulator.wait_until(lambda: ada.texts() == wanted)
    assert bob.texts() == ["done rest 0.8"]
    assert await counted(stage, "running_sessions") == before + 1


async def test_who_writes_too_much_is_told_once(stage: Stage) -> None:
    ada, before = stage.at_home(), await counted(stage, "messages_per_minute")
    for number in range(8):
        await ada.say(str(number))
    done = {f"done {number}" for number in range(5)}
    if stage.name == "web":
        await stage.simulator.wait_until(lambda: done <= set(ada.texts()))
        assert await _met(stage, "messages_per_minute", before + 1)
        return
    await stage.simulator.wait_until(lambda: len(ada.texts()) >= 6)
    assert await _met(stage, "messages_per_minute", before + 3)
    (told,) = set(ada.texts()) - done
    assert "a lot at once" in told
    assert len(ada.texts()) == 6


async def _met(stage: Stage, limit: str, times: float) -> bool:
    """Whether a limit comes to be met so often."""
    for _ in range(200):
        if await counted(stage, limit) >= times:
            return True
        await asyncio.sleep(0.02)
    return False
