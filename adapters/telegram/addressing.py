"""Whom a message is meant for: mentions, commands and replies."""

from __future__ import annotations

import re

from adapters.telegram.content import Content
from adapters.telegram.fields import JsonObject
from adapters.telegram.people import Me
from adapters.telegram.places import replied_to

_COMMAND = re.compile(r"(/[A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]+))?(?![\w/@])")
_MENTION = re.compile(r"(?<![\w.@])@([A-Za-z0-9_]{3,32})(?!\w)")
_AFTER_MENTION = " \t\r\n,:;"


def call(said: Content, me: Me, direct: bool) -> tuple[str | None, bool]:
    """The text without the call for the bot, and whether there was one; None: another is called."""
    if said.forwarded_from is not None:
        return _forwarded(said, me, direct)
    text, called = said.text, False
    if not direct and (spans := _mentions(said, me)):
        text, called = _without_leading(text, spans), True
    if text[0] != "/":
        return text, called
    command = _COMMAND.match(text)
    if command is None or command[2] is None:
        return text, called or command is not None
    if me.is_called(command[2]):
        return command[1] + text[command.end() :], True
    # In a dialog nobody else can be meant, and silence would help nobody.
    return (text, True) if direct else (None, False)


def replies(message: JsonObject, me: Me) -> bool:
    """Whether it replies to one of the bot's own."""
    reply = replied_to(message)
    return reply is not None and me.wrote(reply)


def _forwarded(said: Content, me: Me, direct: bool) -> tuple[str, bool]:
    """Somebody else's words, whole: a command among them is none of who forwards them."""
    called = not direct and bool(_mentions(said, me))
    return f"[forwarded from {said.forwarded_from}]\n{said.text}", called


def _mentions(said: Content, me: Me) -> list[tuple[int, int]]:
    """Where the bot is mentioned: start and end in the text."""
    if said.entities is None:
        found = _MENTION.finditer(said.text) if "@" in said.text else ()
        return [match.span() for match in found if me.is_called(match[1])]
    spans = (_span(said.text, entity, me) for entity in said.entities)
    return sorted(span for span in spans if span is not None)


def _span(text: str, entity: object, me: Me) -> tuple[int, int] | None:
    """Telegram counts UTF-16 units. https://core.telegram.org/api/entities#entity-length"""
    if not isinstance(entity, dict) or entity.get("type") not in ("mention", "text_mention"):
        return None
    offset, length = entity.get("offset"), entity.get("length")
    if type(offset) is not int or type(length) is not int or offset < 0 or length < 1:
        return None
    start, end = _index(text, offset), _index(text, offset + length)
    if entity["type"] == "text_mention":
        user = entity.get("user")
        mine = isinstance(user, dict) and user.get("id") == me.id
    else:
        mine = text[start : start + 1] == "@" and me.is_called(text[start + 1 : end])
    return (start, end) if mine else None


def _index(text: str, units: int) -> int:
    if text.isascii():
        return min(units, len(text))
    utf16 = text.encode("utf-16-le")[: units * 2]
    return len(utf16.decode("utf-16-le", "ignore"))


def _without_leading(text: str, spans: list[tuple[int, int]]) -> str:
    """Take the mentions off the start; alone, or further on, they are part of the text."""
    start = 0
    for begin, end in spans:
        if text[start:begin].strip(_AFTER_MENTION):
            break
        start = end
    return (text[start:].lstrip(_AFTER_MENTION) if start else text) or text
