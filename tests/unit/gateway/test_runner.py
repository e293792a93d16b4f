"""What becomes of a turn's changes however it ends; a whole gateway in this process."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway import observability as obs
from gateway.app import gateway
from gateway.errors import LimitExceeded
from gateway.notices import STOPPED
from gateway.ports.agent import AgentKind, Ask, Output, Publish, Text, Turn
from gateway.settings import Model, load
from tests.support.keeper import NOTHING, belongings
from tests.support.loop import LoopAdapter

HOME = {"kind": "direct", "id": "home"}
ELSEWHERE = {"kind": "direct", "id": "elsewhere"}
CONFIGURATION = """
[gateway]
listen = "127.0.0.1:0"
database = "sqlite:///{folder}/gateway.db"
data_dir = "{folder}"
log_level = "error"
operator_token = "{token}"

[limits]
{limits}

[agents.actor]
kind = "actor"

[channels.chat]
platform = "loop"
"""

TOKEN = "an operator's"
SMALL = """
data_bytes = 60
facts = 2
variables_bytes = 60
"""


class Nothing(Model):
    """An actor has no settings."""


@dataclass
class Actor:
    """Plays one scene where the text is "play", and else tells what is kept."""

    name: str
    settings: Nothing
    scene: Callable[[Turn], AsyncIterator[Output]] | None = None
    turns: list[Turn] = field(default_factory=list)

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        self.turns.append(turn)
        if turn.text == "play":
            assert self.scene is not None
            async for output in self.scene(turn):
                yield output
        else:
            seen = [m.text for m in turn.messages]
            own = {k: v for k, v in turn.variables.items() if k == "mine"}
            yield Text(f"{await belongings(turn)} {json.dumps(own)} {seen}")


@dataclass
class Play:
    """The gateway, with one person in front of it."""

    adapter: LoopAdapter
    actor: Actor
    folder: Path
    address: str

    async def turns_on(self, session: str, **overrides: str) -> None:
        """An operator does that."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{self.address}/operator/sessions/{session}/overrides"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.put(url, json=overrides) as done,
        ):
            assert done.status == 200, await done.text()

    async def ask(self, text: str, *, heard: int = 1, who: str = "ada") -> list[str]:
        place = HOME if who == "ada" else ELSEWHERE
        before = len(self.adapter.sent[place["id"]])
        await self.adapter.say(who, place, text)
        async with asyncio.timeout(10.0):
            await self.adapter.answered(place["id"], before + heard - 1)
        return self.adapter.sent[place["id"]][before:]

    def files(self) -> int:
        return sum(path.is_file() for path in (self.folder / "files").glob("??/*"))


@asynccontextmanager
async def play(folder: Path, limits: str = SMALL) -> AsyncIterator[Play]:
    actors: list[Actor] = []

    def create(name: str, settings: Nothing) -> Actor:
        actors.append(Actor(name, settings))
        return actors[-1]

    path = folder / "gateway.toml"
    path.write_text(CONFIGURATION.format(folder=folder, limits=limits, token=TOKEN))
    loop: Any = type("Loop", (LoopAdapter,), {"made": {}})
    kind = AgentKind(settings=Nothing, create=create)
    async with gateway(load(path, {}, {"loop": loop}, {"actor": kind})) as address:
        yield Play(loop.made["chat"], actors[0], folder, address)


async def change_everything(turn: Turn) -> None:
    turn.variables["mine"] = 1
    turn.data["mine"] = 1
    turn.overrides["model"] = "small"
    await turn.facts.remember("a fact")
    await turn.drive.save("a file", b"content")


async def test_what_a_turn_changed_is_kept_with_it(tmp_path: Path) -> None:
    async def scene(turn: Turn) -> AsyncIterator[Output]:
        await change_everything(turn)
        yield Text("done")

    async with play(tmp_path) as stage:
        stage.actor.scene = scene
        assert await stage.ask("play") == ["done"]
        kept = 'facts a fact; data {"mine": 1}; drive a file; model small {"mine": 1}'
        assert (await stage.ask("look"))[0].startswith(kept)
        assert (await stage.ask("look", who="bob"))[0].startswith(NOTHING)


async def test_every_turn_finds_who_where_and_how_far(tmp_path: Path) -> None:
    async def scene(turn: Turn) -> AsyncIterator[Output]:
        own = turn.variables
        who = (own["current_user_id"], own["current_session_id"])
        assert who == ("ada", turn.session.id)
        told = own["message_count"], own["last_visit"] is not None
        turn.variables.update(message_count=99, current_user_id="eve", mine=1)
        del turn.variables["last_visit"]
        yield Text(str(told))

    async with play(tmp_path) as stage:
        stage.actor.scene = scene
        said = [*await stage.ask("play"), *await stage.ask("play"), *await stage.ask("play")]
        assert said == ["(0, False)", "(2, True)", "(4, True)"]
        assert stage.actor.turns[-1].session.variables == {"mine": 1}
        await stage.ask("/reset")
        assert await stage.ask("play") == ["(0, False)"]
        assert len({one.session.id for one in stage.actor.turns}) == 2


async def test_nothing_is_kept_of_a_run_that_failed(tmp_path: Path) -> None:
    seen: list[str] = []

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        seen.append(f"{await belongings(turn)} {turn.variables.get('mine')}")
        await change_everything(turn)
        if turn.attempt == 1:
            raise ValueError("on purpose")
        turn.data.clear()
        yield Text("done")

    with obs.captured():
        async with play(tmp_path) as stage:
            stage.actor.scene = scene
            assert await stage.ask("play") == ["done"]
            assert seen == [f"{NOTHING} None"] * 2
            assert stage.files() == 1
            assert (await stage.ask("look"))[0].startswith("facts a fact; drive a file; model")


async def test_nothing_is_kept_of_a_run_that_was_stopped(tmp_path: Path) -> None:
    running = asyncio.Event()

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        await change_everything(turn)
        yield Text("begun")
        running.set()
        await asyncio.Event().wait()

    async with play(tmp_path) as stage:
        stage.actor.scene = scene
        asking = asyncio.create_task(stage.ask("play", heard=2))
        await running.wait()
        await stage.adapter.say("ada", HOME, "/stop")
        assert await asking == ["begun", STOPPED]
        assert (await stage.ask("look"))[0].startswith(f"{NOTHING} {{}} ['play', 'begun']")
        assert stage.files() == 0


@pytest.mark.parametrize("end", ["answer", "early", "own", "stop", "fail"])
async def test_what_an_operator_turns_on_meanwhile_stays_on(tmp_path: Path, end: str) -> None:
    """Whatever becomes of the turn under way, and beside what that turns on itself."""

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        if end == "early":
            yield Publish("early")
        if turn.attempt == 1:
            await stage.turns_on(turn.session.id, model="big")
        if end == "own":
            turn.overrides["prompt"] = "brief"
        if end == "fail":
            raise LimitExceeded("too much")
        yield Text("done")
        if end == "stop":
            await stage.adapter.say("ada", HOME, "/stop")
            await asyncio.Event().wait()

    async with play(tmp_path) as stage:
        stage.actor.scene = scene
        await stage.ask("look")
        await stage.ask("play", heard=2 if end in ("early", "stop") else 1)
        on = {"model": "big", **({"prompt": "brief"} if end == "own" else {})}
        for _ in range(2):
            await stage.ask("look")
            assert stage.actor.turns[-1].overrides == on


async def test_a_lane_that_is_taken_away_is_no_failure_of_its_agent(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as other:
            other.execute("UPDATE lanes SET fence = fence + 1")
            other.commit()
        try:
            yield Publish("early")
        finally:
            over.set()

    with obs.captured() as captured:
        async with play(tmp_path) as stage:
            stage.actor.scene = scene
            await stage.adapter.say("ada", HOME, "play")
            await asyncio.wait_for(over.wait(), 10.0)
    happened = {line["event"] for line in captured}
    assert obs.Event.LANE_FENCED in happened
    assert obs.Event.AGENT_FAILED not in happened


async def test_nothing_is_kept_with_what_is_said_early(tmp_path: Path) -> None:
    seen: list[str] = []

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        seen.append(await belongings(turn))
        await change_everything(turn)
        if not turn.published:
            yield Publish("early")
            raise ValueError("on purpose")
        yield Ask(text="and now?")

    with obs.captured():
        async with play(tmp_path) as stage:
            stage.actor.scene = scene
            assert await stage.ask("play", heard=2) == ["early", "and now?"]
            assert seen == [NOTHING] * 2
            assert (await stage.ask("look"))[0].startswith("facts a fact; data")


@pytest.mark.parametrize(
    ("what", "words"),
    [("data", "at most 60"), ("variables", "variables_bytes"), ("facts", "limits.facts")],
)
async def test_what_is_too_much_is_told_and_nothing_of_it_kept(
    tmp_path: Path, what: str, words: str
) -> None:
    async def scene(turn: Turn) -> AsyncIterator[Output]:
        await change_everything(turn)
        if what == "data":
            turn.data["more"] = "x" * 60
        elif what == "variables":
            turn.variables["more"] = "x" * 60
        else:
            await turn.facts.remember("another")
            await turn.facts.remember("one too many")
        yield Text("done")

    async with play(tmp_path) as stage:
        stage.actor.scene = scene
        # A neighbour's turn may be committed in the same transaction.
        (told,), _ = await asyncio.gather(stage.ask("play"), stage.ask("look", who="bob"))
        assert words in told
        assert (await stage.ask("look", who="bob"))[0].startswith(NOTHING)
        assert (await stage.ask("look"))[0].startswith(f"{NOTHING} {{}} []")
        assert stage.files() == 0


async def test_what_cannot_be_kept_is_a_failed_attempt_that_says_why(tmp_path: Path) -> None:
    async def scene(turn: Turn) -> AsyncIterator[Output]:
        if turn.attempt == 1:
            turn.overrides["colour"] = "red"
        elif turn.attempt == 2:
            turn.variables["mine"] = {1, 2}
        yield Text("done")

    with obs.captured() as captured:
        async with play(tmp_path) as stage:
            stage.actor.scene = scene
            assert await stage.ask("play") == ["done"]
            assert stage.actor.turns[-1].attempt == 3
    failed = [line for line in captured if line["event"] == obs.Event.AGENT_FAILED]
    first, second = (line["exception"] for line in failed)
    assert "a session cannot turn on 'colour'" in first
    assert "turn.variables['mine'] cannot be kept as JSON" in second


async def test_what_an_agent_holds_on_to_is_no_longer_its_to_change(tmp_path: Path) -> None:
    held: list[str] = []

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        turn.variables["mine"] = held
        held.append("x")
        yield Text("done")

    async with play(tmp_path) as stage:
        stage.actor.scene = scene
        await stage.ask("play")
        held.append("never said")
        assert '{"mine": ["x"]}' in (await stage.ask("look"))[0]
        await stage.ask("play")
        assert '{"mine": ["x", "never said", "x"]}' in (await stage.ask("look"))[0]


@pytest.mark.parametrize("limits", ["history_tokens = 60", "history_messages = 0", ""])
async def test_a_turn_sees_so_many_tokens_and_of_the_rest_a_summary(
    tmp_path: Path, limits: str
) -> None:
    limited = "tokens" in limits

    async def scene(turn: Turn) -> AsyncIterator[Output]:
        yield Text("The harbour is quiet, and the boats are white.")

    def seen() -> tuple[int, int, int]:
        turn = stage.actor.turns[-1]
        length = sum(len(message.text) for message in turn.messages)
        return turn.messages[0].number, turn.summary.upto, length

    async with play(tmp_path, limits) as stage:
        stage.actor.scene = scene
        for _ in range(12):
            await stage.ask("play")
            if limited and len(stage.actor.turns) > 1:
                assert seen()[2] <= 240
    async with play(tmp_path, limits) as stage:
        await stage.ask("look")
        first, upto, length = seen()
        assert (first > 1) == limited
        assert upto >= first - 1
        assert bool(upto) == limited
        assert length > 100
