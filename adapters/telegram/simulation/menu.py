"""The methods that say which commands a bot offers, and to whom."""

from __future__ import annotations

import re
from typing import Any

from adapters.telegram.simulation.access import Access, Method
from adapters.telegram.simulation.errors import bad_request
from adapters.telegram.simulation.model import JsonObject
from adapters.telegram.simulation.vocabulary import COMMAND_SCOPES
from adapters.telegram.simulation.world import Bot, scope_key

MAX_COMMANDS = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
LANGUAGE = re.compile(r"[a-z]{2}")


class Menu:
    """Commands, for each scope and language on their own."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.table: dict[str, Method] = {
            "deleteMyCommands": self._delete_my_commands,
            "getMyCommands": self._get_my_commands,
            "setMyCommands": self._set_my_commands,
        }

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
        bot.commands[self._key(bot, given)] = commands
        return True

    def _get_my_commands(self, bot: Bot, given: JsonObject) -> list[JsonObject]:
        return bot.commands.get(self._key(bot, given), [])

    def _delete_my_commands(self, bot: Bot, given: JsonObject) -> bool:
        bot.commands.pop(self._key(bot, given), None)
        return True

    def _key(self, bot: Bot, given: JsonObject) -> tuple[str, str]:
        scope: Any = given.get("scope") or {"type": "default"}
        language = str(given.get("language_code", ""))
        if scope.get("type") not in COMMAND_SCOPES:
            raise bad_request("can't parse BotCommandScope: Unsupported type specified")
        if scope["type"].startswith("chat"):
            self._access.chat(bot, scope)
        if language and not LANGUAGE.fullmatch(language):
            raise bad_request("invalid language code specified")
        return scope_key(scope, language)
