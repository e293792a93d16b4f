"""Where something is said, and so where answers go.

A thread and a forum's post are channels with ids of their own:
https://docs.discord.com/developers/topics/threads
"""

from __future__ import annotations

import re
from typing import Any

from adapters.discord.fields import JsonObject, a_detail, a_string, an_id, in_one_line
from gateway import Address, Conversation, ConversationKind, Participant

_USER = re.compile(r"[1-9][0-9]{0,19}")


def conversation(event: JsonObject, path: str) -> Conversation:
    """The channel of a message or of anything with a channel. Raises `UnreadableUpdate`."""
    channel = a_detail(event, "channel")
    if channel and event.get("channel_id") is None:
        channel_id = an_id(channel, "id", f"{path}.channel")
    else:
        channel_id = an_id(event, "channel_id", path)
    if event.get("guild_id") is None:
        return Conversation(kind=ConversationKind.DIRECT, id=channel_id)
    an_id(event, "guild_id", path)
    title = in_one_line(a_string(channel, "name")) or None
    return Conversation(kind=ConversationKind.CHANNEL, id=channel_id, title=title)


def address(where: Conversation, **data: Any) -> Address:
    """Where answers go; each channel is a destination of its own."""
    return Address(destination=where.id, data={"channel": where.id, **data})


def private_address(who: Participant) -> Address | None:
    """A person's DM with the bot; which channel that is, Discord says when it is opened."""
    if not _USER.fullmatch(who.id):
        return None
    return Address(destination=f"@{who.id}", data={"channel": f"@{who.id}", "person": who.id})
