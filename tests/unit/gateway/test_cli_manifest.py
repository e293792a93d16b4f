"""``gateway slack-manifest``: what it prints, of which channel, and how it fails."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

URL = "https://bots.example.org"
ECHO = '[agents.echo]\nkind = "echo"\n'
SOCKET = """
[channels.garden]
platform = "slack"
bot_token = "${SLACK_BOT_TOKEN}"
app_token = "${SLACK_APP_TOKEN}"
assistant = true
"""
EVENTS = """
[channels.kitchen]
platform = "slack"
bot_token = "${SLACK_BOT_TOKEN}"
signing_secret = "${SLACK_SIGNING_SECRET}"
command_prefix = "cook"
"""
WEB = '\n[channels.page]\nplatform = "web"\n'


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, in an empty folder; with ``config``, on that file."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("GATEWAY_", "SLACK_", "TELEGRAM_"))]:
        monkeypatch.delenv(name)

    def run(*words: str, config: str = "") -> Done:
        if config:
            Path("gateway.toml").write_text(ECHO + config)
            words = (*words, "--config", "gateway.toml")
        monkeypatch.setattr(sys, "argv", ["gateway", "slack-manifest", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        shown = capsys.readouterr()
        return Done(code=code if isinstance(code, int) else 0, out=shown.out, err=shown.err)

    return run


def test_without_a_configuration_it_is_for_socket_mode(cli: Run) -> None:
    done = cli()
    assert done.code == 0
    assert done.json["settings"]["socket_mode_enabled"] is True
    assert done.json["display_information"]["name"] == "slack"
    assert URL not in done.out
    assert "https://api.slack.com/apps?new_app=1" in done.err


def test_wishes_need_no_configuration(cli: Run) -> None:
    words = ("support", "--mode", "events", "--public-url", URL, "--assistant", "--name", "Help")
    found = cli(*words, "--prefix", "help").json
    assert found["settings"]["event_subscriptions"]["request_url"] == f"{URL}/webhooks/support"
    assert found["display_information"]["name"] == "Help"
    assert "agent_view" in found["features"]
    assert found["features"]["slash_commands"][0]["command"] == "/help-reset"


def test_the_only_channel_on_slack_is_meant_and_needs_no_token(cli: Run) -> None:
    found = cli(config=SOCKET + WEB).json
    assert found["display_information"]["name"] == "garden"
    assert found["settings"]["socket_mode_enabled"] is True
    assert "agent_view" in found["features"]
    assert "agent_view" not in cli("--no-assistant", config=SOCKET).json["features"]


def test_the_configurations_address_is_taken(cli: Run) -> None:
    config = f'\n[gateway]\npublic_url = "{URL}"\n' + EVENTS + SOCKET
    done = cli("kitchen", config=config)
    hooks = done.json["settings"]["interactivity"]["request_url"]
    assert hooks == f"{URL}/webhooks/kitchen"
    assert "/cook-reset" in done.out
    assert f"{URL}/webhooks/garden" in cli("garden", "--mode", "events", config=config).out


def test_where_slack_is_not_configured_yet_it_is_for_a_channel_to_come(cli: Run) -> None:
    done = cli("--mode", "events", config=f'\n[gateway]\npublic_url = "{URL}"\n' + WEB)
    assert f"{URL}/webhooks/slack" in done.out


@pytest.mark.parametrize(
    ("words", "config", "said"),
    [
        (["nothing"], SOCKET, 'there is no channel "nothing" on slack'),
        (["page"], SOCKET + WEB, 'there is no channel "page" on slack'),
        ([], SOCKET + EVENTS, "name one: garden, kitchen"),
        ([], EVENTS, "set gateway.public_url"),
        (["--mode", "events"], "", "set gateway.public_url"),
        (["--mode", "events", "--public-url", "http://x.org"], "", "begin with https://"),
        (["--name", "x" * 36], "", "1 to 35 characters"),
        (["--prefix", "No!"], "", "--prefix"),
        (["No Name"], "", "use a to z, digits"),
        (["../x", "--mode", "events", "--public-url", URL], "", "cannot be a channel's name"),
        ([], '\n[channels.garden]\nplatform = "slack"\nbot_token = ""\n', "is empty"),
        ([], "\nchannels = [\n", "gateway.toml"),
        (["--config", "nowhere.toml"], "", "nowhere.toml: cannot be read"),
    ],
)
def test_what_is_wrong_is_told_without_a_traceback(
    cli: Run, words: list[str], config: str, said: str
) -> None:
    done = cli(*words, config=config)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_another_mode_is_a_matter_of_usage(cli: Run) -> None:
    assert cli("--mode", "polling").code == 2
