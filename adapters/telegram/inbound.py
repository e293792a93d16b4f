"""Raw updates of the Bot API, read as what they mean to the gateway. Pure, and free of any SDK.

https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from adapters.telegram import content
from adapters.telegram.content import Content
from adapters.telegram.fields import JsonObject, a_number, a_string, an_integer, an_object
from gateway import (
    Action,
    Address,
    Conversation,
    ConversationKind,
    Ignored,
    Inbound,
    Participant,
    Press,
    UnreadableUpdate,
)

_MESSAGES = {
    "message": Action.MESSAGE,
    "channel_post": Action.MESSAGE,
    "edited_message": Action.EDIT,
    "edited_channel_post": Action.EDIT,
}
ALLOWED_UPDATES = (*_MESSAGES, "callback_query")
"""The kinds of updates to ask Telegram for; it keeps the others to itself."""

_KINDS = {
    "private": ConversationKind.DIRECT,
    "group": ConversationKind.GROUP,
    "supergroup": ConversationKind.GROUP,
    "channel": ConversationKind.CHANNEL,
}
_COMMAND = re.compile(r"(/[A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]+))?(?![\w/@])")
_MENTION = re.compile(r"(?<![\w.@])@([A-Za-z0-9_]{3,32})(?!\w)")
_PRESS = re.compile(r"q:([A-Za-z0-9_-]{1,56}):([0-9]{1,4})")
_AFTER_MENTION = " \t\r\n,:;"


@dataclass(frozen=True, kw_only=True, slots=True)
class Me:
    """The bot itself; `username` is in lower case, without the @.

    A bot that does not know its name (empty) or id (0) takes those of any bot for its own: in
    privacy mode Telegram hands it nothing that is meant for another.
    """

    id: int
    username: str = ""

    def is_called(self, name: str) -> bool:
        """Whether `@name` means this bot."""
        name = name.lower()
        return name == self.username if self.username else name.endswith("bot")


def parse(raw: bytes, me: Me) -> Inbound | Ignored:
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
        if kind == "callback_query":
            return _press(event_id, an_object(update, kind, ""))
    other = next((kind for kind in update if kind != "update_id"), "empty")
    return Ignored(reason=f"{other} updates are not used", event_id=event_id)


def _message(event_id: str, kind: str, message: JsonObject, me: Me) -> Inbound | Ignored:
    action = _MESSAGES[kind]
    place = _place(message, kind)
    message_id = a_number(message, "message_id", kind)
    said = content.read(message, kind)
    if isinstance(said, str):
        return Ignored(reason=said, event_id=event_id)
    if action is Action.EDIT and "location" in message:
        return Ignored(reason="a live location moved", event_id=event_id)
    who = _author(message, kind, me)
    if isinstance(who, str):
        return Ignored(reason=who, event_id=event_id)
    direct = place.conversation.kind is ConversationKind.DIRECT
    text, called = _call(said, me, direct)
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
        addressed=direct or called or place.private or _replies_to(message, me),
        message_id=str(message_id),
    )


def _press(event_id: str, query: JsonObject) -> Inbound | Ignored:
    who = _person(query, "from", "callback_query")
    data, message = query.get("data"), query.get("message")
    press = _PRESS.fullmatch(data) if isinstance(data, str) else None
    if press is None or message is None:
        return Ignored(reason="a button that is not the gateway's", event_id=event_id)
    message = an_object(query, "message", "callback_query")
    place = _place(message, "callback_query.message")
    if message.get("date") == 0 and message["chat"].get("is_forum"):
        # An inaccessible message does not say which topic it is in.
        return Ignored(reason="a button on a message that is gone", event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=who,
        address=place.address(),
        action=Action.PRESS,
        message_id=str(a_number(message, "message_id", "callback_query.message")),
        press=Press(question_id=press[1], option=int(press[2])),
    )


# Where it was said.


@dataclass(kw_only=True, slots=True)
class _Place:
    """`private`: whatever is said here is said to the bot, though others may read it."""

    conversation: Conversation
    data: JsonObject
    private: bool = False

    @property
    def quotes(self) -> bool:
        """Whether answers say what they answer: where several people talk."""
        kind = self.conversation.kind
        return kind in (ConversationKind.GROUP, ConversationKind.THREAD) and not self.private

    def address(self) -> Address:
        chat, topic = self.data["chat_id"], None
        if len(self.data) > 1:
            topic = self.data.get("message_thread_id") or self.data.get("direct_messages_topic_id")
        destination = f"{chat}:{topic}" if topic is not None else str(chat)
        return Address(destination=destination, data=self.data)


def _place(message: JsonObject, path: str) -> _Place:
    chat = an_object(message, "chat", path)
    chat_id = an_integer(chat, "id", f"{path}.chat")
    kind = _KINDS.get(a_string(chat, "type"))
    if kind is None:
        raise UnreadableUpdate(f"{path}.chat.type is missing or not a known one")
    data: JsonObject = {"chat_id": chat_id}
    # Ordinary supergroups give an id to every thread of replies; only a topic is a place.
    if message.get("is_topic_message"):
        data["message_thread_id"] = an_integer(message, "message_thread_id", path)
    if kind is not ConversationKind.GROUP:
        title = a_string(chat, "title") or None
        return _Place(conversation=Conversation(kind=kind, id=str(chat_id), title=title), data=data)
    if chat.get("is_direct_messages"):
        return _channel_dialog(message, chat, path, data)
    return _Place(conversation=_group(message, chat, data), data=data)


def _group(message: JsonObject, chat: JsonObject, data: JsonObject) -> Conversation:
    title = a_string(chat, "title") or None
    group = str(data["chat_id"])
    topic = data.get("message_thread_id")
    if topic is not None:
        title = _topic_name(message) or title
        return Conversation(
            kind=ConversationKind.THREAD, id=str(topic), parent_id=group, title=title
        )
    return Conversation(kind=ConversationKind.GROUP, id=group, title=title)


def _channel_dialog(message: JsonObject, chat: JsonObject, path: str, data: JsonObject) -> _Place:
    """One person's messages to a channel, which its admins read and answer as the channel."""
    topic = an_object(message, "direct_messages_topic", path)
    topic_id = an_integer(topic, "topic_id", f"{path}.direct_messages_topic")
    data.pop("message_thread_id", None)
    data["direct_messages_topic_id"] = topic_id
    place = f"{data['chat_id']}:{topic_id}"
    title = a_string(chat, "title") or None
    conversation = Conversation(kind=ConversationKind.GROUP, id=place, title=title)
    return _Place(conversation=conversation, data=data, private="sender_chat" not in message)


def _topic_name(message: JsonObject) -> str:
    """Every message of a topic replies to its root, unless it replies to another."""
    root = message.get("reply_to_message")
    created = root.get("forum_topic_created") if isinstance(root, dict) else None
    return a_string(created, "name") if isinstance(created, dict) else ""


# Who said it.


def _author(message: JsonObject, path: str, me: Me) -> Participant | str:
    """The participant, or why what they say is not heard."""
    if message.get("sender_chat") is not None:
        # An anonymous admin or a channel; `from` is then a stand-in for old clients.
        return _chat_as_participant(message, "sender_chat", path)
    if message.get("from") is None and path.endswith("channel_post"):
        return _chat_as_participant(message, "chat", path)
    who = _person(message, "from", path)
    if who.id == str(me.id):
        return "the bot's own message"
    if message["from"].get("is_bot"):
        return "another bot's message"
    return who


def _person(parent: JsonObject, field: str, path: str) -> Participant:
    user = an_object(parent, field, path)
    user_id = an_integer(user, "id", f"{path}.{field}")
    first, last = a_string(user, "first_name"), a_string(user, "last_name")
    name = f"{first} {last}".strip() if last else first
    return Participant(id=str(user_id), name=name or a_string(user, "username"))


def _chat_as_participant(parent: JsonObject, field: str, path: str) -> Participant:
    chat = an_object(parent, field, path)
    chat_id = an_integer(chat, "id", f"{path}.{field}")
    return Participant(id=str(chat_id), name=a_string(chat, "title") or a_string(chat, "username"))


# Whom it was said to.


def _call(said: Content, me: Me, direct: bool) -> tuple[str | None, bool]:
    """The text without the call for the bot, and whether there was one; None: another is called."""
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


def _replies_to(message: JsonObject, me: Me) -> bool:
    reply = message.get("reply_to_message")
    if not isinstance(reply, dict):
        return False
    if message.get("is_topic_message") and reply.get("message_id") == message["message_thread_id"]:
        return False
    author = reply.get("from")
    if not isinstance(author, dict):
        return False
    return author.get("id") == me.id or (me.id == 0 and author.get("is_bot") is True)
