"""The chat commands as Discord's slash commands.

https://docs.discord.com/developers/interactions/application-commands
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from adapters.discord.rest import Rest
from gateway import Bookmarks, NativeCommand, RateLimited

PLACE = "commands"
"""Where it is remembered which commands Discord has."""
ARGUMENT = "text"
"""The option that holds the rest of a command's line; `inbound` reads it."""
MAX_COMMANDS = 100
MAX_DESCRIPTION = 100
LONGEST_WAIT = 60.0

_NAME = re.compile(r"[-_a-z0-9]{1,32}")
_CHAT_INPUT = 1
_STRING = 3
_IN_SERVERS = 0
_IN_DIRECT = 1
# https://docs.discord.com/developers/reference#locales: of these languages it has no plain one.
_LOCALES: Mapping[str, Sequence[str]] = {
    "es": ("es-ES", "es-419"),
    "pt": ("pt-BR",),
    "sv": ("sv-SE",),
    "zh": ("zh-CN",),
}
_PLAIN_LOCALES = frozenset(
    {"cs", "da", "de", "fi", "fr", "hu", "it", "ja", "ko", "nl", "no", "pl", "ru", "tr", "uk"}
)


async def offer(
    rest: Rest,
    application_id: str,
    commands: Sequence[NativeCommand],
    bookmarks: Bookmarks,
    channel: str,
) -> None:
    """Offer exactly these, if Discord does not have them already: it counts how often they are set.

    Raises what `Rest.call` does.
    """
    wanted = definitions(commands)
    mark = fingerprint(application_id, wanted)
    if (await bookmarks.load(channel)).get(PLACE) == mark:
        return
    path = f"/applications/{application_id}/commands"
    try:
        await rest.call("PUT", path, body=wanted)
    except RateLimited as error:
        if error.retry_after > LONGEST_WAIT:
            raise
        await asyncio.sleep(error.retry_after)
        await rest.call("PUT", path, body=wanted)
    bookmarks.put(channel, PLACE, mark)


def definitions(commands: Sequence[NativeCommand]) -> list[dict[str, Any]]:
    """The commands as Discord takes them; one whose name it would refuse is left out."""
    known = [command for command in commands if _NAME.fullmatch(command.name)]
    return [_definition(command) for command in known[:MAX_COMMANDS]]


def fingerprint(application_id: str, wanted: Sequence[Mapping[str, Any]]) -> str:
    """Another one for other commands, or for another application."""
    said = orjson.dumps([application_id, wanted], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).hexdigest()


def _definition(command: NativeCommand) -> dict[str, Any]:
    definition = {
        "type": _CHAT_INPUT,
        "name": command.name,
        **_described(command.descriptions),
        "contexts": [_IN_DIRECT] if command.personal else [_IN_SERVERS, _IN_DIRECT],
    }
    if command.argument:
        option = {"type": _STRING, "name": ARGUMENT, **_described(command.argument)}
        definition["options"] = [option]
    return definition


def _described(texts: Mapping[str, str]) -> dict[str, Any]:
    """English for everybody, and the languages that Discord knows."""
    others = {
        locale: text[:MAX_DESCRIPTION]
        for language, text in texts.items()
        for locale in _locales(language)
        if text
    }
    described: dict[str, Any] = {"description": (texts.get("en") or ARGUMENT)[:MAX_DESCRIPTION]}
    return {**described, "description_localizations": others} if others else described


def _locales(language: str) -> Sequence[str]:
    return (language,) if language in _PLAIN_LOCALES else _LOCALES.get(language, ())
