"""The Bot API's methods, as functions of a bot and its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from adapters.telegram.simulation.errors import ApiError, bad_request, forbidden, too_many_requests
from adapters.telegram.simulation.markup import check_markup
from adapters.telegram.simulation.model import Chat, JsonObject, Message
from adapters.telegram.simulation.rates import FloodControl
from adapters.telegram.simulation.text import outgoing
from adapters.telegram.simulation.vocabulary import (
    ADMINISTRATOR_RIGHTS,
    CHAT_ACTIONS,
    GIFT_TYPES,
    REACTIONS,
)
from adapters.telegram.simulation.world import Bot, World

MAX_COMMANDS = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)

Method = Callable[[Bot, JsonObject], Any]


class Methods:
    """Every method that answers at once. Raises `ApiError` for what Telegram would refuse."""

    def __init__(
        self, world: World, flood: FloodControl | None, *, callback_lifetime: float
    ) -> None:
        self._world = world
        self._flood = flood
        self._callback_lifetime = callback_lifetime
        self.table: dict[str, Method] = {
            "answerCallbackQuery": self._answer_callback_query,
            "deleteMessage": self._delete_message,
            "deleteMyCommands": self._delete_my_commands,
            "editMessageReplyMarkup": self._edit_message_reply_markup,
            "editMessageText": self._edit_message_text,
            "getChat": self._get_chat,
            "getChatMember": self._get_chat_member,
            "getMe": self._get_me,
            "getMyCommands": self._get_my_commands,
            "sendChatAction": self._send_chat_action,
            "sendMessage": self._send_message,
            "sendMessageDraft": self._send_message_draft,
            "setMessageReaction": self._set_message_reaction,
            "setMyCommands": self._set_my_commands,
        }

    def _get_me(self, bot: Bot, _: JsonObject) -> JsonObject:
        return {
            **bot.user,
            "can_join_groups": True,
            "can_read_all_group_messages": bot.reads_all,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def _send_message(self, bot: Bot, given: JsonObject) -> JsonObject:
        chat = self._writable(bot, given)
        text = outgoing(_text(given), given.get("parse_mode"), given.get("entities") or ())
        message = Message(
            chat=chat,
            date=self._world.clock(),
            text=text,
            accepted=text,
            sender=bot.user,
            bot_id=bot.id,
            entities=given.get("entities") or [],
            markup=check_markup(given.get("reply_markup")),
            reply_to=_replied(chat, given.get("reply_parameters")),
        )
        if chat.type == "channel":
            message.sender = None
        self._world.thread(message, _topic(chat, given))
        self._spend("sendMessage", bot, chat)
        self._world.post(bot, message)
        return message.shown()

    def _send_message_draft(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._writable(bot, given)
        if chat.type != "private":
            raise bad_request("method is available only in private chats")
        if not given.get("draft_id"):
            raise bad_request("draft_id must be non-zero")
        text = _text(given)
        if text:
            text = outgoing(text, given.get("parse_mode"), given.get("entities") or ())
        self._spend("sendMessageDraft", bot, chat)
        chat.draft = (self._world.clock(), text)
        return True

    def _send_chat_action(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._writable(bot, given)
        if given.get("action") not in CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        _topic(chat, given)
        self._spend("sendChatAction", bot, chat)
        return True

    def _edit_message_text(self, bot: Bot, given: JsonObject) -> JsonObject:
        message = self._own(bot, given)
        text = outgoing(_text(given), given.get("parse_mode"), given.get("entities") or ())
        markup = check_markup(given.get("reply_markup"), inline=True)
        entities = given.get("entities") or []
        if (text, entities, markup) == (message.text, message.entities, message.markup):
            raise bad_request(UNCHANGED)
        self._spend("editMessageText", bot, message.chat)
        message.text, message.entities, message.markup = text, entities, markup
        message.edited = self._world.clock()
        return message.shown()

    def _edit_message_reply_markup(self, bot: Bot, given: JsonObject) -> JsonObject:
        message = self._own(bot, given)
        markup = check_markup(given.get("reply_markup"), inline=True)
        if markup == message.markup:
            raise bad_request(UNCHANGED)
        self._spend("editMessageReplyMarkup", bot, message.chat)
        message.markup = markup
        message.edited = self._world.clock()
        return message.shown()

    def _delete_message(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._chat(bot, given)
        message = _existing(chat, given, "message to delete not found")
        may = message.bot_id == bot.id or chat.type == "private" or bot.id in chat.admins
        if not may:
            raise bad_request("message can't be deleted")
        self._spend("deleteMessage", bot, chat)
        message.deleted = True
        del chat.messages[message.id]
        return True

    def _answer_callback_query(self, bot: Bot, given: JsonObject) -> bool:
        query = bot.queries.get(given.get("callback_query_id", ""))
        late = query is None or self._world.clock() - query.at > self._callback_lifetime
        if query is None or late or query.answered:
            raise bad_request(TOO_OLD)
        if len(given.get("text", "")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        query.answered = True
        return True

    def _set_my_commands(self, bot: Bot, given: JsonObject) -> bool:
        commands = given.get("commands")
        if not isinstance(commands, list):
            raise bad_request("can't parse commands: expected an Array")
        if len(commands) > MAX_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not COMMAND.fullmatch(str(command.get("command", "")).removeprefix("/")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(str(command.get("description", ""))) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        bot.commands[_scope(given)] = commands
        return True

    def _get_my_commands(self, bot: Bot, given: JsonObject) -> list[JsonObject]:
        return bot.commands.get(_scope(given), [])

    def _delete_my_commands(self, bot: Bot, given: JsonObject) -> bool:
        bot.commands.pop(_scope(given), None)
        return True

    def _get_chat(self, bot: Bot, given: JsonObject) -> JsonObject:
        more = {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(GIFT_TYPES, False),
        }
        return {**self._chat(bot, given).shown, **more}

    def _get_chat_member(self, bot: Bot, given: JsonObject) -> JsonObject:
        chat, user_id = self._chat(bot, given), given.get("user_id")
        if user_id in chat.people:
            user = chat.people[user_id].as_user()
        elif user_id in chat.bots:
            user = self._world.bots[user_id].user
        elif user_id in self._world.people:
            return {"status": "left", "user": self._world.people[user_id].as_user()}
        else:
            raise bad_request("PARTICIPANT_ID_INVALID")
        if user_id in chat.admins:
            return {
                "status": "administrator",
                "user": user,
                **dict.fromkeys(ADMINISTRATOR_RIGHTS, False),
            }
        return {"status": "member", "user": user}

    def _set_message_reaction(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._writable(bot, given)
        _existing(chat, given, "message to react not found")
        reactions = given.get("reaction") or []
        if len(reactions) > 1:
            raise bad_request("REACTIONS_TOO_MANY")
        if any(each.get("emoji", "👍") not in REACTIONS for each in reactions):
            raise bad_request("REACTION_INVALID")
        self._spend("setMessageReaction", bot, chat)
        return True

    def _chat(self, bot: Bot, given: JsonObject) -> Chat:
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

    def _stranger(self, bot: Bot, chat_id: Any) -> ApiError:
        """Whom the bot met in a group it may not write to first; others do not exist for it."""
        groups = (chat for chat in self._world.chats.values() if bot.id in chat.bots)
        if any(chat_id in group.people for group in groups):
            return forbidden("bot can't initiate conversation with a user")
        return bad_request("chat not found")

    def _writable(self, bot: Bot, given: JsonObject) -> Chat:
        chat = self._chat(bot, given)
        if chat.blocked:
            raise forbidden("bot was blocked by the user")
        return chat

    def _own(self, bot: Bot, given: JsonObject) -> Message:
        message = _existing(self._writable(bot, given), given, "message to edit not found")
        if message.bot_id != bot.id:
            raise bad_request("message can't be edited")
        return message

    def _spend(self, method: str, bot: Bot, chat: Chat) -> None:
        if self._flood is None:
            return
        retry_after = self._flood.refuse(method, bot.id, chat.id)
        if retry_after is not None:
            raise too_many_requests(retry_after)


def _text(given: JsonObject) -> str:
    text = given.get("text", "")
    return text if isinstance(text, str) else str(text)


def _topic(chat: Chat, given: JsonObject) -> int | None:
    topic: int | None = given.get("message_thread_id")
    if topic is None:
        return None
    root = chat.messages.get(topic) if chat.is_forum else None
    if root is None or root.topic != topic:
        raise bad_request("message thread not found")
    return topic


def _existing(chat: Chat, given: JsonObject, otherwise: str) -> Message:
    message = chat.messages.get(given.get("message_id", 0))
    if message is None:
        raise bad_request(otherwise)
    return message


def _replied(chat: Chat, given: Any) -> Message | None:
    if not given:
        return None
    message = chat.messages.get(given.get("message_id", 0))
    if message is None and not given.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    return message


def _scope(given: JsonObject) -> tuple[str, str]:
    scope = given.get("scope") or {"type": "default"}
    return orjson.dumps(scope, option=orjson.OPT_SORT_KEYS).decode(), given.get("language_code", "")
