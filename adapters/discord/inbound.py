"""Dispatches of Discord's gateway, read as what they mean to us. Pure, and free of any SDK.

https://docs.discord.com/developers/events/gateway-events
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from adapters.discord import addressing, attachments, content, interactions, places, quotes
from adapters.discord.fields import (
    JsonObject,
    a_string,
    an_id,
    an_integer,
    an_object,
    ids,
    in_one_line,
)
from adapters.discord.people import UNKNOWN, Me, author
from gateway import Action, ConversationKind, Ignored, Inbound, UnreadableUpdate

__all__ = ["Me", "parse"]

_DISPATCH = 0
_PATH = "message"
# An ordinary message, and a reply; everything else tells of something that happened.
_SAID = (0, 19)

_Outcome = Inbound | Ignored


def parse(raw: bytes, me: Me) -> Inbound | Ignored:
    """Read one dispatch as it arrived, or a bare message or interaction.

    Raises `UnreadableUpdate`, which names the field that is missing or not what it should be.
    """
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableUpdate(f"the event is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise UnreadableUpdate("the event is not an object")
    if "op" in event or "t" in event:
        return _dispatch(event, me)
    if "author" in event and "channel_id" in event:
        return _created(event, me)
    if "token" in event and "type" in event:
        return interactions.read(event, me)
    raise UnreadableUpdate("the event is no dispatch (op, t, d), no message and no interaction")


def _dispatch(event: JsonObject, me: Me) -> _Outcome:
    if event.get("op", _DISPATCH) != _DISPATCH:
        return Ignored(reason=f"the connection's own (op {an_integer(event, 'op', '')})")
    kind = event.get("t")
    if not isinstance(kind, str) or not kind:
        raise UnreadableUpdate("t is missing or not the name of an event")
    read = _EVENTS.get(kind)
    if read is None:
        return Ignored(reason=_unused(kind))
    return read(an_object(event, "d", ""), me)


def _created(message: JsonObject, me: Me) -> _Outcome:
    return _said(an_id(message, "id", _PATH), Action.MESSAGE, message, me)


def _updated(message: JsonObject, me: Me) -> _Outcome:
    """Discord tells of every change of a message: also that a link's preview was added to it."""
    event_id = f"edit:{an_id(message, 'id', _PATH)}"
    edited_at = a_string(message, "edited_timestamp")
    if not edited_at.isprintable():
        raise UnreadableUpdate(f"{_PATH}.edited_timestamp is not a time")
    if not edited_at or message.get("content") is None or message.get("author") is None:
        return Ignored(reason="a change that is not of the text", event_id=event_id)
    return _said(f"{event_id}:{edited_at}", Action.EDIT, message, me)


def _said(event_id: str, action: Action, message: JsonObject, me: Me) -> _Outcome:
    where = places.conversation(message, _PATH)
    kind = an_integer(message, "type", _PATH) if "type" in message else 0
    if kind not in _SAID:
        return Ignored(reason=f"a service message (type {kind})", event_id=event_id)
    who = author(message, _PATH, me)
    if isinstance(who, str):
        return Ignored(reason=who, event_id=event_id)
    if not isinstance(message.get("content") or "", str):
        raise UnreadableUpdate(f"{_PATH}.content is not a string")
    written, called = addressing.call(message, me)
    text = content.shown(message, written)
    direct = where.kind is ConversationKind.DIRECT
    if not text:
        return Ignored(reason=_silent(message, direct or called), event_id=event_id)
    edit, message_id = action is Action.EDIT, message["id"]
    # Where several people talk, answers say what they answer.
    data = {} if direct else {"reply_to": message_id}
    return Inbound(
        event_id=event_id,
        conversation=where,
        participant=who,
        address=places.address(where, **data),
        text=text,
        action=action,
        order=int(message_id),
        addressed=direct or (not edit and (called or addressing.replies(message, me))),
        follows=edit and not direct,
        message_id=message_id,
        attachments=attachments.read(message, where.id, message_id),
        quote=quotes.read(message, me),
    )


def _silent(message: JsonObject, readable: bool) -> str:
    if readable or not content.is_empty(message):
        return "a message without content"
    return (
        "a message without content: without the Message Content Intent, Discord shows only what"
        " mentions the bot"
    )


def _deleted(event: JsonObject, _me: Me) -> _Outcome:
    message_id = an_id(event, "id", "deleted message")
    return _gone(f"delete:{message_id}", event, [message_id])


def _all_deleted(event: JsonObject, _me: Me) -> _Outcome:
    found = ids(event, "ids")
    if not found:
        raise UnreadableUpdate("deleted messages.ids is missing or not a list of snowflakes")
    return _gone(f"delete:{found[0]}+{len(found)}", event, found)


def _gone(event_id: str, event: JsonObject, deleted: list[str]) -> Inbound:
    """Discord does not say who deleted a message, nor who had written it."""
    where = places.conversation(event, "deleted message")
    direct = where.kind is ConversationKind.DIRECT
    return Inbound(
        event_id=event_id,
        conversation=where,
        participant=UNKNOWN,
        address=places.address(where),
        action=Action.DELETE,
        deleted=tuple(deleted),
        addressed=direct,
        follows=not direct,
    )


def _unused(kind: str) -> str:
    if kind.startswith("MESSAGE_REACTION_"):
        return "nobody asked for reactions"
    return f"nothing to answer ({in_one_line(kind, 60)})"


_EVENTS: Mapping[str, Callable[[JsonObject, Me], _Outcome]] = {
    "MESSAGE_CREATE": _created,
    "MESSAGE_UPDATE": _updated,
    "MESSAGE_DELETE": _deleted,
    "MESSAGE_DELETE_BULK": _all_deleted,
    "INTERACTION_CREATE": interactions.read,
}
