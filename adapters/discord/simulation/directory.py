"""Who and what there is, over REST."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.discord.simulation.calls import Call, Operation
from adapters.discord.simulation.errors import ApiError, missing_access, unknown
from adapters.discord.simulation.messages import Messages
from adapters.discord.simulation.model import Bot, Channel, ChannelType, JsonObject
from adapters.discord.simulation.showing import (
    GUILD_ID,
    PERMISSIONS,
    application,
    bare_guild,
    member,
    roles,
    shown_channel,
)
from adapters.discord.simulation.world import World


class Directory:
    """Answers what bots ask about themselves, the server and its channels."""

    def __init__(self, world: World, messages: Messages, gateway: Callable[[], str]) -> None:
        self._world = world
        self._messages = messages
        self._gateway = gateway
        self.table: Mapping[str, Operation] = {
            "get_my_user": lambda call: {**call.bot.as_user(), "verified": True, "email": None},
            "get_my_application": lambda call: application(call.bot),
            "get_my_oauth2_application": lambda call: application(call.bot),
            "get_gateway": lambda _call: {"url": self._gateway()},
            "get_bot_gateway": self.gateway,
            "create_dm": self.dm,
            "get_user": self.user,
            "get_channel": self.channel,
            "list_my_guilds": self.guilds,
            "get_guild": self.guild,
            "get_guild_member": self.member,
            "list_guild_channels": self.channels,
            "list_guild_roles": self.roles,
            "get_active_guild_threads": self.threads,
        }

    def gateway(self, _call: Call) -> JsonObject:
        """Where the gateway is, and how often one may identify."""
        limit = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        return {"url": self._gateway(), "shards": 1, "session_start_limit": limit}

    def dm(self, call: Call) -> JsonObject:
        """The DM with somebody."""
        person = self._world.people.get(int(call.fields.get("recipient_id") or 0))
        if person is None:
            raise ApiError(400, 50033, "Invalid Recipient(s)")
        return shown_channel(self._world.dialog(call.bot, person))

    def user(self, call: Call) -> JsonObject:
        """Somebody."""
        found = self._world.user(call.ids["user_id"])
        if found is None:
            raise unknown("User", 10013)
        return found.as_user()

    def channel(self, call: Call) -> JsonObject:
        """A channel."""
        return shown_channel(self._messages.visible(call), call.bot)

    def guilds(self, _call: Call) -> list[JsonObject]:
        """The one server."""
        shown = bare_guild(list(self._world.bots.values()))
        names = ("id", "name", "icon", "features")
        mine = {name: shown[name] for name in names}
        return [{**mine, "owner": False, "permissions": PERMISSIONS, "banner": None}]

    def guild(self, call: Call) -> JsonObject:
        """The server."""
        return bare_guild(self._bots(call))

    def member(self, call: Call) -> JsonObject:
        """Somebody in it."""
        self._bots(call)
        found = self._world.user(call.ids["user_id"])
        if found is None:
            raise unknown("Member", 10007)
        return {**member(found), "user": found.as_user()}

    def channels(self, call: Call) -> list[JsonObject]:
        """Its channels, without threads."""
        return [shown_channel(each) for each in self._seen(call) if not _is_thread(each)]

    def threads(self, call: Call) -> JsonObject:
        """Its threads."""
        found = [shown_channel(each) for each in self._seen(call) if _is_thread(each)]
        return {"threads": found, "members": []}

    def roles(self, call: Call) -> list[JsonObject]:
        """Its roles."""
        return roles(self._bots(call))

    def _bots(self, call: Call) -> list[Bot]:
        if call.ids["guild_id"] != GUILD_ID:
            raise missing_access()
        return list(self._world.bots.values())

    def _seen(self, call: Call) -> list[Channel]:
        self._bots(call)
        return [
            channel
            for channel in self._world.channels.values()
            if channel.seen_by(call.bot) and not channel.direct and not channel.removed
        ]


def _is_thread(channel: Channel) -> bool:
    return channel.type is ChannelType.THREAD
