"""Operators step in while the gateway runs: the command line writes through its API."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import Fault
from tests.support.people import at_home
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_gateway

TOKEN = "operator-token-for-tests"
OPERATED = {"operator_token": TOKEN}


async def command(gateway: GatewayProcess, *words: str) -> Any:
    """Run ``gateway WORDS --json`` beside the running one; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words, "--json"),
        *("--config", str(gateway.config_file)),
        cwd=gateway.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


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
