"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp

from tests.support.process import GatewayProcess
from tests.support.web import WebClient

README = (Path(__file__).parents[2] / "README.md").read_text()
TESTED = {
    "make run",  # tests/architecture/test_commands.py knows the targets; CI runs the second
    "TELEGRAM_BOT_TOKEN=123456:ABC-DEF make run",
    "make test",
    ".venv/bin/gateway check",  # tests/unit/gateway/test_cli.py
    ".venv/bin/gateway check --online",
    ".venv/bin/gateway init",  # tests/unit/gateway/test_cli_init.py
    ".venv/bin/gateway chat",  # tests/scenarios/test_terminal.py
    ".venv/bin/gateway migrate",
    ".venv/bin/gateway slack-manifest",  # tests/unit/gateway/test_cli_manifest.py
    ".venv/bin/gateway sessions list",
    ".venv/bin/gateway deliveries list",
}


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


async def test_the_agent_of_the_readme_answers(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(block("python"))
    async with (
        GatewayProcess(block("toml"), tmp_path / "config") as gateway,
        aiohttp.ClientSession() as http,
    ):
        client = WebClient(http, gateway.base_url)
        await client.open()
        texts = [(await client.say(text)).texts for text in ("hi", "I am Ada", "hi")]
    assert texts == [
        ["Hello stranger, that was message 1 of this conversation."],
        ["Hello Ada, that was message 2 of this conversation."],
        ["Hello Ada, that was message 3 of this conversation."],
    ]


def test_every_command_of_the_readme_is_one_that_is_tested() -> None:
    lines = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).splitlines()
    assert lines
    assert set(lines) <= TESTED
