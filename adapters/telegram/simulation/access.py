"""What a bot may reach: its chats, its messages, and how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.telegram.simulation.errors import ApiError, bad_request, forbidden, too_many_requests
from adapters.telegram.simulation.model import Chat, JsonObject, Message
from adapters.telegram.simulation.rates import FloodControl
from adapters.telegram.simulation.world import Bot, World

Method = Callable[[Bot, JsonObject], Any]

# A business account's customer is answered within a day of what they wrote;
# https://core.telegram.org/bots/features#bots-for-business.
BUSINESS_WINDOW = 86_400.0


class Access:
    """Finds what a call names. Raises `ApiError` for what the bot may not have."""

    def __init__(self, world: World, flood: FloodControl | None) -> None:
        self._world = world
        self._flood = flood

    def chat(self, bot: Bot, given: JsonObject) -> Chat:
        """The chat a call names, if this bot can know it."""
        chat_id: Any = given.get("chat_id")
        chat = bot.dialogs.get(chat_id) or self._world.chats.get(chat_id)
        if chat is None or not chat.started or bot.id not in chat.bots:
            raise self._stranger(bot, chat_id)
        if chat.migrated_to is not None:
            raise bad_request(
                "group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to
            )
        return chat

    def writable(self, bot: Bot, given: JsonObject) -> Chat:
        """The same where the bot can say something, also for a business account."""
        connection_id = given.get("business_connection_id")
        if connection_id is not None:
            return self.business(bot, connection_id, given.get("chat_id"))
        chat = self.chat(bot, given)
        if chat.blocked:
            raise forbidden("bot was blocked by the user")
        return chat

    def business(self, bot: Bot, connection_id: str, chat_id: Any) -> Chat:
        """A chat of a business account that the bot may answer in."""
        connection = bot.connections.get(connection_id)
        if connection is None:
            raise bad_request("business connection not found")
        if not connection.enabled:
            raise bad_request("BUSINESS_CONNECTION_INVALID")
        if "can_reply" not in connection.rights:
            raise forbidden("BOT_ACCESS_FORBIDDEN")
        chat = connection.chats.get(chat_id)
        if chat is None:
            raise bad_request("BUSINESS_PEER_INVALID")
        if not chat.started or self._world.clock() - chat.heard_at > BUSINESS_WINDOW:
            raise bad_request("BUSINESS_PEER_USAGE_MISSING")
        return chat

    def own(self, bot: Bot, given: JsonObject) -> Message:
        """The bot's own message that a call wants to edit."""
        message = existing(self.writable(bot, given), given, "message to edit not found")
        if message.bot_id != bot.id:
            raise bad_request("message can't be edited")
        return message

    def spend(self, method: str, bot: Bot, chat: Chat, times: int = 1) -> None:
        """Count a call to the rates."""
        if self._flood is None:
            return
        retry_after = self._flood.refuse(method, bot.id, chat.id, times)
        if retry_after is not None:
            raise too_many_requests(retry_after)

    def _stranger(self, bot: Bot, chat_id: Any) -> ApiError:
        """Whom the bot met in a group it may not write to first; others do not exist for it."""
        groups = (chat for chat in self._world.chats.values() if bot.id in chat.bots)
        if any(chat_id in group.people for group in groups):
            return forbidden("bot can't initiate conversation with a user")
        return bad_request("chat not found")


def topic_of(chat: Chat, given: JsonObject) -> int | None:
    """The topic a call names."""
    topic: int | None = given.get("message_thread_id")
    if topic is None:
        return None
    root = chat.messages.get(topic) if chat.is_forum else None
    if root is None or root.topic != topic:
        raise bad_request("message thread not found")
    return topic


def existing(chat: Chat, given: JsonObject, otherwise: str) -> Message:
    """The message a call names."""
    message = chat.messages.get(given.get("message_id", 0))
    if message is None:
        raise bad_request(otherwise)
    return message


def replied(chat: Chat, given: Any) -> Message | None:
    """The message that `reply_parameters` name."""
    if not given:
        return None
    message = chat.messages.get(given.get("message_id", 0))
    if message is None:
        if not given.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
    elif given.get("quote", "") not in message.text:
        raise bad_request("QUOTE_TEXT_INVALID")
    return message
