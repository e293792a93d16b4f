"""What exists on the simulated Discord: people, bots, channels, messages, interactions."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import Any

JsonObject = dict[str, Any]

EPOCH = 1_420_070_400.0
"""When ids begin to count; https://docs.discord.com/developers/reference#snowflakes."""


class ChannelType(IntEnum):
    """Those that are simulated."""

    TEXT = 0
    DM = 1
    THREAD = 11
    FORUM = 15


class Intents(IntFlag):
    """Those that events here ask for; the privileged ones need to be granted."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intents.GUILD_MEMBERS | Intents.GUILD_PRESENCES | Intents.MESSAGE_CONTENT
KNOWN_INTENTS = (1 << 26) - 1


class Flags(IntFlag):
    """Of a message."""

    SUPPRESS_EMBEDS = 1 << 2
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """Somebody with an account, or another bot; `locale` is the language of their app."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"

    def as_user(self) -> JsonObject:
        """A `User`."""
        username = "".join(c for c in self.name.lower() if c.isalnum()) or "somebody"
        return _user(self.id, f"{username}{self.id % 1000}", self.name, bot=self.bot)


@dataclass(kw_only=True, slots=True, eq=False)
class Bot:
    """One bot, which is its application too. `granted` are the privileged intents it may have."""

    id: int
    token: str
    username: str
    role_id: int
    granted: Intents
    dialogs: dict[int, Channel] = field(default_factory=dict)
    commands: list[JsonObject] = field(default_factory=list)
    nonces: dict[str, tuple[float, Message]] = field(default_factory=dict)

    def as_user(self) -> JsonObject:
        """A `User`."""
        return _user(self.id, self.username, None, bot=True)


@dataclass(kw_only=True, slots=True, eq=False)
class Channel:
    """A channel of the server, a thread, or a DM. `bots` are who sees it; of a DM, its one bot."""

    id: int
    type: ChannelType
    name: str = ""
    parent: Channel | None = None
    bots: set[int] = field(default_factory=set)
    person: Person | None = None
    owner_id: int = 0
    blocked: bool = False
    removed: bool = False
    last_id: int | None = None
    messages: dict[int, Message] = field(default_factory=dict)
    typing: dict[int, float] = field(default_factory=dict)

    @property
    def direct(self) -> bool:
        """Whether it is a DM."""
        return self.type is ChannelType.DM

    def seen_by(self, bot: Bot) -> bool:
        """Whether a bot has access; to a thread it has where it has it to the parent."""
        return bot.id in self.bots or (self.parent is not None and self.parent.seen_by(bot))


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file as it is kept; `extra` are more fields of its `Attachment`."""

    id: int
    name: str
    media_type: str
    content: bytes = field(repr=False)
    extra: JsonObject = field(default_factory=dict)


@dataclass(kw_only=True, slots=True, eq=False)
class Message:
    """A message. `bot` posted it, or else `person` did; `pinged` is whom it notifies, by id."""

    id: int
    channel: Channel
    at: float
    text: str
    person: Person | None = None
    bot: Bot | None = None
    type: int = 0
    reply_to: Message | None = None
    refers_to: int | None = None
    pinged: list[int] = field(default_factory=list)
    pinged_roles: list[int] = field(default_factory=list)
    pinged_everyone: bool = False
    embeds: list[JsonObject] = field(default_factory=list)
    components: list[JsonObject] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    interaction: Interaction | None = None
    edited: float | None = None
    deleted: bool = False
    accepted: object = None
    extra: JsonObject = field(default_factory=dict)

    @property
    def author_id(self) -> int:
        """Whoever wrote it."""
        return (self.bot or self.person or _NOBODY).id

    def buttons(self) -> list[JsonObject]:
        """The buttons people can press, in reading order."""
        rows = [row.get("components", ()) for row in self.components]
        return [part for row in rows for part in row if part["type"] == 2]

    def seen(self) -> bool:
        """Whether people see it: there, and more than a promise of an answer."""
        return not self.deleted and not self.flags & Flags.LOADING


@dataclass(kw_only=True, slots=True, eq=False)
class Interaction:
    """A slash command or a pressed button. `answer` is the callback's type, once there was one.

    `source` is the message of a button, `response` what the first answer made.
    """

    id: int
    at: float
    type: int
    bot: Bot
    channel: Channel
    person: Person
    data: JsonObject
    source: Message | None = None
    answer: int | None = None
    response: Message | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


_NOBODY = Person(id=0, name="Nobody")


def _user(user_id: int, username: str, name: str | None, *, bot: bool) -> JsonObject:
    user: JsonObject = {
        "id": str(user_id),
        "username": username,
        "discriminator": "0",
        "global_name": name,
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "banner": None,
        "accent_color": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }
    return {**user, "bot": True} if bot else user


def token_of(bot_id: int) -> str:
    """A token as Discord makes them: its first part says whose it is."""
    return f"{base64.b64encode(str(bot_id).encode()).decode().rstrip('=')}.simulated.secret"


def bot_id_of(token: str) -> int:
    """Whose token it is. Raises `ValueError`."""
    first = token.partition(".")[0]
    return int(base64.b64decode(first + "=" * (-len(first) % 4), validate=True))


def timestamp(at: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
