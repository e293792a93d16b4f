"""The manifest: what Slack makes the app of, and that it lets the app do what the adapter does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.slack.actions import without_prefix
from adapters.slack.adapter import SlackAdapter
from adapters.slack.api import METHODS
from adapters.slack.manifest import ASSISTANT_SCOPES, EVENTS, RESERVED, SCOPES, manifest
from adapters.slack.settings import SlackSettings
from gateway import ConfigurationError, NativeCommand, offered
from gateway.ports.adapter import Manifested

URL = "https://bots.example.org"
HOOK = f"{URL}/webhooks/garden"


def settings(**keys: Any) -> SlackSettings:
    return SlackSettings.model_validate({"bot_token": "xoxb-1", "app_token": "xapp-1", **keys})


def made(by: SlackSettings | None = None, **wishes: Any) -> dict[str, Any]:
    given = {"channel": "garden", "public_url": "", "commands": offered.NATIVE, **wishes}
    return manifest(by, **given)


def problem(**wishes: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        made(**wishes)
    return str(caught.value)


def called(of: dict[str, Any]) -> list[str]:
    return [command["command"] for command in of["features"]["slash_commands"]]


def addresses(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [one for key, one in value.items() if key in ("request_url", "url")]
        return here + [url for one in value.values() for url in addresses(one)]
    return [url for one in value for url in addresses(one)] if isinstance(value, list) else []


def test_the_adapter_offers_it() -> None:
    assert isinstance(SlackAdapter, Manifested)
    wishes: dict[str, Any] = {"channel": "x", "public_url": "", "commands": ()}
    assert SlackAdapter.manifest(None, **wishes) == manifest(None, **wishes)


def test_without_anything_it_is_for_socket_mode() -> None:
    found = made()
    assert orjson.loads(orjson.dumps(found)) == found
    assert found["settings"]["socket_mode_enabled"] is True
    assert found["settings"]["interactivity"] == {"is_enabled": True}
    assert found["settings"]["event_subscriptions"] == {"bot_events": list(EVENTS)}
    assert addresses(found) == []
    assert found["display_information"]["name"] == "garden"
    assert found["features"]["bot_user"] == {"display_name": "garden", "always_online": True}
    assert found["features"]["app_home"]["messages_tab_enabled"] is True
    assert found["features"]["app_home"]["messages_tab_read_only_enabled"] is False
    assert found["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert "agent_view" not in found["features"]
    assert found["settings"]["token_rotation_enabled"] is False


def test_the_events_api_needs_the_address_everywhere() -> None:
    found = made(mode="events", public_url=f"{URL}/")
    assert found["settings"]["socket_mode_enabled"] is False
    assert addresses(found) == [HOOK] * (len(offered.NATIVE) + 2)


def test_a_channels_settings_decide_what_is_not_asked_for() -> None:
    events = settings(app_token=None, signing_secret="x", assistant=True, command_prefix="helper")
    found = made(events, public_url=URL)
    assert found["settings"]["event_subscriptions"]["request_url"] == HOOK
    assert "agent_view" in found["features"]
    assert "/helper-reset" in called(found)
    found = made(events, mode="socket", assistant=False, prefix="")
    assert addresses(found) == []
    assert "agent_view" not in found["features"]
    assert "/reset" in called(found)


def test_the_agent_view_has_its_scope_its_event_and_its_prompts() -> None:
    found = made(settings(prompts=["When do I prune?"]), assistant=True)
    view = found["features"]["agent_view"]
    prompt = "When do I prune?"
    assert view["suggested_prompts"] == [{"title": prompt, "message": prompt}]
    assert 0 < len(view["agent_description"]) <= 300
    assert set(ASSISTANT_SCOPES) < set(found["oauth_config"]["scopes"]["bot"])
    assert "app_home_opened" in found["settings"]["event_subscriptions"]["bot_events"]
    assert "suggested_prompts" not in made(assistant=True)["features"]["agent_view"]


def test_slack_has_some_commands_itself() -> None:
    names = called(made())
    assert {"/reset", "/chat-status", "/chat-help", "/new"} <= set(names)
    assert not RESERVED & {name.removeprefix("/") for name in names}
    assert all(name.startswith("/helper-") for name in called(made(prefix="helper")))


@pytest.mark.parametrize("prefix", ["", "helper", "x-y"])
def test_every_command_that_it_offers_is_understood(prefix: str) -> None:
    found = made(prefix=prefix)
    for command, name in zip(offered.NATIVE, called(found), strict=True):
        assert re.fullmatch(r"/[a-z0-9_-]{1,31}", name)
        assert without_prefix(name, prefix) == command.name


def test_commands_say_what_they_do_and_what_may_follow() -> None:
    by_name = {c["command"]: c for c in made()["features"]["slash_commands"]}
    assert by_name["/reset"]["description"] == offered.DESCRIPTIONS["reset"]
    assert by_name["/name"]["usage_hint"] == "[what to call it]"
    assert "usage_hint" not in by_name["/reset"]


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"mode": "events"}, "needs an address"),
        ({"mode": "events", "public_url": "http://x.org"}, "does not begin with https://"),
        ({"name": "x" * 36}, "1 to 35 characters, not 36"),
        ({"name": " "}, "1 to 35 characters"),
        ({"name": "a\0b"}, "1 to 35 characters"),
        (
            {"prefix": "p", "commands": [NativeCommand(name="n" * 30, descriptions={"en": "x"})]},
            "longer",
        ),
    ],
)
def test_what_slack_would_not_take(wishes: dict[str, Any], words: str) -> None:
    assert words in problem(**wishes)


@pytest.mark.reference_data
@pytest.mark.parametrize("assistant", [True, False])
def test_the_scopes_allow_what_the_adapter_calls(reference_data: Path, assistant: bool) -> None:
    file = reference_data / "specs" / "slack" / "slack_web_methods_2026-05.json"
    documented = orjson.loads(file.read_bytes())
    granted = set(made(assistant=assistant)["oauth_config"]["scopes"]["bot"])
    needed: set[str] = set()
    for name in METHODS:
        wanted = {scope["name"] for scope in documented[name]["scopes"].get("bot", ())}
        if wanted and not (wanted <= set(ASSISTANT_SCOPES) and not assistant):
            # One of them each: they are by kind of conversation.
            assert wanted & granted, name
        needed |= wanted
    # What is left is not for calls: to be told of mentions and commands, and to fetch files.
    assert granted - needed == {"app_mentions:read", "commands"}
