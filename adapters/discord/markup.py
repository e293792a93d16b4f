"""What Discord's marks stand for in a text: people, roles, channels, emoji, commands and times.

https://docs.discord.com/developers/reference#message-formatting
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from adapters.discord.fields import JsonObject, a_detail, a_string, details, in_one_line
from adapters.discord.people import name

_LONGEST_NAME = 100
_ID = "[0-9]{1,20}"
# What stands in code is shown as it is written.
_MARK = re.compile(
    r"(?s:```.*?```)|`[^`\n]*`"
    rf"|<(?:@!?(?P<user>{_ID})|@&(?P<role>{_ID})|\#(?P<channel>{_ID})"
    rf"|a?:(?P<emoji>\w{{1,32}}):{_ID}"
    rf"|/(?P<command>[^\s<>:`][^<>:`\n]{{0,100}}):{_ID}"
    r"|t:(?P<time>-?[0-9]{1,13})(?::[tTdDfFsSR])?)>"
)


@dataclass(frozen=True, slots=True)
class Names:
    """What those who are mentioned are called, by their ids, as far as the event tells."""

    users: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)


def readable(text: str, names: Callable[[], Names]) -> str:
    """The text with names in the place of marks. `names` is asked only where there are any."""
    if "<" not in text or _MARK.search(text) is None:
        return text
    known = names()
    return _MARK.sub(lambda mark: _shown(mark, known), text)


def mentioned(message: JsonObject) -> Names:
    """The names that come with a message."""
    users = {
        one["id"]: name(one, a_detail(one, "member"))
        for one in details(message, "mentions")
        if isinstance(one.get("id"), str)
    }
    channels = {
        one["id"]: _line(a_string(one, "name"))
        for one in details(message, "mention_channels")
        if isinstance(one.get("id"), str)
    }
    return Names(users=users, channels=channels)


def resolved(interaction_data: JsonObject) -> Names:
    """The names that come with a command."""
    found = a_detail(interaction_data, "resolved")
    members = a_detail(found, "members")
    users, roles = a_detail(found, "users"), a_detail(found, "roles")
    return Names(
        users={one: name(a_detail(users, one), a_detail(members, one)) for one in users},
        roles={one: _line(a_string(a_detail(roles, one), "name")) for one in roles},
        channels={
            one: _line(a_string(a_detail(channels, one), "name"))
            for channels in (a_detail(found, "channels"),)
            for one in channels
        },
    )


def _shown(mark: re.Match[str], names: Names) -> str:
    match mark.lastgroup:
        case "user":
            return f"@{names.users.get(mark['user']) or mark['user']}"
        case "role":
            return f"@{names.roles.get(mark['role']) or 'role ' + mark['role']}"
        case "channel":
            return f"#{names.channels.get(mark['channel']) or mark['channel']}"
        case "emoji":
            return f":{mark['emoji']}:"
        case "command":
            # In quotes, since whoever speaks of a command gives none.
            return f"`/{mark['command']}`"
        case "time":
            return _time(mark)
        case _:
            return mark[0]


def _time(mark: re.Match[str]) -> str:
    try:
        moment = datetime.fromtimestamp(int(mark["time"]), UTC)
    except (ValueError, OverflowError, OSError):
        return mark[0]
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _line(text: str) -> str:
    return in_one_line(text, _LONGEST_NAME)
