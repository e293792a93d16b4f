"""Who forgets is forgotten: no file and no table has a word of theirs, and nobody else's is gone.

People tell secrets in every way there is. The agent repeats none of them to others, so that what is
found afterwards is what the gateway kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import zipfile
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.postgres import PostgresServer
from tests.support.people import Home
from tests.support.process import GatewayProcess
from tests.support.stage import Stage, theatre
from tests.support.web import WebClient

NAMES = ("telegram-polling", "web")
LIMITS = {"history_messages": 6}
WAYS = ("fact", "data", "note", "shelve", "variable", "prompt", "make", "publish")
ALL = (*WAYS, "said", "long", "asked", "answered", "file", "named", "summed")


def secret(who: str, way: str) -> str:
    """A word that is nobody else's, told in no other way."""
    return f"secret-{who}-{way}-"


async def confide(stage: Stage, home: Home, who: str) -> None:
    """Tell a secret in every way."""
    simulator: Any = stage.simulator
    for _ in range(2):
        await home.ask(f"My roses {secret(who, 'summed')} are roses like no other roses")
    for way in WAYS:
        await home.ask(f"{way} {secret(who, way)}")
    await home.ask(f"{secret(who, 'said')} and no more")
    await home.ask(" ".join([secret(who, "long")] * (3900 // len(secret(who, "long ")))))
    await home.ask(f"ask {secret(who, 'asked')}")
    await home.ask(secret(who, "answered"))
    content = secret(who, "file").encode() * 9000
    await simulator.send_file(content, "roses.txt", person=home.person, place=home.place)
    event = await home.say("nothing yet")
    await home.say(f"/name {secret(who, 'named')}")
    await simulator.wait_until(lambda: "now called" in home.texts()[-1])
    if "edited" in ways(stage):
        await simulator.edit(event, secret(who, "edited"), person=home.person)


def ways(stage: Stage) -> Sequence[str]:
    """How a secret can be told there."""
    return (*ALL, "edited") if isinstance(stage.simulator, TelegramSimulator) else ALL


Find = Callable[[Iterable[str]], set[str]]
"""Which of these words are anywhere in one place."""


def in_files(gateway: GatewayProcess) -> Find:
    """Every file of the gateway's: its data, its database with all that belongs to it, its log."""

    def find(words: Iterable[str]) -> set[str]:
        contents = []
        for path in (*(gateway.folder / "data").rglob("*"), gateway.log_file):
            with contextlib.suppress(FileNotFoundError):
                contents += [path.read_bytes()] if path.is_file() else []
        return {word for word in words if any(word.encode() in content for content in contents)}

    return find


def in_tables(server: PostgresServer, url: str) -> Find:
    """Every table of a PostgreSQL database, as text and as bytes."""
    name = url.rpartition("/")[2]
    listed = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"

    def find(words: Iterable[str]) -> set[str]:
        tables = server.execute(listed, database=name).splitlines()
        rows = (f'SELECT t::text FROM "{table}" t' for table in tables)
        whole = server.execute(" UNION ALL ".join(rows), database=name)
        return {word for word in words if word in whole or word.encode().hex() in whole}

    return find


def everywhere(finds: Sequence[Find]) -> Find:
    """All of these places."""
    return lambda words: set().union(*(find(words) for find in finds))


async def shown(find: Find, words: Collection[str]) -> None:
    """Wait until all of these are there."""
    await _until(lambda: set(words) - find(words))


async def gone(find: Find, words: Collection[str]) -> None:
    """Wait until none of these is there: that is so a moment after the receipt is read."""
    await _until(lambda: find(words))


async def _until(wrong: Callable[[], set[str]], within: float = 20.0) -> None:
    deadline = asyncio.get_running_loop().time() + within
    while words := await asyncio.to_thread(wrong):
        assert asyncio.get_running_loop().time() < deadline, words
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_left_of_who_forgets(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    keys = {}
    if database == "postgresql":
        keys["database"] = request.getfixturevalue("postgres_url")
    agent = "tests.support.confidant:confidant"
    async with theatre(tmp_path, NAMES, agent=agent, gateway=keys, limits=LIMITS) as opened:
        finds = [in_files(opened.gateway)]
        if keys:
            server = request.getfixturevalue("postgres_server")
            finds.append(in_tables(server, keys["database"]))
        telegram, web = (opened.stages[name] for name in NAMES)
        await _in_private(telegram, everywhere(finds), "ada", "eve")
        await _in_private(web, everywhere(finds), "joe", "ann")
        await _among_others(telegram, everywhere(finds))


async def test_on_the_page_the_session_stays_and_is_empty(tmp_path: Path) -> None:
    agent = "tests.support.confidant:confidant"
    async with (
        theatre(tmp_path, ["web"], agent=agent, limits=LIMITS) as opened,
        aiohttp.ClientSession() as http,
    ):
        client = WebClient(http, opened.gateway.base_url)
        await client.open()
        for way in WAYS:
            await client.say(f"{way} {secret('ada', way)}", wait=10)
        said = (await client.say("/export", wait=10)).json["messages"]
        (file,) = (file for message in said for file in message["attachments"])
        fetched = await client.ask("GET", file["url"])
        with zipfile.ZipFile(io.BytesIO(fetched.body)) as archive:
            whole = b"".join(map(archive.read, archive.namelist()))
        assert all(secret("ada", way).encode() in whole for way in WAYS)
        session = (await client.ask("GET", "/api/session")).json
        (receipt,) = (await client.say("/forget yes", wait=10)).texts
        assert "conversations: 1" in receipt
        await gone(in_files(opened.gateway), ["secret-ada-", "PK\x03\x04"])
        assert (await client.ask("GET", file["url"])).status == 404
        assert [m["text"] for m in (await client.history()).json["messages"]] == [receipt]
        after = (await client.ask("GET", "/api/session")).json
        assert (after["session_id"], after["message_count"]) == (session["session_id"], 0)
        assert (await client.say("again", wait=10)).texts == ["heard after 0"]


async def _in_private(stage: Stage, find: Find, who: str, other: str) -> None:
    home, others = stage.at_home(secret(who, "called")), stage.at_home(secret(other, "called"))
    await confide(stage, others, other)
    await confide(stage, home, who)
    secrets = [secret(who, way) for way in ways(stage)]
    # As a summary has it: with who said it before it.
    await shown(find, [*secrets, f": My roses {secret(who, 'summed')}"])
    receipt = await home.ask("/forget yes")
    assert "erased for good" in receipt
    await gone(find, [f"secret-{who}-"])
    await shown(find, [secret(other, way) for way in ways(stage)])
    assert await home.ask("again") == "heard after 0"
    assert await others.ask("still here") != "heard after 0"


async def _among_others(stage: Stage, find: Find) -> None:
    """In a group goes what one said oneself, and the summary is made anew without it."""
    cyd, dan = stage.together(secret("cyd", "called"), secret("dan", "called"))
    at_home = stage.beside(cyd, stage.simulator.place("direct", people=[cyd.person]))
    await at_home.ask("hello")
    for number in range(6):
        await cyd.ask(f"My boats {number} {secret('cyd', 'said')} sail", mention=True)
        await dan.ask(f"My kites {number} {secret('dan', 'said')} fly", mention=True)
    summed = f": My kites 0 {secret('dan', 'said')}"
    await shown(find, [f": My boats 0 {secret('cyd', 'said')}", summed])
    told = await cyd.ask("/forget yes", mention=True)
    assert "messages:" not in told
    assert "messages: 12" in (await at_home.heard(2))[1]
    await gone(find, [secret("cyd", "said")])
    await shown(find, [summed])
    assert await dan.ask("still here", mention=True) == "heard after 6"
