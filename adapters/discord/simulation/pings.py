"""Mentions in a text, and which of them notify people.

https://docs.discord.com/developers/resources/message#allowed-mentions-object
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.discord.simulation.errors import invalid
from adapters.discord.simulation.model import JsonObject

Found = TypeVar("Found")

USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYONE = re.compile(r"@(?:everyone|here)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pings:
    """Who is notified."""

    users: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    everyone: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """As they are written: `@everyone`, `<@&7>`, `<@5>`."""
        roles = [f"<@&{role}>" for role in self.roles]
        return [*self.everyone, *roles, *(f"<@{user}>" for user in self.users)]


def find_pings(text: str, replied: int | None = None) -> Pings:
    """All that a text mentions, code or not; and whose message is replied to."""
    users = [int(each) for each in USER.findall(text)]
    return Pings(
        users=_distinct([*users, *([] if replied is None else [replied])]),
        roles=_distinct([int(each) for each in ROLE.findall(text)]),
        everyone=_distinct(EVERYONE.findall(text)),
    )


def allowed_pings(text: str, allowed: JsonObject | None, replied: int | None) -> Pings:
    """Those of a bot's text that `allowed_mentions` lets through; without it, all.

    Discord lets nobody be notified from within code. Here they are, so that nobody relies on it.
    """
    if allowed is None:
        return find_pings(text, replied)
    parse = set(allowed.get("parse") or ())
    _check(allowed, parse)
    found = find_pings(text)
    users, roles = _ids(allowed, "users"), _ids(allowed, "roles")
    named = [user for user in found.users if "users" in parse or user in users]
    if replied is not None and allowed.get("replied_user"):
        named.append(replied)
    return Pings(
        users=_distinct(named),
        roles=[role for role in found.roles if "roles" in parse or role in roles],
        everyone=found.everyone if "everyone" in parse else [],
    )


def _check(allowed: JsonObject, parse: set[str]) -> None:
    for kind in ("users", "roles"):
        if kind in parse and allowed.get(kind):
            words = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            raise invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", words)
    if unknown := parse - {"users", "roles", "everyone"}:
        words = f"Value must be one of {{'users', 'roles', 'everyone'}}, not {sorted(unknown)}."
        raise invalid("allowed_mentions.parse", "BASE_TYPE_CHOICES", words)


def _ids(allowed: JsonObject, kind: str) -> set[int]:
    return {int(each) for each in allowed.get(kind) or ()}


def _distinct(found: list[Found]) -> list[Found]:
    return list(dict.fromkeys(found))
