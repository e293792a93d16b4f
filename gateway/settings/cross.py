"""What no single section can know: whether the sections fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import SecretStr

from gateway.settings import words
from gateway.settings.lines import KeyPath
from gateway.settings.models import AgentSection, ChannelSection

Found = Iterator[tuple[KeyPath, str, str]]


def problems(
    channels: Mapping[str, ChannelSection],
    agents: Sequence[str],
    read: Mapping[str, AgentSection],
    knowledge: Sequence[str],
) -> Found:
    """Where, what and a hint, for everything that does not fit together.

    ``agents`` and ``knowledge`` are all that are named, ``read`` the agents that could be read.
    """
    yield from _unknown_agents(channels, agents)
    yield from _unknown_knowledge(read, knowledge)
    yield from _twins(channels)


def _unknown_agents(channels: Mapping[str, ChannelSection], agents: Sequence[str]) -> Found:
    for name, channel in channels.items():
        for place, agent in enumerate(channel.settings.agents):
            if agent not in agents:
                path = ("channels", name, "agents", place)
                yield path, f'there is no agent "{agent}"', words.suggest(agent, agents)


def _unknown_knowledge(agents: Mapping[str, AgentSection], knowledge: Sequence[str]) -> Found:
    for name, agent in agents.items():
        # A kind may have bases of its own to offer.
        offered = getattr(agent.settings, "knowledge_offered", ())
        named = [("knowledge", *each) for each in enumerate(agent.basics.knowledge)]
        named += [("knowledge_offered", *each) for each in enumerate(offered)]
        for key, place, base in named:
            if base not in knowledge:
                path = ("agents", name, key, place)
                hint = words.suggest(base, knowledge) or "add a table [knowledge.NAME]"
                yield path, f'there is no knowledge base "{base}"', hint


def _twins(channels: Mapping[str, ChannelSection]) -> Found:
    seen: dict[tuple[str, str], str] = {}
    for name, channel in channels.items():
        identity = _identity(channel)
        if identity is None:
            continue
        first = seen.setdefault((channel.platform, identity), name)
        if first != name:
            path = ("channels", name)
            if identity == _ROUTES:
                what = f"channels.{first} already serves the routes of a {channel.platform} channel"
                yield path, what, f"a gateway runs one {channel.platform} channel"
            else:
                what = f"is the same account as channels.{first}"
                yield path, what, "each channel needs an account of its own"


_ROUTES = "/"


def _identity(channel: ChannelSection) -> str | None:
    """What no two channels of a platform may share.

    A factory may offer ``identity(settings) -> str``, or set ``single`` when its routes stand at
    fixed paths; otherwise it is the token.
    """
    factory = channel.factory
    if getattr(factory, "single", False):
        return _ROUTES
    identity = getattr(factory, "identity", None)
    if identity is not None:
        return str(identity(channel.settings))
    token = getattr(channel.settings, "token", None)
    return token.get_secret_value() or None if isinstance(token, SecretStr) else None
