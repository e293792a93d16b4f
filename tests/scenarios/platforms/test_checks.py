"""`gateway check --online` and `gateway explain`, as commands, against the simulated platforms."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulation.vocabulary import DEFAULT_SCOPES
from adapters.slack.simulator import SlackSimulator
from gateway.testing.simulator import running
from tests.support.process import ROOT, toml

SAMPLES = ROOT / "tests" / "samples"


@dataclass(frozen=True, kw_only=True)
class Platforms:
    """Both, without anything that listens to them."""

    discord: DiscordSimulator
    slack: SlackSimulator


@pytest.fixture
async def platforms() -> AsyncIterator[Platforms]:
    """Both, running."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(running(DiscordSimulator(rates=None)))
        slack = await stack.enter_async_context(running(SlackSimulator(rates=None)))
        # Whoever is first is meant where nobody is named.
        discord.add_bot()
        slack.add_app()
        yield Platforms(discord=discord, slack=slack)


async def command(folder: Path, channels: Mapping[str, Mapping[str, Any]], *words: str) -> Any:
    """Run the real command with a configuration of these channels; its code and what it said."""
    named = {name: {"agent": "echo", **keys} for name, keys in channels.items()}
    config = {"agents": {"echo": {"kind": "echo"}}, "channels": named}
    (folder / "gateway.toml").write_text(toml(config))
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", *words, "--config", "gateway.toml", "--json"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def good(platforms: Platforms) -> dict[str, Mapping[str, Any]]:
    """Channels with which nothing is wrong."""
    events = platforms.slack.add_app("postman", mode="events")
    return {
        "discord": {"platform": "discord", **platforms.discord.settings()},
        "socket": {"platform": "slack", **platforms.slack.settings()},
        "events": {"platform": "slack", **platforms.slack.settings(events)},
    }


async def test_good_credentials(platforms: Platforms, tmp_path: Path) -> None:
    done = await command(tmp_path, good(platforms), "check", "--online")
    said = orjson.loads(done.stdout)
    assert (done.returncode, said["problems"]) == (0, [])
    assert said["accounts"]["discord"] == "@helper"
    assert said["accounts"]["socket"].startswith("@gateway in ")
    assert said["accounts"]["events"].startswith("@postman in ")
    assert "gateway.public_url" in said["accounts"]["events"]


async def test_everything_that_platforms_find_wrong_is_told_at_once(
    platforms: Platforms, tmp_path: Path
) -> None:
    """In the words of what is wrong, with the page on which it is mended, and without secrets."""
    discord, slack = platforms.discord, platforms.slack
    deaf = discord.add_bot(username="deaf", message_content=False)
    silent = slack.add_app("silent", scopes=DEFAULT_SCOPES - {"chat:write"})
    blind = slack.add_app("blind", scopes=DEFAULT_SCOPES - {"files:read"})
    unlinked = slack.add_app("unlinked")
    channels = {
        **good(platforms),
        "stranger": {"platform": "discord", **discord.settings(), "token": "MTIz.no.body"},
        "deaf": {"platform": "discord", **discord.settings(deaf)},
        "unknown": {"platform": "slack", **slack.settings(), "bot_token": "xoxb-no-body"},
        "unlinked": {"platform": "slack", **slack.settings(unlinked), "app_token": "xapp-no-body"},
        "silent": {"platform": "slack", **slack.settings(silent)},
        "blind": {"platform": "slack", **slack.settings(blind)},
    }
    done = await command(tmp_path, channels, "check", "--online")
    said = orjson.loads(done.stdout)
    problems = {problem["where"].split(": ")[1]: problem for problem in said["problems"]}
    portal, apps = "https://discord.com/developers/applications", "https://api.slack.com/apps"
    wanted = {
        "channels.stranger.token": ("does not know this token", f"{portal}/123/bot"),
        "channels.deaf.message_content": ("read the content", f"{portal}/{deaf}/bot"),
        "channels.unknown.bot_token": ("does not know this token", apps),
        "channels.unlinked.app_token": ("does not know this token", apps),
        "channels.silent.bot_token": ("lacks chat:write", f"{apps}/{silent}/oauth"),
    }
    assert done.returncode == 1
    assert {where.split(" ")[0] for where in problems} == set(wanted)
    for where, problem in problems.items():
        what, page = wanted[where.split(" ")[0]]
        assert what in problem["what"]
        assert page in problem["hint"]
    # What the bot can do without is said, and is no problem.
    assert set(said["accounts"]) == {"discord", "socket", "events", "blind"}
    assert "without files:read" in said["accounts"]["blind"]
    assert f"{apps}/{blind}/oauth" in said["accounts"]["blind"]
    for secret in ("no.body", "no-body", discord.settings()["token"], "xoxb-1", "xapp-1"):
        assert secret not in done.stdout + done.stderr


async def test_a_persons_token_is_none_of_a_bot_s(platforms: Platforms, tmp_path: Path) -> None:
    """That is seen before anybody is asked."""
    theirs = {"platform": "slack", **platforms.slack.settings(), "bot_token": "xoxp-no-body"}
    done = await command(tmp_path, {"slack": theirs}, "check", "--online")
    (problem,) = orjson.loads(done.stdout)["problems"]
    assert done.returncode == 1
    assert "channels.slack.bot_token" in problem["where"]
    assert "xoxb-" in problem["what"] + problem["hint"]
    assert "no-body" not in done.stdout + done.stderr
    assert not platforms.slack.calls()


@pytest.mark.parametrize(
    ("keys", "sample", "lane"),
    [
        (
            {"platform": "discord", "token": "${UNSET}", "application_id": "1180000000000001000"},
            "discord/guild_mention.json",
            "bot/channel/1180000000000007001",
        ),
        (
            {"platform": "slack", "bot_token": "${UNSET}", "app_token": "${UNSET}"}
            | {"bot_user_id": "U0HELPER"},
            "slack/channel_mention.json",
            "bot/thread/C0ROSES/1763719260.000200",
        ),
    ],
)
async def test_explain_needs_no_token(
    tmp_path: Path, keys: Mapping[str, str], sample: str, lane: str
) -> None:
    done = await command(tmp_path, {"bot": keys}, "explain", "bot", str(SAMPLES / sample))
    said = orjson.loads(done.stdout)
    assert (done.returncode, said["outcome"], said["lane"]) == (0, "accepted", lane)
