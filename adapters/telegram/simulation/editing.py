"""The methods that change what stands there already: edits, deletions, reactions."""

from __future__ import annotations

from adapters.telegram.simulation.access import Access, Method, existing
from adapters.telegram.simulation.errors import bad_request
from adapters.telegram.simulation.markup import check_markup
from adapters.telegram.simulation.model import Chat, JsonObject, Message
from adapters.telegram.simulation.sending import text_of
from adapters.telegram.simulation.text import caption, outgoing
from adapters.telegram.simulation.vocabulary import REACTIONS
from adapters.telegram.simulation.world import Bot, World

UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
# https://core.telegram.org/bots/api#deletemessage.
DELETABLE = 48 * 3600.0
MAX_DELETED = 100


class Editing:
    """What a bot can do to messages."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access
        self.table: dict[str, Method] = {
            "deleteBusinessMessages": self._delete_business_messages,
            "deleteMessage": self._delete_message,
            "deleteMessages": self._delete_messages,
            "editMessageCaption": self._edit_message_caption,
            "editMessageReplyMarkup": self._edit_message_reply_markup,
            "editMessageText": self._edit_message_text,
            "setMessageReaction": self._set_message_reaction,
        }

    def _edit_message_text(self, bot: Bot, given: JsonObject) -> JsonObject:
        message = self._access.own(bot, given)
        if message.file is not None:
            raise bad_request("there is no text in the message to edit")
        text, entities = outgoing(
            text_of(given),
            given.get("parse_mode"),
            given.get("entities") or (),
            too_long="MESSAGE_TOO_LONG",
        )
        return self._edit("editMessageText", bot, message, given, text, entities)

    def _edit_message_caption(self, bot: Bot, given: JsonObject) -> JsonObject:
        message = self._access.own(bot, given)
        if message.file is None:
            raise bad_request("there is no caption in the message to edit")
        text, entities = caption(
            str(given.get("caption", "")),
            given.get("parse_mode"),
            given.get("caption_entities") or (),
            too_long="MEDIA_CAPTION_TOO_LONG",
        )
        return self._edit("editMessageCaption", bot, message, given, text, entities)

    def _edit_message_reply_markup(self, bot: Bot, given: JsonObject) -> JsonObject:
        message = self._access.own(bot, given)
        text, entities = message.text, message.entities
        return self._edit("editMessageReplyMarkup", bot, message, given, text, entities)

    def _edit(
        self,
        method: str,
        bot: Bot,
        message: Message,
        given: JsonObject,
        text: str,
        entities: list[JsonObject],
    ) -> JsonObject:
        markup = check_markup(given.get("reply_markup"), inline=True)
        if (text, entities, markup) == (message.text, message.entities, message.markup):
            raise bad_request(UNCHANGED)
        self._access.spend(method, bot, message.chat)
        message.text, message.entities, message.markup = text, entities, markup
        message.edited = self._world.clock()
        return message.shown()

    def _delete_message(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._access.chat(bot, given)
        message = existing(chat, given, "message to delete not found")
        if not self._deletable(bot, message):
            raise bad_request("message can't be deleted")
        if self._world.clock() - message.date > DELETABLE:
            raise bad_request("message can't be deleted for everyone")
        self._access.spend("deleteMessage", bot, chat)
        self._world.delete(message)
        return True

    def _delete_messages(self, bot: Bot, given: JsonObject) -> bool:
        """Those that can be found and deleted; the others are passed over."""
        chat = self._access.chat(bot, given)
        for message in _several(chat, given):
            if self._deletable(bot, message) and (self._world.clock() - message.date <= DELETABLE):
                self._world.delete(message)
        return True

    def _delete_business_messages(self, bot: Bot, given: JsonObject) -> bool:
        connection = bot.connections.get(given.get("business_connection_id", ""))
        if connection is None:
            raise bad_request("business connection not found")
        for chat in connection.chats.values():
            for message in _several(chat, given):
                if message.bot_id != bot.id and "can_delete_all_messages" not in connection.rights:
                    raise bad_request("MESSAGE_DELETE_FORBIDDEN")
                self._world.delete(message)
        return True

    def _set_message_reaction(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._access.writable(bot, {"chat_id": given.get("chat_id")})
        message = existing(chat, given, "message to react not found")
        reactions = given.get("reaction") or []
        if len(reactions) > 1:
            raise bad_request("REACTIONS_TOO_MANY")
        if any(each.get("emoji", "👍") not in REACTIONS for each in reactions):
            raise bad_request("REACTION_INVALID")
        self._access.spend("setMessageReaction", bot, chat)
        message.reactions[bot.id] = reactions
        return True

    @staticmethod
    def _deletable(bot: Bot, message: Message) -> bool:
        chat = message.chat
        return message.bot_id == bot.id or chat.type == "private" or bot.id in chat.admins


def _several(chat: Chat, given: JsonObject) -> list[Message]:
    numbers = given.get("message_ids") or []
    if not numbers:
        raise bad_request("message identifiers are not specified")
    if len(numbers) > MAX_DELETED:
        raise bad_request("too many message identifiers specified")
    return [chat.messages[number] for number in numbers if number in chat.messages]
