"""The REST API: from a request to its call, and from the call to its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from adapters.discord.simulation.calls import MAX_ID, Call, Operation
from adapters.discord.simulation.errors import ApiError, invalid, not_found, unauthorized
from adapters.discord.simulation.faults import Answer, refusal
from adapters.discord.simulation.files import read_body
from adapters.discord.simulation.interactions import Interactions
from adapters.discord.simulation.model import Bot, Interaction
from adapters.discord.simulation.rates import RateLimits
from adapters.discord.simulation.world import World

if TYPE_CHECKING:
    from adapters.discord.simulation.schema import Schema

BASE = "/api/v10"
CHANNEL = "/channels/{channel_id}"
MESSAGE = f"{CHANNEL}/messages/{{message_id}}"
GUILD = "/guilds/{guild_id}"
HOOK = "/webhooks/{webhook_id}/{webhook_token}"
REACTION = f"{MESSAGE}/reactions/{{emoji_name}}/@me"
# Named as in https://github.com/discord/discord-api-spec; what is more special comes first.
ROUTES = (
    ("GET", "/users/@me", "get_my_user"),
    ("POST", "/users/@me/channels", "create_dm"),
    ("GET", "/users/@me/guilds", "list_my_guilds"),
    ("GET", "/users/{user_id}", "get_user"),
    ("GET", "/oauth2/applications/@me", "get_my_oauth2_application"),
    ("GET", "/applications/@me", "get_my_application"),
    ("GET", "/applications/{application_id}/commands", "list_application_commands"),
    ("PUT", "/applications/{application_id}/commands", "bulk_set_application_commands"),
    ("GET", "/gateway", "get_gateway"),
    ("GET", "/gateway/bot", "get_bot_gateway"),
    ("GET", GUILD, "get_guild"),
    ("GET", f"{GUILD}/channels", "list_guild_channels"),
    ("GET", f"{GUILD}/roles", "list_guild_roles"),
    ("GET", f"{GUILD}/threads/active", "get_active_guild_threads"),
    ("GET", f"{GUILD}/members/{{user_id}}", "get_guild_member"),
    ("GET", CHANNEL, "get_channel"),
    ("GET", f"{CHANNEL}/messages", "list_messages"),
    ("POST", f"{CHANNEL}/messages", "create_message"),
    ("GET", MESSAGE, "get_message"),
    ("PATCH", MESSAGE, "update_message"),
    ("DELETE", MESSAGE, "delete_message"),
    ("POST", f"{CHANNEL}/typing", "trigger_typing_indicator"),
    ("PUT", REACTION, "add_my_message_reaction"),
    ("DELETE", REACTION, "delete_my_message_reaction"),
    (
        "POST",
        "/interactions/{interaction_id}/{interaction_token}/callback",
        "create_interaction_response",
    ),
    ("POST", HOOK, "execute_webhook"),
    ("GET", f"{HOOK}/messages/@original", "get_original_webhook_message"),
    ("PATCH", f"{HOOK}/messages/@original", "update_original_webhook_message"),
    ("DELETE", f"{HOOK}/messages/@original", "delete_original_webhook_message"),
    ("GET", f"{HOOK}/messages/{{message_id}}", "get_webhook_message"),
    ("PATCH", f"{HOOK}/messages/{{message_id}}", "update_webhook_message"),
    ("DELETE", f"{HOOK}/messages/{{message_id}}", "delete_webhook_message"),
)
POSTING = frozenset({"create_message", "execute_webhook", "update_original_webhook_message"})
"""The operations that give people something new to read."""
# https://docs.discord.com/developers/reference#user-agent
AGENT = re.compile(r"DiscordBot \(\S+ [^)]+\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route, ready to be compared."""

    method: str
    pattern: re.Pattern[str]
    operation: str


def _route(method: str, path: str, operation: str) -> Route:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(method=method, pattern=re.compile(pattern), operation=operation)


TABLE = tuple(_route(*route) for route in ROUTES)


class RestApi:
    """Reads requests and carries calls out. With a `schema`, bodies are checked against it."""

    def __init__(
        self,
        world: World,
        tables: list[Mapping[str, Operation]],
        interactions: Interactions,
        rates: RateLimits,
        schema: Schema | None,
    ) -> None:
        self.violations: list[str] = []
        self.refusals: list[str] = []
        self._world = world
        self._operations = {name: each for table in tables for name, each in table.items()}
        self._interactions = interactions
        self._rates = rates
        self._schema = schema

    async def read(self, request: web.BaseRequest) -> Call:
        """The call that a request makes. Raises `ApiError`."""
        path = request.raw_path.partition("?")[0]
        try:
            operation, named = self._find(request.method, path)
            interaction = self._interaction(named)
            bot = interaction.bot if interaction else self._authorized(request)
            ids = {name: _id(name, value) for name, value in named.items() if name.endswith("_id")}
            body, uploads = await read_body(request)
        except ApiError as error:
            self._refuse(f"{request.method} {_without_token(path)}", error)
            raise
        if interaction is None:
            self._check_agent(request, operation)
        if self._schema is not None and body is not None:
            self.violations += self._schema.violations(operation, body)
        return Call(
            operation=operation,
            bot=bot,
            ids=ids,
            query=dict(request.query),
            body=body,
            uploads=uploads,
            interaction=interaction,
        )

    async def answer(self, call: Call) -> Answer:
        """What Discord answers."""
        headers, limited = self._rates.count(call)
        try:
            if limited is not None:
                raise limited
            content = self._operations[call.operation](call)
        except ApiError as error:
            self._refuse(call.operation, error)
            return refusal(error, headers)
        if content is None:
            return Answer(status=204, headers=headers)
        return Answer(body=orjson.dumps(content), headers=headers)

    def _find(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        if not path.startswith(f"{BASE}/"):
            raise not_found()
        others = False
        for route in TABLE:
            if found := route.pattern.fullmatch(path, len(BASE)):
                if route.method == method:
                    return route.operation, found.groupdict()
                others = True
        raise ApiError(405, 0, "405: Method Not Allowed") if others else not_found()

    def _interaction(self, named: Mapping[str, str]) -> Interaction | None:
        """The one that a token in the path is of; such calls carry no other authorization."""
        if "interaction_token" in named:
            wanted = _id("interaction_id", named["interaction_id"])
            return self._interactions.find(wanted, named["interaction_token"])
        if "webhook_token" in named:
            application = _id("webhook_id", named["webhook_id"])
            return self._interactions.with_token(application, named["webhook_token"])
        return None

    def _authorized(self, request: web.BaseRequest) -> Bot:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bot = self._world.with_token(token) if scheme == "Bot" else None
        if bot is None:
            raise unauthorized()
        return bot

    def _check_agent(self, request: web.BaseRequest, operation: str) -> None:
        agent = request.headers.get("User-Agent", "")
        if not AGENT.match(agent):
            self.violations.append(f"{operation}: User-Agent {agent!r} is no DiscordBot's")

    def _refuse(self, what: str, error: ApiError) -> None:
        self.refusals.append(f"{what}: {error}")


def _id(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) > MAX_ID:
        raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
    return int(value)


def _without_token(path: str) -> str:
    return re.sub(r"^(/api/v10/(?:webhooks|interactions)/[^/]*/)[^/]+", r"\1TOKEN", path)


posts = partial(frozenset.__contains__, POSTING)
