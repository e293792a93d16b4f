"""What a message replies to, as its writer sees it."""

from __future__ import annotations

from adapters.discord import content
from adapters.discord.fields import JsonObject, a_detail
from adapters.discord.people import Me, name
from gateway import Quote

LONGEST = 1000
"""Characters of what is quoted; more is cut off."""


def read(message: JsonObject, me: Me) -> Quote | None:
    """The message that it replies to, unless that is gone."""
    reply = message.get("referenced_message")
    if not isinstance(reply, dict):
        return None
    text = content.shown(reply)
    if not text.strip():
        return None
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 1]}…"
    who = a_detail(reply, "author")
    sender = name(who, a_detail(reply, "member"))
    return Quote(text=text, sender=sender, from_agent=me.is_user(who))
