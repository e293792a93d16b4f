"""Where something is said, and so where answers go.

https://core.telegram.org/bots/api#chat, https://core.telegram.org/bots/api#message
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.telegram.fields import JsonObject, a_string, an_id, an_integer, an_object
from gateway import Address, Conversation, ConversationKind, UnreadableUpdate

_KINDS = {
    "private": ConversationKind.DIRECT,
    "group": ConversationKind.GROUP,
    "supergroup": ConversationKind.GROUP,
    "channel": ConversationKind.CHANNEL,
}


@dataclass(kw_only=True, slots=True)
class Place:
    """`private`: whatever is said here is said to the bot, though others may read it.

    `connection` is the business connection whose chat this is.
    """

    conversation: Conversation
    data: JsonObject
    private: bool = False
    connection: str = ""

    @property
    def quotes(self) -> bool:
        """Whether answers say what they answer: where several people talk."""
        kind = self.conversation.kind
        return kind in (ConversationKind.GROUP, ConversationKind.THREAD) and not self.private

    def address(self) -> Address:
        """Where answers go; each topic and each business chat is a destination of its own."""
        chat, topic = self.data["chat_id"], None
        if self.connection:
            return Address(destination=self.conversation.id, data=self.data)
        if len(self.data) > 1:
            topic = self.data.get("message_thread_id") or self.data.get("direct_messages_topic_id")
        destination = f"{chat}:{topic}" if topic is not None else str(chat)
        return Address(destination=destination, data=self.data)


def of_message(message: JsonObject, path: str) -> Place:
    """The place of a message, or of anything with a chat. Raises `UnreadableUpdate`."""
    chat = an_object(message, "chat", path)
    chat_id = an_integer(chat, "id", f"{path}.chat")
    kind = _KINDS.get(a_string(chat, "type"))
    if kind is None:
        raise UnreadableUpdate(f"{path}.chat.type is missing or not a known one")
    data: JsonObject = {"chat_id": chat_id}
    if message.get("business_connection_id"):
        return _business_chat(message, path, kind, data)
    # Ordinary supergroups give an id to every thread of replies; only a topic is a place.
    if message.get("is_topic_message"):
        data["message_thread_id"] = an_integer(message, "message_thread_id", path)
    if kind is not ConversationKind.GROUP:
        title = a_string(chat, "title") or None
        return Place(conversation=Conversation(kind=kind, id=str(chat_id), title=title), data=data)
    if chat.get("is_direct_messages"):
        return _channel_dialog(message, chat, path, data)
    return Place(conversation=_group(message, chat, data), data=data)


def replied_to(message: JsonObject) -> JsonObject | None:
    """The message that this one replies to.

    Every message of a topic replies to the topic's root, unless it replies to another.
    """
    reply = message.get("reply_to_message")
    if not isinstance(reply, dict):
        return None
    if message.get("is_topic_message") and (
        reply.get("message_id") == message.get("message_thread_id")
        or "forum_topic_created" in reply
    ):
        return None
    return reply


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


def _channel_dialog(message: JsonObject, chat: JsonObject, path: str, data: JsonObject) -> Place:
    """One person's messages to a channel, which its admins read and answer as the channel."""
    topic = an_object(message, "direct_messages_topic", path)
    topic_id = an_integer(topic, "topic_id", f"{path}.direct_messages_topic")
    data.pop("message_thread_id", None)
    data["direct_messages_topic_id"] = topic_id
    place = f"{data['chat_id']}:{topic_id}"
    title = a_string(chat, "title") or None
    conversation = Conversation(kind=ConversationKind.GROUP, id=place, title=title)
    return Place(conversation=conversation, data=data, private="sender_chat" not in message)


def _business_chat(
    message: JsonObject, path: str, kind: ConversationKind, data: JsonObject
) -> Place:
    """One person's chat with a business account, which may have the id of their chat with us."""
    connection = an_id(message, "business_connection_id", path)
    if kind is not ConversationKind.DIRECT:
        raise UnreadableUpdate(f"{path}.chat is a business account's, and not private")
    data["business_connection_id"] = connection
    conversation = Conversation(kind=kind, id=f"{connection}:{data['chat_id']}")
    return Place(conversation=conversation, data=data, connection=connection)


def _topic_name(message: JsonObject) -> str:
    root = message.get("reply_to_message")
    created = root.get("forum_topic_created") if isinstance(root, dict) else None
    return a_string(created, "name") if isinstance(created, dict) else ""
