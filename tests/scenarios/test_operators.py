"""Operators step in while the gateway runs: the command line writes through its API."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import Fault
from tests.support.people import at_home
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_gateway

TOKEN = "operator-token-for-tests"
OPERATED = {"operator_token": TOKEN}


async def command(gateway: GatewayProcess, *words: str, json: bool = True) -> Any:
    """Run ``gateway WORDS`` beside the running one, with ``--json``; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words, *(["--json"] if json else [])),
        *("--config", str(gateway.config_file)),
        cwd=gateway.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return orjson.loads(out)


async def test_a_session_is_listed_and_reset(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path, gateway=OPERATED) as gateway:
        await ada.ask("one")
        (listed,) = await command(gateway, "sessions", "list")
        assert listed["channel"] == "chat"
        await command(gateway, "sessions", "reset", listed["id"])
        assert await ada.ask("two") == "two after nothing"
        await command(gateway, "sessions", "delete", listed["id"])
        assert await ada.ask("three") == "three after two"


async def test_what_was_set_aside_is_tried_again(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    async with telegram_gateway(telegram, tmp_path, agent="faulty", gateway=OPERATED) as gateway:
        await ada.say("broken 5")
        assert "something went wrong" in (await ada.heard(1, timeout=30))[0]
        assert "broken on purpose" in gateway.output
        assert await ada.ask("hello") == "hello on try 1"
        telegram.fail_next(Fault.BLOCKED)
        await bob.say("hello")
        await gateway.until_logged("delivery_refused")
        await gateway.until_settled()
        set_aside = await command(gateway, "deliveries", "list")
        for one in set_aside:
            await command(gateway, "deliveries", "retry", one["id"])
        assert (await ada.heard(3))[2] == "broken 5 on try 6"
        assert await bob.heard(1) == ["hello on try 1"]


async def test_nobody_else_steps_in(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    async with (
        telegram_gateway(telegram, tmp_path, gateway=OPERATED) as gateway,
        aiohttp.ClientSession() as http,
    ):
        await ada.ask("one")
        (listed,) = await command(gateway, "sessions", "list")
        url = f"{gateway.base_url}/operator/sessions/{listed['id']}/reset"
        for value in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer \u00e9"):
            async with http.post(url, headers={"Authorization": value}) as response:
                assert response.status == 401
        assert await ada.ask("two") == "two after one"


async def asked(gateway: GatewayProcess, method: str, path: str, **more: Any) -> Any:
    """What the operators' API answers."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
        http.request(method, f"{gateway.base_url}/operator/{path}", **more) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_what_operators_give_is_there_at_the_next_message(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    async with telegram_gateway(telegram, tmp_path, agent="knows", gateway=OPERATED) as gateway:
        nothing = "{} {} {} [] {}"
        assert [await ada.ask("one"), await bob.ask("one")] == [nothing, nothing]
        listed = (await asked(gateway, "GET", "sessions"))["sessions"]
        (hers,) = (one for one in listed if one["owner"].endswith(str(ada.person.id)))
        whose = {"agent": "scenario", "channel": "chat", "owner": hers["owner"]}
        own = {"agent": "scenario"}
        typed = [f"--{name}={value}" for name, value in whose.items()]
        await command(gateway, "data", "set", "tall=true", *typed, json=False)
        await asked(gateway, "PATCH", "data", params=own, json={"open": "yes"})
        await asked(gateway, "POST", "facts", params=whose, json={"text": "likes tea"})
        await asked(gateway, "PUT", "drive/hours.txt", params=own, data=b"9 to 5")
        await asked(gateway, "PUT", f"sessions/{hers['id']}/overrides", json={"model": "big"})
        agents = "{'open': 'yes'}", "{'hours.txt': '9 to 5'}"
        known = f"{{'tall': True}} {agents[0]} {{'model': 'big'}} ['likes tea'] {agents[1]}"
        assert await ada.ask("two") == known
        assert await bob.ask("two") == f"{{}} {agents[0]} {{}} [] {agents[1]}"


async def test_how_a_session_goes_is_told(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    often = {**OPERATED, "idle_after": "1ms"}
    async with telegram_gateway(telegram, tmp_path, agent="knows", gateway=often) as gateway:
        await ada.ask("canary")
        await ada.ask("ask")
        (waiting,) = await command(gateway, "sessions", "list", "--state", "waiting")
        shown = await asked(gateway, "GET", f"sessions/{waiting['id']}")
        assert (waiting["state"], shown["state"]) == ("waiting", "waiting")
        found = (await asked(gateway, "GET", "messages", params={"words": "CANARY"}))["found"]
        assert [(hit["session_id"], hit["message"]["text"]) for hit in found] == [
            (waiting["id"], "canary")
        ]
        await ada.ask("/reset")
        await ada.ask("/sessions 1")
        await asked(gateway, "DELETE", f"sessions/{waiting['id']}")
        lines = [
            line for line in map(orjson.loads, gateway.output.splitlines()) if "session" in line
        ]
        events = [line["event"].removeprefix("session_") for line in lines]
        assert events == ["created", "resumed", "waiting", "ended", "reopened", "deleted"]
        assert {line["session"] for line in lines} == {waiting["id"]}
        assert "canary" not in gateway.output
