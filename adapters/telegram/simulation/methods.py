"""The Bot API's methods that answer at once, as functions of a bot and its parameters."""

from __future__ import annotations

from adapters.telegram.simulation.access import Access, Method
from adapters.telegram.simulation.editing import Editing
from adapters.telegram.simulation.errors import bad_request
from adapters.telegram.simulation.menu import Menu
from adapters.telegram.simulation.model import JsonObject
from adapters.telegram.simulation.rates import FloodControl
from adapters.telegram.simulation.sending import Sending
from adapters.telegram.simulation.vocabulary import ADMINISTRATOR_RIGHTS, GIFT_TYPES
from adapters.telegram.simulation.world import Bot, World

TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Methods:
    """Every method that answers at once. Raises `ApiError` for what Telegram would refuse."""

    def __init__(
        self, world: World, flood: FloodControl | None, *, callback_lifetime: float
    ) -> None:
        self._world = world
        self._access = Access(world, flood)
        self._callback_lifetime = callback_lifetime
        self.table: dict[str, Method] = {
            **Editing(world, self._access).table,
            **Menu(self._access).table,
            **Sending(world, self._access).table,
            "answerCallbackQuery": self._answer_callback_query,
            "getBusinessConnection": self._get_business_connection,
            "getChat": self._get_chat,
            "getChatMember": self._get_chat_member,
            "getFile": self._get_file,
            "getMe": self._get_me,
        }

    def _get_me(self, bot: Bot, _: JsonObject) -> JsonObject:
        return {
            **bot.user,
            "can_join_groups": True,
            "can_read_all_group_messages": bot.reads_all,
            "supports_inline_queries": False,
            "can_connect_to_business": bot.takes_business,
            "has_main_web_app": False,
            "has_topics_enabled": bot.has_topics,
        }

    def _answer_callback_query(self, bot: Bot, given: JsonObject) -> bool:
        query = bot.queries.get(given.get("callback_query_id", ""))
        late = query is None or self._world.clock() - query.at > self._callback_lifetime
        if query is None or late or query.answered:
            raise bad_request(TOO_OLD)
        if len(given.get("text", "")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        query.answered = True
        return True

    def _get_business_connection(self, bot: Bot, given: JsonObject) -> JsonObject:
        connection = bot.connections.get(given.get("business_connection_id", ""))
        if connection is None:
            raise bad_request("business connection not found")
        return connection.shown()

    def _get_file(self, bot: Bot, given: JsonObject) -> JsonObject:
        return self._world.files.link(bot.id, str(given.get("file_id", ""))).as_file()

    def _get_chat(self, bot: Bot, given: JsonObject) -> JsonObject:
        more = {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(GIFT_TYPES, False),
        }
        return {**self._access.chat(bot, given).shown, **more}

    def _get_chat_member(self, bot: Bot, given: JsonObject) -> JsonObject:
        chat, user_id = self._access.chat(bot, given), given.get("user_id")
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
