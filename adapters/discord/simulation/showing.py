"""How Discord shows what exists: the objects of its API, and of its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.discord.simulation.model import (
    Bot,
    Channel,
    ChannelType,
    Intents,
    Interaction,
    JsonObject,
    Message,
    Person,
    StoredFile,
    timestamp,
)

Link = Callable[[Channel, StoredFile], str]

GUILD_ID = 1_100_000_000_000_000_001
GUILD_NAME = "Simulated"
OWNER_ID = 1_100_000_000_000_000_002
JOINED = "2026-01-01T00:00:00.000000+00:00"
# Everything but being an administrator.
PERMISSIONS = str((1 << 50) - 1 - (1 << 3))
UPLOAD_LIMIT = 10 * 1024 * 1024


class Showing:
    """Shows messages; `link` says where a file of theirs is now, `find` who has an id."""

    def __init__(self, link: Link, find: Callable[[int], Person | Bot | None]) -> None:
        self._link = link
        self._find = find

    def message(self, message: Message, *, nested: bool = False) -> JsonObject:
        """A `Message` as REST gives it, before anything is hidden from a bot."""
        body: JsonObject = {
            "type": message.type,
            "content": message.text,
            "mentions": self._users(message.pinged),
            "mention_roles": [str(role) for role in message.pinged_roles],
            "mention_everyone": message.pinged_everyone,
            "attachments": [self._attachment(message.channel, file) for file in message.files],
            "embeds": message.embeds,
            "timestamp": timestamp(message.at),
            "edited_timestamp": None if message.edited is None else timestamp(message.edited),
            "flags": message.flags,
            "components": message.components,
            "id": str(message.id),
            "channel_id": str(message.channel.id),
            "author": _author(message),
            "pinned": False,
            "tts": False,
        }
        if message.refers_to is not None:
            body["message_reference"] = _reference(message)
            if not nested:
                body["referenced_message"] = self._referenced(message)
        if message.interaction is not None:
            body.update(_of_interaction(message.interaction))
        return {**body, **message.extra}

    def event(self, message: Message) -> JsonObject:
        """The same as a gateway event has it."""
        body = {**self.message(message), "channel_type": int(message.channel.type)}
        if not message.channel.direct:
            body["guild_id"] = str(GUILD_ID)
            body["member"] = member(message.bot or message.person)
            for user in body["mentions"]:
                user["member"] = member(self._find(int(user["id"])))
        return body

    def interaction(self, interaction: Interaction) -> JsonObject:
        """An `INTERACTION_CREATE`."""
        channel, user = interaction.channel, interaction.person.as_user()
        body: JsonObject = {
            "id": str(interaction.id),
            "application_id": str(interaction.bot.id),
            "type": interaction.type,
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": str(channel.id),
            "channel": shown_channel(channel, interaction.bot),
            "locale": interaction.person.locale,
            "app_permissions": PERMISSIONS,
            "attachment_size_limit": UPLOAD_LIMIT,
            "entitlements": [],
            "authorizing_integration_owners": {"0": "0" if channel.direct else str(GUILD_ID)},
            "context": 1 if channel.direct else 0,
        }
        if channel.direct:
            body["user"] = user
        else:
            body["guild_id"] = str(GUILD_ID)
            body["guild"] = {"id": str(GUILD_ID), "locale": "en-US", "features": []}
            body["guild_locale"] = "en-US"
            body["member"] = {
                **member(interaction.person),
                "user": user,
                "permissions": PERMISSIONS,
            }
        if interaction.source is not None:
            body["message"] = self.message(interaction.source)
        return body

    def _referenced(self, message: Message) -> JsonObject | None:
        origin = message.reply_to
        if origin is None or origin.deleted:
            return None
        return self.message(origin, nested=True)

    def _users(self, ids: list[int]) -> list[JsonObject]:
        found = [self._find(each) for each in ids]
        return [each.as_user() for each in found if each is not None]

    def _attachment(self, channel: Channel, file: StoredFile) -> JsonObject:
        url = self._link(channel, file)
        return {
            "id": str(file.id),
            "filename": file.name,
            "size": len(file.content),
            "url": url,
            "proxy_url": url,
            "content_type": file.media_type,
            **file.extra,
        }


def hidden(body: JsonObject, bot: Bot) -> JsonObject:
    """A guild's message as a bot without the message content intent gets it.

    https://docs.discord.com/developers/events/gateway#message-content-intent
    """
    if body["author"]["id"] == str(bot.id):
        return body
    if any(user["id"] == str(bot.id) for user in body["mentions"]):
        return body
    body = {**body, "content": "", "attachments": [], "embeds": [], "components": []}
    body.pop("poll", None)
    if body.get("referenced_message"):
        body["referenced_message"] = hidden(body["referenced_message"], bot)
    return body


def shown_channel(channel: Channel, viewer: Bot | None = None) -> JsonObject:
    """A `Channel`."""
    last = None if channel.last_id is None else str(channel.last_id)
    body: JsonObject = {
        "id": str(channel.id),
        "type": int(channel.type),
        "last_message_id": last,
        "flags": 0,
    }
    if channel.direct:
        body["recipients"] = [] if channel.person is None else [channel.person.as_user()]
        return body
    body.update(
        guild_id=str(GUILD_ID),
        name=channel.name,
        parent_id=None if channel.parent is None else str(channel.parent.id),
        rate_limit_per_user=0,
    )
    if channel.type is ChannelType.THREAD:
        return {**body, **_thread(channel)}
    body.update(position=0, permission_overwrites=[], nsfw=False, topic=None)
    if viewer is not None:
        body["permissions"] = PERMISSIONS
    return body


def guild(bot: Bot, bots: list[Bot], channels: list[Channel], people: int) -> JsonObject:
    """The server as `GUILD_CREATE` tells a bot of it."""
    seen = [channel for channel in channels if channel.seen_by(bot) and not channel.removed]
    threads = [channel for channel in seen if channel.type is ChannelType.THREAD]
    return {
        **bare_guild(bots),
        "joined_at": JOINED,
        "large": False,
        "unavailable": False,
        "member_count": people + len(bots),
        "members": [{**member(bot), "user": bot.as_user()}],
        "channels": [shown_channel(channel) for channel in seen if channel not in threads],
        "threads": [shown_channel(channel) for channel in threads],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def bare_guild(bots: list[Bot]) -> JsonObject:
    """The server as REST shows it."""
    return {
        "id": str(GUILD_ID),
        "name": GUILD_NAME,
        "icon": None,
        "owner_id": str(OWNER_ID),
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "system_channel_flags": 0,
        "features": [],
        "emojis": [],
        "stickers": [],
        "roles": roles(bots),
    }


def roles(bots: list[Bot]) -> list[JsonObject]:
    """Everybody's role, and the one that each bot brought along."""
    everyone = _role(GUILD_ID, "@everyone", managed=False)
    return [everyone, *(_managed(bot) for bot in bots)]


def member(who: Person | Bot | None) -> JsonObject:
    """A `Member`, without its user."""
    return {
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
        "deaf": False,
        "flags": 0,
        "joined_at": JOINED,
        "mute": False,
        "nick": None,
        "pending": False,
        "premium_since": None,
        "roles": [str(who.role_id)] if isinstance(who, Bot) else [],
    }


def application(bot: Bot) -> JsonObject:
    """A bot's application."""
    return {
        "id": str(bot.id),
        "name": bot.username,
        "icon": None,
        "description": "",
        "type": None,
        "bot": bot.as_user(),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": application_flags(bot),
        "owner": _owner(),
        "team": None,
        "rpc_origins": [],
        "redirect_uris": [],
        "integration_types_config": {},
    }


def application_flags(bot: Bot) -> int:
    """Say whether it may read messages."""
    return 1 << 19 if bot.granted & Intents.MESSAGE_CONTENT else 0


def _managed(bot: Bot) -> JsonObject:
    role = _role(bot.role_id, bot.username, managed=True)
    return {**role, "tags": {"bot_id": str(bot.id)}}


def _role(role_id: int, name: str, *, managed: bool) -> JsonObject:
    return {
        "id": str(role_id),
        "name": name,
        "description": None,
        "permissions": PERMISSIONS,
        "position": 1 if managed else 0,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": managed,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def _thread(channel: Channel) -> JsonObject:
    count = len(channel.messages)
    return {
        "owner_id": str(channel.owner_id or OWNER_ID),
        "message_count": count,
        "member_count": 1,
        "total_message_sent": count,
        "thread_metadata": {
            "archived": False,
            "archive_timestamp": JOINED,
            "auto_archive_duration": 1440,
            "locked": False,
            "create_timestamp": JOINED,
        },
    }


def _owner() -> JsonObject:
    return Person(id=OWNER_ID, name="Owner").as_user()


def _author(message: Message) -> JsonObject:
    writer = message.bot or message.person
    return _owner() if writer is None else writer.as_user()


def _reference(message: Message) -> JsonObject:
    body: JsonObject = {
        "type": 0,
        "message_id": str(message.refers_to),
        "channel_id": str(message.channel.id),
    }
    return body if message.channel.direct else {**body, "guild_id": str(GUILD_ID)}


def _of_interaction(interaction: Interaction) -> JsonObject:
    metadata: dict[str, Any] = {
        "id": str(interaction.id),
        "type": interaction.type,
        "user": interaction.person.as_user(),
        "authorizing_integration_owners": {},
    }
    if interaction.source is not None:
        metadata["interacted_message_id"] = str(interaction.source.id)
    body = {
        "application_id": str(interaction.bot.id),
        "webhook_id": str(interaction.bot.id),
        "interaction_metadata": metadata,
    }
    if interaction.type == 2:
        name = interaction.data["name"]
        user = interaction.person.as_user()
        body["interaction"] = {"id": str(interaction.id), "type": 2, "name": name, "user": user}
    return body
