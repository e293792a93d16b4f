"""What `gateway check --online` says of a bot, in words. Pure.

https://docs.discord.com/developers/resources/application#application-object
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from adapters.discord.refusals import PORTAL, refusal
from adapters.discord.settings import DiscordSettings
from gateway import ConfigurationError, Problem

_DISALLOWED_INTENTS = 4014
# Either is enough: the second is that of a bot in fewer than a hundred servers.
_MESSAGE_CONTENT = 1 << 18 | 1 << 19
_INVITE = "https://discord.com/oauth2/authorize"
# To see channels, to write in them and in threads, to attach files, and to read what was missed:
# https://docs.discord.com/developers/topics/permissions
_PERMISSIONS = 1 << 10 | 1 << 11 | 1 << 38 | 1 << 15 | 1 << 16


def said(
    name: str,
    user: Mapping[str, Any],
    application: Mapping[str, Any],
    settings: DiscordSettings,
) -> str:
    """Who the bot is, and what may surprise. `name` is the channel's.

    Raises `ConfigurationError` for what cannot work, all of it at once.
    """
    application_id = str(application.get("id") or "")
    problems = [
        *_nobody(name, user),
        *_another(name, application_id, settings),
        *_deaf(name, application, application_id, settings),
    ]
    if problems:
        raise ConfigurationError(problems)
    return "; ".join((_called(user), *_surprises(application, application_id, settings)))


def _called(user: Mapping[str, Any]) -> str:
    number = str(user.get("discriminator") or "0")
    return f"@{user.get('username', '')}" + (f"#{number}" if number != "0" else "")


def _nobody(name: str, user: Mapping[str, Any]) -> Iterator[Problem]:
    if user.get("bot") is not True:
        yield Problem(
            where=f"channels.{name}.token",
            what="this token is a person's, and no bot's",
            hint=f"Discord closes accounts that programs use: make an application at {PORTAL},"
            ' whose page "Bot" gives out a token',
        )


def _another(name: str, application_id: str, settings: DiscordSettings) -> Iterator[Problem]:
    if settings.application_id and application_id and settings.application_id != application_id:
        yield Problem(
            where=f"channels.{name}.application_id",
            what=f"this token is that of the application {application_id}",
            hint="leave application_id out: Discord tells it",
        )


def _deaf(
    name: str, application: Mapping[str, Any], application_id: str, settings: DiscordSettings
) -> Iterator[Problem]:
    """What keeps events from the bot that the gateway counts on."""
    flags = application.get("flags")
    if settings.message_content and isinstance(flags, int) and not flags & _MESSAGE_CONTENT:
        known = settings.model_copy(update={"application_id": application_id})
        yield from refusal(_DISALLOWED_INTENTS, name, known, "the intent is off").problems
    url = application.get("interactions_endpoint_url")
    if url:
        yield Problem(
            where=f"channels.{name}.token",
            what="slash commands and buttons of this application go elsewhere"
            f" ({_host(str(url))}), and not to the gateway",
            hint=f'empty "Interactions Endpoint URL" at {_page(application_id)}/information',
        )


def _surprises(
    application: Mapping[str, Any], application_id: str, settings: DiscordSettings
) -> Iterator[str]:
    if settings.respond == "all" and not settings.message_content:
        yield (
            'respond = "all" cannot work with message_content = false: in servers, the bot then'
            " reads only what mentions it"
        )
    if application.get("approximate_guild_count") == 0 and application_id:
        yield f"it is in no server yet: invite it with {_invitation(application_id)}"


def _invitation(application_id: str) -> str:
    asked = {
        "client_id": application_id,
        "scope": "bot applications.commands",
        "permissions": _PERMISSIONS,
    }
    return f"{_INVITE}?{urlencode(asked)}"


def _page(application_id: str) -> str:
    return f"{PORTAL}/{application_id}" if application_id else PORTAL


def _host(url: str) -> str:
    """Only that: a path may hold a secret."""
    return urlsplit(url).hostname or "somewhere"
