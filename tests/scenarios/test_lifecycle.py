"""Sessions that are over by themselves, by the real process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.settings.resets import AFTER_A_PAUSE
from tests.support.people import Home
from tests.support.process import GatewayFailed, GatewayProcess
from tests.support.stage import Stage, theatre

IDLE: dict[str, Any] = {"reset": {"direct": "idle:1h"}}
NAMES = ("telegram-polling", "slack-socket")


@dataclass
class Story:
    """What happens to people of one platform, from one pause to the next."""

    stage: Stage

    def __post_init__(self) -> None:
        self.ada, self.bob = self.stage.at_home("Ada"), self.stage.at_home("Bob")
        self.eve, self.dan = self.stage.together("Eve", "Dan")

    async def begins(self) -> None:
        assert await self.ada.ask("one") == "one after nothing"
        assert await self.ada.ask("two") == "two after one"
        assert await self.bob.ask("ask") == "colour for ask?"
        assert await self.eve.ask("one", mention=True) == "one after nothing"

    async def after_a_pause(self) -> None:
        heard = await self.ada.ask("three")
        assert AFTER_A_PAUSE in heard
        assert heard.endswith("three after nothing")
        assert await self.ada.ask("four") == "four after three"
        # Its question is over with the session that asked it.
        assert "no longer open" in await self.bob.press("Red")
        heard = await self.bob.ask("Red")
        assert AFTER_A_PAUSE in heard
        assert heard.endswith("Red after nothing")
        # Groups are not said to be over.
        assert await self.dan.ask("two", mention=True) == "two after one"

    async def after_another(self) -> None:
        # Whoever looks at a session goes on in it.
        assert "three" in await self.ada.ask("/history")
        assert await self.ada.ask("five") == "five after three|four"
        assert AFTER_A_PAUSE in await self.bob.ask("blue")


async def test_a_session_is_over_after_a_pause_and_people_are_told(tmp_path: Path) -> None:
    async with theatre(tmp_path, NAMES, channels=dict.fromkeys(NAMES, IDLE)) as opened:
        stories = [Story(stage) for stage in opened.stages.values()]
        await asyncio.gather(*(story.begins() for story in stories))
        await opened.gateway.an_hour_passes()
        await asyncio.gather(*(story.after_a_pause() for story in stories))
        await opened.gateway.an_hour_passes()
        await asyncio.gather(*(story.after_another() for story in stories))


async def _returns(stage: Stage) -> None:
    joe, ann = stage.at_home("Joe"), stage.at_home("Ann")
    await ann.ask("private")
    await joe.ask("one")
    await joe.ask("/name First things")
    await joe.ask("/reset")
    assert await joe.ask("two") == "two after nothing"
    listed = await joe.ask("/sessions")
    assert listed.index("(this one)") < listed.index("2. First things")
    assert "3." not in listed.replace("/sessions", "")
    assert "First things" in await joe.ask("/sessions 2")
    assert await joe.ask("three") == "three after one"
    await joe.ask("/sessions 2")
    assert await joe.ask("four") == "four after two"
    assert await ann.ask("still mine") == "still mine after private"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_an_earlier_session_goes_on_where_it_was(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    keys = {}
    if database == "postgresql":
        keys["database"] = request.getfixturevalue("postgres_url")
    async with theatre(tmp_path, NAMES, gateway=keys) as opened, asyncio.TaskGroup() as group:
        for stage in opened.stages.values():
            group.create_task(_returns(stage))


async def test_what_leaves_the_window_is_condensed_and_survives_a_kill(tmp_path: Path) -> None:
    limits, name = {"history_messages": 4}, "telegram-polling"
    async with theatre(tmp_path, [name], limits=limits) as opened:
        stage = opened.stages[name]
        ada, bob = stage.at_home("Ada"), stage.at_home("Bob")
        assert await ada.ask("recap") == "0"
        for number in range(30):
            await ada.ask(f"Rosebud {number} is my boat Rosebud")
            await bob.ask(f"Nautilus {number} dives deeper")
        told = await _condensed(ada)
        assert "Ada: Rosebud 0 is my boat Rosebud" in told
        assert "rosebud" in told.splitlines()[0]
        assert "nautilus" not in told.lower()
        opened.gateway.kill()
        await opened.gateway.start()
        assert "Ada: Rosebud 0 is my boat Rosebud" in await ada.ask("recap")
        await ada.ask("/reset")
        assert await ada.ask("recap") == "0"


async def _condensed(home: Home) -> str:
    """What the summary says, once there is one: it is made behind people's backs."""
    for _ in range(40):
        told = await home.ask("recap")
        if not told.startswith("0"):
            return told
        await asyncio.sleep(0.05)
    raise TimeoutError("nothing was condensed")


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({"platform": "telegram", "token": "1:a", "reset": "weekly"}, "daily:04:00"),
        ({"platform": "web", "reset": "idle:2h"}, "open new conversations themselves"),
    ],
    ids=["unreadable", "on a page"],
)
async def test_a_reset_that_cannot_be_is_refused_at_the_start(
    tmp_path: Path, channel: dict[str, Any], words: str
) -> None:
    config = {"agents": {"a": {"kind": "echo"}}, "channels": {"c": {"agent": "a", **channel}}}
    gateway = GatewayProcess(config, tmp_path, start=False)
    async with gateway:
        with pytest.raises(GatewayFailed, match=words):
            await gateway.start()
