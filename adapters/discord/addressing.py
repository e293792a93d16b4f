"""Whom a message is meant for: mentions, commands and replies."""

from __future__ import annotations

import re

from adapters.discord.fields import JsonObject, a_detail, a_string, details
from adapters.discord.people import Me

_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(?!\S)")
_MENTION = re.compile(r"<@(?P<sign>[!&]?)(?P<id>[0-9]{1,20})>")
_LAST_MENTION = re.compile(rf"{_MENTION.pattern}\s*\Z")
_BESIDE_MENTION = " \t\r\n,:;"

_REPLY = 19


def call(message: JsonObject, me: Me) -> tuple[str, bool]:
    """The text without the call for the bot, and whether there was one."""
    content = a_string(message, "content")
    if not _is_mentioned(message, content, me):
        return content, _COMMAND.match(content) is not None
    return _without_call(content, message, me), True


def replies(message: JsonObject, me: Me) -> bool:
    """Whether it replies to one of the bot's own."""
    return message.get("type") == _REPLY and me.is_user(
        a_detail(message, "referenced_message").get("author")
    )


def _is_mentioned(message: JsonObject, content: str, me: Me) -> bool:
    """`@everyone` calls nobody in particular; Discord itself says who is mentioned."""
    roles = message.get("mention_roles")
    if isinstance(roles, list) and any(isinstance(one, str) and one in me.roles for one in roles):
        return True
    if not isinstance(message.get("mentions"), list):
        return any(_is_mine(mention, message, me) for mention in _MENTION.finditer(content))
    return any(me.is_user(user) for user in details(message, "mentions"))


def _is_mine(mention: re.Match[str], message: JsonObject, me: Me) -> bool:
    if mention["sign"] == "&":
        return mention["id"] in me.roles
    if me.id:
        return mention["id"] == me.id
    users = details(message, "mentions")
    return any(user.get("id") == mention["id"] and me.is_user(user) for user in users)


def _without_call(content: str, message: JsonObject, me: Me) -> str:
    """Take the mentions off both ends; alone, or in between, they are part of the text."""
    text = content.lstrip(_BESIDE_MENTION)
    while (first := _MENTION.match(text)) and _is_mine(first, message, me):
        text = text[first.end() :].lstrip(_BESIDE_MENTION)
    while (last := _LAST_MENTION.search(text)) and _is_mine(last, message, me):
        text = text[: last.start()].rstrip(_BESIDE_MENTION)
    return text or content
