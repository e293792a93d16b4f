"""The commands in people's menus.

https://core.telegram.org/bots/api#determining-list-of-commands
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any

from adapters.telegram.bot import LeanBot
from adapters.telegram.transport import RateLimited
from gateway import NativeCommand

MAX_DESCRIPTION = 256
MAX_COMMANDS = 100
MAX_TRIES = 3
LONGEST_WAIT = 60.0

# Another program's list for one of the narrower scopes would hide the default.
_SCOPES = ("default", "all_private_chats", "all_group_chats")
_LANGUAGE = re.compile(r"[a-z]{2}")

Menu = list[dict[str, str]]


async def offer(bot: LeanBot, commands: Sequence[NativeCommand]) -> None:
    """Show these in people's menus, setting only what is set otherwise."""
    for where, wanted in menus(commands):
        if await _patiently(bot, "getMyCommands", where) != wanted:
            await _patiently(bot, "setMyCommands", {**where, "commands": wanted})


def menus(commands: Sequence[NativeCommand]) -> Iterator[tuple[dict[str, Any], Menu]]:
    """The lists to set, each with the parameters that say for whom. English is everybody's who has
    no list of their own language."""
    languages = sorted({language for command in commands for language in command.descriptions})
    for scope in _SCOPES:
        shown = [c for c in commands if scope != "all_group_chats" or not c.personal]
        where: dict[str, Any] = {} if scope == "default" else {"scope": {"type": scope}}
        yield where, _menu(shown, "en")
        for language in languages:
            if language != "en" and _LANGUAGE.fullmatch(language):
                yield {**where, "language_code": language}, _menu(shown, language)


def _menu(commands: Sequence[NativeCommand], language: str) -> Menu:
    menu = []
    for command in commands[:MAX_COMMANDS]:
        description = command.descriptions.get(language) or command.descriptions["en"]
        menu.append({"command": command.name, "description": description[:MAX_DESCRIPTION]})
    return menu


async def _patiently(bot: LeanBot, method: str, parameters: dict[str, Any]) -> Any:
    for _ in range(MAX_TRIES - 1):
        try:
            return await bot.call(method, parameters)
        except RateLimited as error:
            await asyncio.sleep(min(error.retry_after, LONGEST_WAIT))
    return await bot.call(method, parameters)
