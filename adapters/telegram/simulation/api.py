"""A call to the Bot API, from its path to its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from adapters.telegram.simulation.errors import ApiError
from adapters.telegram.simulation.files import Upload
from adapters.telegram.simulation.methods import Methods
from adapters.telegram.simulation.model import JsonObject
from adapters.telegram.simulation.parameters import typed
from adapters.telegram.simulation.receiving import Receiving
from adapters.telegram.simulation.schema import Schema
from adapters.telegram.simulation.world import Bot, World

DOWNLOAD = "download"
"""What a file's download is called among the methods."""
ATTACHED = re.compile(rb"attach://([^\"\\]+)")


class BotApi:
    """Finds bot and method, checks parameters, and puts the result into the answer's form."""

    def __init__(
        self,
        world: World,
        methods: Methods,
        receiving: Receiving,
        *,
        add_bot: Callable[[str], Bot] | None,
        schema: Mapping[str, Any] | None,
    ) -> None:
        """`add_bot` makes a bot of a token nobody knows; without it, such a call is refused."""
        self.violations: list[str] = []
        self.refusals: list[str] = []
        self._world = world
        self._methods = methods.table
        self._receiving = receiving.table
        self._names = {name.lower(): name for name in (*self._methods, *self._receiving)}
        self._add_bot = add_bot
        self._schema = Schema(schema) if schema is not None else None

    def route(self, path: str) -> tuple[Bot, str, JsonObject]:
        """The bot and the method that `/botTOKEN/METHOD` names, in its proper spelling.

        `/file/botTOKEN/PATH` is a `download`; its path is the only parameter a path can hold.
        """
        plain = unquote(path.partition("?")[0])
        stored = plain.startswith("/file/")
        named, _, method = plain.removeprefix("/file").removeprefix("/bot").partition("/")
        bot = self._bot(named if plain.startswith(("/bot", "/file/bot")) else "")
        if stored:
            return bot, DOWNLOAD, {"file_path": method}
        return bot, self._names.get(method.lower(), method), {}

    def _bot(self, token: str) -> Bot:
        number, colon, _ = token.partition(":")
        if not colon or not number.isascii() or not number.isdigit():
            raise ApiError(404, "Not Found")
        bot = self._world.bots.get(int(number))
        if bot is None and self._add_bot is not None:
            bot = self._add_bot(token)
        if bot is None or bot.token != token:
            raise ApiError(401, "Unauthorized")
        return bot

    def read(self, method: str, raw: JsonObject) -> JsonObject:
        """The parameters with their types, checked against the schema, if there is one."""
        try:
            given = typed(raw)
        except ApiError as error:
            self.refusals.append(f"{method}: {error.description}")
            raise
        if self._schema is not None and method != DOWNLOAD:
            self.violations.extend(self._schema.violations(method, _without_parts(given)))
        return given

    async def answer(self, bot: Bot, method: str, given: JsonObject) -> tuple[int, bytes]:
        """Carry out a call; return the HTTP status and the body."""
        try:
            if method == DOWNLOAD:
                return 200, self._world.files.download(bot.id, given["file_path"])
            if method in self._methods:
                result = self._methods[method](bot, given)
            elif method in self._receiving:
                result = await self._receiving[method](bot, given)
            else:
                raise ApiError(404, "Not Found")
        except ApiError as error:
            self.refusals.append(f"{method}: {error.description}")
            return error.status, orjson.dumps(error.body())
        return 200, orjson.dumps({"ok": True, "result": result})


def _without_parts(given: JsonObject) -> JsonObject:
    """The parameters without the files that one of them names as `attach://PART`."""
    plain = {name: value for name, value in given.items() if not isinstance(value, Upload)}
    named = {part.decode() for part in ATTACHED.findall(orjson.dumps(plain))}
    return {name: value for name, value in given.items() if name not in named}
