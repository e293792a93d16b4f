"""``gateway slack-manifest``: the description from which Slack makes the app."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import offered, plugins
from gateway.cli.explaining import STAND_IN
from gateway.cli.output import print_json
from gateway.cli.reading import configuration, gateway_section
from gateway.errors import ConfigurationError, Problem
from gateway.ports.adapter import Manifested
from gateway.settings import find

PLATFORM = "slack"
HOW_TO = (
    'Where it belongs: https://api.slack.com/apps?new_app=1, "From a manifest".'
    " An app that exists already: its page, App Manifest."
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Channel:
    """What the manifest is for; ``settings`` is None where nothing is configured yet."""

    name: str
    settings: Any = None
    public_url: str = ""


def print_manifest(
    channel: str,
    config: Path | None,
    *,
    name: str,
    mode: str,
    public_url: str,
    assistant: bool | None,
    prefix: str | None,
) -> None:
    """Print it as JSON, and for people where it belongs."""
    if prefix and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,15}", prefix):
        what = "a prefix has at most 16 small letters, digits, hyphens and underscores"
        raise _problem("--prefix", what, "it stands before a hyphen: /helper-reset")
    wanted = _channel(channel, config)
    manifest = _factory().manifest(
        wanted.settings,
        channel=wanted.name,
        public_url=public_url or wanted.public_url,
        commands=offered.native(_agents(wanted.settings)),
        name=name,
        mode=mode,
        assistant=assistant,
        prefix=prefix,
    )
    print_json(manifest)
    print(HOW_TO, file=sys.stderr)


def _agents(settings: Any) -> tuple[str, ...]:
    """Those that people may choose from; none where nothing is configured yet."""
    return tuple(dict.fromkeys((settings.agent, *settings.agents))) if settings else ()


def _factory() -> Manifested:
    factory: object = plugins.adapters().get(PLATFORM)
    if not isinstance(factory, Manifested):
        what = f'the installed adapter for "{PLATFORM}" offers no manifest'
        raise _problem(PLATFORM, what, "reinstall chat-gateway")
    return factory


def _channel(name: str, config: Path | None) -> Channel:
    """The channel of this name or the only one on Slack; without a file, one that is to come."""
    path = find(config, os.environ)
    if path is None:
        if name and not _NAME.fullmatch(name):
            what = f'"{name}" cannot be a channel\'s name'
            raise _problem("CHANNEL", what, "use a to z, digits, - and _")
        return Channel(name=name or PLATFORM)
    if not name:
        known = _on_slack(path)
        if not known:
            return Channel(name=PLATFORM, public_url=gateway_section(config).public_url)
        if len(known) > 1:
            what = f"there are several channels on {PLATFORM}"
            raise _problem(str(path), what, f"name one: {', '.join(known)}")
        name = known[0]
    settings = configuration(config, only=name, stand_in=STAND_IN)
    section = settings.channels.get(name)
    if section is None or section.platform != PLATFORM:
        what = f'there is no channel "{name}" on {PLATFORM}'
        raise _problem(settings.source, what, "add it, or leave the name out")
    return Channel(name=name, settings=section.settings, public_url=settings.gateway.public_url)


def _on_slack(path: Path) -> list[str]:
    """The names of the channels on Slack; whatever is wrong with the file is told by its reader."""
    try:
        channels = tomllib.loads(path.read_text(encoding="utf-8")).get("channels")
    except (OSError, ValueError):
        return [""]
    named = channels.items() if isinstance(channels, dict) else ()
    return [k for k, one in named if isinstance(one, dict) and one.get("platform") == PLATFORM]


def _problem(where: str, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(where=where, what=what, hint=hint)])
