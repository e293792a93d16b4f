"""Raw updates of the Bot API, read as what they mean to the gateway. Pure, and free of any SDK.

https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import orjson

from adapters.telegram import addressing, content, news, people, places, quotes
from adapters.telegram.fields import JsonObject, a_number, a_string, an_integer, an_object
from adapters.telegram.people import Me
from adapters.telegram.places import Place
from gateway import (
    Action,
    ConversationKind,
    Ignored,
    Inbound,
    Moved,
    Participant,
    Press,
    UnreadableUpdate,
)

__all__ = ["ALLOWED_UPDATES", "Me", "parse"]

_MESSAGES = {
    "message": Action.MESSAGE,
    "channel_post": Action.MESSAGE,
    "business_message": Action.MESSAGE,
    "edited_message": Action.EDIT,
    "edited_channel_post": Action.EDIT,
    "edited_business_message": Action.EDIT,
}
_PRESS = re.compile(r"q:([A-Za-z0-9_-]{1,56}):([0-9]{1,4})")
_STOP = "stop"

_Outcome = Inbound | Moved | Ignored


def parse(raw: bytes, me: Me) -> Inbound | Moved | Ignored:
    """Read one update as it arrived.

    Raises `UnreadableUpdate`, which names the field that is missing or not what it should be.
    """
    try:
        update = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableUpdate(f"the update is not JSON: {error}") from None
    if not isinstance(update, dict):
        raise UnreadableUpdate("the update is not an object")
    event_id = str(an_integer(update, "update_id", ""))
    for kind in update:
        if kind in _MESSAGES:
            return _message(event_id, kind, an_object(update, kind, ""), me)
        if kind in _EVENTS:
            return _EVENTS[kind](event_id, an_object(update, kind, ""))
    return Ignored(reason=news.unused(update), event_id=event_id)


def _message(event_id: str, kind: str, message: JsonObject, me: Me) -> _Outcome:
    action = _MESSAGES[kind]
    place = _place(message, kind)
    message_id = a_number(message, "message_id", kind)
    said = content.read(message, kind)
    if isinstance(said, str):
        return _moved(event_id, kind, message) or Ignored(reason=said, event_id=event_id)
    who = _author(message, kind, place, me)
    if isinstance(who, str):
        return Ignored(reason=who, event_id=event_id)
    direct = place.conversation.kind is ConversationKind.DIRECT
    text, called = addressing.call(said, me, direct)
    if text is None:
        return Ignored(reason="the command is meant for another bot", event_id=event_id)
    if place.quotes:
        place.data["reply_to"] = message_id
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=who,
        address=place.address(),
        text=text,
        action=action,
        order=message_id,
        addressed=direct or called or place.private or addressing.replies(message, me),
        message_id=str(message_id),
        attachments=said.attachments,
        album=_album(message),
        quote=quotes.read(message, me),
    )


def _place(message: JsonObject, path: str) -> Place:
    place = places.of_message(message, path)
    if not place.connection and "business" in path:
        raise UnreadableUpdate(f"{path}.business_connection_id is missing")
    return place


def _author(message: JsonObject, kind: str, place: Place, me: Me) -> Participant | str:
    """Who says it, or why it is not heard."""
    if message.get("is_automatic_forward"):
        return "a channel's post, forwarded to its discussion group by Telegram"
    if message.get("ephemeral_message_id") is not None:
        # Others would read the answer.
        return "an ephemeral message, which only the bot and its author see"
    if _MESSAGES[kind] is Action.EDIT and "location" in message:
        return "a live location moved"
    if place.connection:
        return people.customer(message, kind, place.connection)
    return people.author(message, kind, me)


def _album(message: JsonObject) -> str:
    group = a_string(message, "media_group_id")
    return group if group.isprintable() else ""


def _moved(event_id: str, kind: str, message: JsonObject) -> Moved | None:
    """The old chat hears where it goes, the new one where it comes from."""
    here = message["chat"]["id"]
    if message.get("migrate_to_chat_id") is not None:
        old, new = here, an_integer(message, "migrate_to_chat_id", kind)
    elif message.get("migrate_from_chat_id") is not None:
        old, new = an_integer(message, "migrate_from_chat_id", kind), here
    else:
        return None
    if old == new:
        raise UnreadableUpdate(f"{kind} says that a chat moved to itself")
    return Moved(event_id=event_id, old_id=str(old), new_id=str(new))


def _press(event_id: str, query: JsonObject) -> Inbound | Ignored:
    who: Participant | str = people.person(query, "from", "callback_query")
    data, message = query.get("data"), query.get("message")
    press = _PRESS.fullmatch(data) if isinstance(data, str) else None
    if message is None or (press is None and data != _STOP):
        return Ignored(reason="a button that is not the gateway's", event_id=event_id)
    message = an_object(query, "message", "callback_query")
    place = places.of_message(message, "callback_query.message")
    if message.get("date") == 0 and message["chat"].get("is_forum"):
        # An inaccessible message does not say which topic it is in.
        return Ignored(reason="a button on a message that is gone", event_id=event_id)
    if place.connection:
        who = people.customer(
            {"from": query["from"], "chat": message["chat"]}, "callback_query", place.connection
        )
    if isinstance(who, str):
        return Ignored(reason=who, event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=who,
        address=place.address(),
        action=Action.PRESS if press else Action.STOP,
        message_id=str(a_number(message, "message_id", "callback_query.message")),
        press=Press(question_id=press[1], option=int(press[2])) if press else None,
    )


def _deleted(event_id: str, told: JsonObject) -> Inbound | Ignored:
    """Only business accounts tell of deletions, one person's chat at a time."""
    path = "deleted_business_messages"
    place = _place(told, path)
    ids = told.get("message_ids")
    if not isinstance(ids, list) or not all(type(one) is int and one >= 0 for one in ids):
        raise UnreadableUpdate(f"{path}.message_ids is not a list of message ids")
    if not ids:
        return Ignored(reason="no message was deleted", event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=people.of_business(people.person(told, "chat", path), place.connection),
        address=place.address(),
        action=Action.DELETE,
        deleted=tuple(map(str, ids)),
    )


def _stopped(event_id: str, told: JsonObject) -> Inbound | Ignored:
    """The button below an answer that is being written, which is in private chats only."""
    path = "stopped_message_generation"
    topic = told.get("message_thread_id")
    place = places.of_message({**told, "is_topic_message": topic is not None}, path)
    if place.conversation.kind is not ConversationKind.DIRECT:
        return Ignored(reason="a stop that does not say whose", event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=people.person(told, "chat", path),
        address=place.address(),
        action=Action.STOP,
    )


_EVENTS: Mapping[str, Callable[[str, JsonObject], Inbound | Ignored]] = {
    "callback_query": _press,
    "deleted_business_messages": _deleted,
    "stopped_message_generation": _stopped,
}
ALLOWED_UPDATES = (*_MESSAGES, *_EVENTS, "business_connection")
"""The kinds of updates to ask Telegram for; it keeps the others to itself."""
