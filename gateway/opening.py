"""Channels, as configured, and what their platforms are told at the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway import observability as obs
from gateway import offered
from gateway.channels import Channel
from gateway.domain import ConversationKind
from gateway.errors import GatewayError
from gateway.ports.adapter import Adapter, Commanded
from gateway.settings import ChannelSection


def channel_of(section: ChannelSection, host: Any) -> Channel:
    """A channel as configured, with its adapter made but not yet connected."""
    factory, settings = section.factory, section.settings
    adapter: Adapter = factory(section.name, settings, host)
    defaults: Mapping[ConversationKind, str] = getattr(factory, "respond", {})
    respond = dict(defaults)
    if settings.respond is not None:
        shared = set(ConversationKind) - {ConversationKind.DIRECT}
        respond = dict.fromkeys(shared, settings.respond)
    return Channel(
        name=section.name,
        adapter=adapter,
        agent=settings.agent,
        agents=settings.agents,
        rules={**factory.boundary, **settings.boundary},
        respond=respond,
        allow=settings.allow,
        admins=settings.admins,
        on_unknown=settings.on_unknown,
        resets=settings.resets(),
    )


async def offer_commands(channel: Channel, adapter: Commanded) -> None:
    """Offer the commands natively; a platform that is away gets them at the next start."""
    try:
        await adapter.register_commands(offered.native(channel.agents))
    except (GatewayError, TimeoutError) as error:
        obs.log.warning(obs.Event.COMMANDS_FAILED, channel=channel.name, reason=str(error))
