"""Slash commands and buttons: interactions, read.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from adapters.discord import places
from adapters.discord.fields import (
    JsonObject,
    a_detail,
    a_string,
    an_id,
    an_integer,
    an_object,
    details,
)
from adapters.discord.markup import Names, readable, resolved
from adapters.discord.people import Me, user_of
from gateway import Action, Ignored, Inbound, Press, UnreadableUpdate

ORIGINAL = "@original"
"""Stands for the message that a deferred answer to a command becomes."""
STOP = "stop"
"""What the button below an answer that is being written sends."""

_PATH = "interaction"
_COMMAND, _COMPONENT = 2, 3
_CHAT_INPUT = 1
_BUTTON = 2
_SUBCOMMANDS = (1, 2)
_USER, _CHANNEL, _ROLE, _MENTIONABLE = 6, 7, 8, 9
_PRIVATE_CHANNEL = 2
_GUILD_INSTALL = "0"
_DEEPEST = 3

_NAME = re.compile(r"[^\s/\0-\x1f]{1,32}")
_PRESS = re.compile(r"q:([A-Za-z0-9_-]{1,56}):([0-9]{1,4})")
_UNUSED: Mapping[int, str] = {
    1: "a ping",
    4: "a command that is still being typed",
    5: "a form, which the gateway does not show",
}


def read(interaction: JsonObject, me: Me) -> Inbound | Ignored:
    """Read one interaction. Raises `UnreadableUpdate`."""
    event_id = an_id(interaction, "id", _PATH)
    kind = an_integer(interaction, "type", _PATH)
    if kind not in (_COMMAND, _COMPONENT):
        reason = _UNUSED.get(kind, f"an interaction of an unknown type ({kind})")
        return Ignored(reason=reason, event_id=event_id)
    if _is_elsewhere(interaction):
        return Ignored(reason="used where the bot is no member", event_id=event_id)
    data = an_object(interaction, "data", _PATH)
    if kind == _COMMAND:
        return _command(event_id, interaction, data, me)
    return _pressed(event_id, interaction, data)


def _is_elsewhere(interaction: JsonObject) -> bool:
    """An app that a person installed for themselves is used where the bot can neither read nor
    write: https://docs.discord.com/developers/resources/application#installation-context"""
    if interaction.get("guild_id") is None:
        return interaction.get("context") == _PRIVATE_CHANNEL
    owners = a_detail(interaction, "authorizing_integration_owners")
    return bool(owners) and _GUILD_INSTALL not in owners


def _command(event_id: str, interaction: JsonObject, data: JsonObject, me: Me) -> Inbound | Ignored:
    if data.get("type", _CHAT_INPUT) != _CHAT_INPUT:
        return Ignored(reason="a command of a context menu", event_id=event_id)
    where = places.conversation(interaction, _PATH)
    handle = {
        "id": event_id,
        "token": _token(interaction),
        "application": _application(interaction, me),
    }
    return Inbound(
        event_id=event_id,
        conversation=where,
        participant=user_of(interaction, _PATH),
        address=places.address(where, interaction=handle),
        text=_text(data),
        order=int(event_id),
        preview=ORIGINAL,
    )


def _pressed(event_id: str, interaction: JsonObject, data: JsonObject) -> Inbound | Ignored:
    custom_id = a_string(data, "custom_id")
    press = _PRESS.fullmatch(custom_id)
    if data.get("component_type", _BUTTON) != _BUTTON or (press is None and custom_id != STOP):
        return Ignored(reason="a button that is not the gateway's", event_id=event_id)
    where = places.conversation(interaction, _PATH)
    message = an_object(interaction, "message", _PATH)
    return Inbound(
        event_id=event_id,
        conversation=where,
        participant=user_of(interaction, _PATH),
        address=places.address(where),
        action=Action.PRESS if press else Action.STOP,
        order=int(event_id),
        message_id=an_id(message, "id", f"{_PATH}.message"),
        press=Press(question_id=press[1], option=int(press[2])) if press else None,
    )


def _token(interaction: JsonObject) -> str:
    token = a_string(interaction, "token")
    if not token or not token.isprintable():
        raise UnreadableUpdate(f"{_PATH}.token is missing or not one")
    return token


def _application(interaction: JsonObject, me: Me) -> str:
    if me.application_id and interaction.get("application_id") is None:
        return me.application_id
    return an_id(interaction, "application_id", _PATH)


def _text(data: JsonObject) -> str:
    """The command as people would type it."""
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UnreadableUpdate(f"{_PATH}.data.name is missing or not a command's name")
    words = _words(details(data, "options"), resolved(data), _DEEPEST)
    return " ".join((f"/{name}", *filter(None, words))).replace("\0", "\ufffd")


def _words(options: list[JsonObject], names: Names, depth: int) -> Iterator[str]:
    for option in options:
        if option.get("type") not in _SUBCOMMANDS:
            yield _value(option, names)
        elif depth:
            yield a_string(option, "name")
            yield from _words(details(option, "options"), names, depth - 1)


def _value(option: JsonObject, names: Names) -> str:
    """What was given for an option; ids of people and places are shown as in a text."""
    value, kind = option.get("value"), option.get("type")
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        return ""
    text = str(value)
    if kind == _CHANNEL:
        text = f"<#{text}>"
    elif kind == _ROLE or (kind == _MENTIONABLE and text in names.roles):
        text = f"<@&{text}>"
    elif kind in (_USER, _MENTIONABLE):
        text = f"<@{text}>"
    return readable(text, lambda: names)
