"""Messages over REST: sent, edited, deleted, read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.discord.simulation.calls import MAX_ID, Call, Operation, Upload
from adapters.discord.simulation.checks import (
    check_components,
    check_embeds,
    check_empty,
    check_flags,
    check_nonce,
    check_text,
)
from adapters.discord.simulation.errors import (
    ApiError,
    cannot_message,
    invalid,
    missing_access,
    unknown,
    unknown_message,
)
from adapters.discord.simulation.files import MOST_FILES, Cdn
from adapters.discord.simulation.model import (
    Bot,
    Channel,
    ChannelType,
    Flags,
    Interaction,
    JsonObject,
    Message,
    StoredFile,
)
from adapters.discord.simulation.pings import allowed_pings
from adapters.discord.simulation.world import World

SETTABLE = Flags.SUPPRESS_EMBEDS | Flags.SUPPRESS_NOTIFICATIONS
MOST_LISTED = 100
TYPING_LASTS = 10.0


class Messages:
    """What calls do to messages. `remembers` is for how many seconds a nonce is remembered."""

    def __init__(self, world: World, cdn: Cdn, *, remembers: float) -> None:
        self._world = world
        self._cdn = cdn
        self._remembers = remembers
        self.table: Mapping[str, Operation] = {
            "create_message": self.create,
            "update_message": self.update,
            "delete_message": self.delete,
            "get_message": self.get,
            "list_messages": self.history,
            "trigger_typing_indicator": self.typing,
            "add_my_message_reaction": self.react,
            "delete_my_message_reaction": self.react,
        }

    # Operations

    def create(self, call: Call) -> JsonObject:
        """Send a message; one whose nonce is remembered stands there already."""
        channel = self.writable(call)
        nonce = check_nonce(call.fields)
        known = self._remembered(call.bot, nonce) if call.fields.get("enforce_nonce") else None
        if known is not None:
            return {**self._world.shown(call.bot, known), "nonce": nonce}
        message = self.compose(call, channel, SETTABLE)
        message.nonce = nonce
        self._world.post(message)
        if nonce is not None:
            self._world.remember(call.bot, str(nonce), message)
        body = self._world.shown(call.bot, message)
        return body if nonce is None else {**body, "nonce": nonce}

    def update(self, call: Call) -> JsonObject:
        """Edit a message of one's own."""
        message = self.existing(call, self.writable(call))
        if message.bot is not call.bot:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")
        return self.rewrite(call, message)

    def delete(self, call: Call) -> None:
        """Delete a message of one's own; in the server also others'."""
        message = self.existing(call, self.visible(call))
        if message.bot is not call.bot and message.channel.direct:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")
        self._world.delete([message], by_bot=True)

    def get(self, call: Call) -> JsonObject:
        """Read one again."""
        return self._world.shown(call.bot, self.existing(call, self.visible(call)))

    def history(self, call: Call) -> list[JsonObject]:
        """Read a channel's history, the newest first."""
        channel = self.visible(call)
        limit = _number(call, "limit", 50)
        if not 1 <= limit <= MOST_LISTED:
            words = f"Value should be between 1 and {MOST_LISTED}."
            raise invalid("limit", "NUMBER_TYPE_MAX", words)
        found = self._chosen(call, channel, limit)
        ids = [message.id for message in found]
        self._world.sessions.shown(call.bot, channel.id, _number(call, "after", 0), ids)
        return [self._world.shown(call.bot, message) for message in reversed(found)]

    def typing(self, call: Call) -> None:
        """Show for ten seconds that somebody types."""
        self.writable(call).typing[call.bot.id] = self._world.clock() + TYPING_LASTS

    def react(self, call: Call) -> None:
        """Nobody looks at reactions."""
        self.existing(call, self.visible(call))

    # What other rooms need too

    def channel(self, call: Call) -> Channel:
        """The channel that a call names, if there is one."""
        channel = self._world.channels.get(call.ids.get("channel_id", 0))
        if channel is None or channel.removed:
            raise unknown("Channel", 10003)
        return channel

    def visible(self, call: Call) -> Channel:
        """The same where the bot has access."""
        channel = self.channel(call)
        if not channel.seen_by(call.bot):
            raise missing_access()
        return channel

    def writable(self, call: Call) -> Channel:
        """The same where it can write."""
        channel = self.visible(call)
        if channel.blocked:
            raise cannot_message()
        if channel.type is ChannelType.FORUM:
            raise ApiError(400, 50008, "Cannot send messages in a non-text channel")
        return channel

    @staticmethod
    def existing(call: Call, channel: Channel) -> Message:
        """The message that a call names."""
        message = channel.messages.get(call.ids.get("message_id", 0))
        if message is None or message.deleted or message.flags & Flags.EPHEMERAL:
            raise unknown_message()
        return message

    def compose(
        self,
        call: Call,
        channel: Channel,
        settable: Flags,
        *,
        fields: JsonObject | None = None,
        interaction: Interaction | None = None,
    ) -> Message:
        """Make a message of what a call says; `fields` are its body's, unless told otherwise."""
        given = call.fields if fields is None else fields
        message = Message(
            id=self._world.new_id(),
            channel=channel,
            at=self._world.clock(),
            text=check_text(given),
            bot=call.bot,
            flags=check_flags(given, settable),
            interaction=interaction,
        )
        self._reply(message, given.get("message_reference"))
        message.embeds = check_embeds(given)
        message.components = check_components(given)
        message.files = self._files(given, call.uploads, [])
        check_empty(message.text, message.embeds, message.files, given.get("sticker_ids"))
        self._ping(message, given)
        return message

    def rewrite(self, call: Call, message: Message, fields: JsonObject | None = None) -> JsonObject:
        """Change of a message what a call names; what it leaves out stays."""
        given = call.fields if fields is None else fields
        text = check_text(given) if "content" in given else message.text
        embeds = check_embeds(given) if "embeds" in given else message.embeds
        parts = check_components(given) if "components" in given else message.components
        kept = [*message.files]
        if "attachments" in given or call.uploads:
            kept = self._files(given, call.uploads, message.files)
        check_empty(text, embeds, kept)
        promised = bool(message.flags & Flags.LOADING)
        if "flags" in given:
            message.flags = message.flags & ~int(SETTABLE) | check_flags(given, SETTABLE)
        message.flags &= ~int(Flags.LOADING)
        message.text, message.embeds = text, embeds
        message.components, message.files = parts, kept
        if promised:
            self._world.accept(message)
        else:
            message.edited = self._world.clock()
        self._ping(message, given)
        self._world.changed(message)
        return self._world.shown(call.bot, message)

    # Parts

    def _remembered(self, bot: Bot, nonce: str | int | None) -> Message | None:
        at, message = bot.nonces.get(str(nonce), (0.0, None))
        return message if self._world.clock() - at <= self._remembers else None

    def _ping(self, message: Message, given: JsonObject) -> None:
        origin = message.reply_to
        replied = origin.author_id if origin is not None else None
        pings = allowed_pings(message.text, given.get("allowed_mentions"), replied)
        self._world.ping(message, pings)

    def _reply(self, message: Message, reference: JsonObject | None) -> None:
        if not reference:
            return
        where = "message_reference"
        if reference.get("type"):
            raise invalid(where, "MESSAGE_REFERENCE_TYPE", "Forwarding is not simulated.")
        named = int(reference.get("channel_id") or message.channel.id)
        if named != message.channel.id:
            words = "Cannot reply to a message in a different channel"
            raise invalid(where, "REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL", words)
        origin = message.channel.messages.get(int(reference["message_id"]))
        if origin is not None and not origin.deleted:
            message.type, message.reply_to, message.refers_to = 19, origin, origin.id
        elif reference.get("fail_if_not_exists", True) is not False:
            raise invalid(where, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")

    def _files(
        self, given: JsonObject, uploads: Mapping[int, Upload], present: list[StoredFile]
    ) -> list[StoredFile]:
        """Those that `attachments` keeps of the ones there, and those that came."""
        named: list[JsonObject] = given.get("attachments") or []
        described = {int(each["id"]): each for each in named}
        if "attachments" in given:
            present = [file for file in present if file.id in described]
        files = [*present, *(self._kept(number, uploads, described) for number in uploads)]
        if len(files) > MOST_FILES:
            raise invalid("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
        return files

    def _kept(
        self, number: int, uploads: Mapping[int, Upload], described: dict[int, JsonObject]
    ) -> StoredFile:
        upload, about = uploads[number], described.get(number, {})
        extra = {"description": about["description"]} if about.get("description") else {}
        name = about.get("filename") or upload.name
        return self._cdn.keep(name, upload.media_type, upload.content, extra)

    @staticmethod
    def _chosen(call: Call, channel: Channel, limit: int) -> list[Message]:
        """What a history request is for, oldest first."""
        seen = [
            message
            for message in sorted(channel.messages.values(), key=lambda message: message.id)
            if not message.deleted and not message.flags & Flags.EPHEMERAL
        ]
        if "after" in call.query:
            after = _number(call, "after", 0)
            return [message for message in seen if message.id > after][:limit]
        if "around" in call.query:
            around = _number(call, "around", 0)
            older = [message for message in seen if message.id < around]
            newer = [message for message in seen if message.id >= around]
            half = limit // 2
            return older[max(0, len(older) - half) :] + newer[: limit - half]
        before = _number(call, "before", MAX_ID)
        return [message for message in seen if message.id < before][-limit:]


def _number(call: Call, name: str, otherwise: int) -> int:
    value: Any = call.query.get(name, otherwise)
    try:
        return int(value)
    except ValueError:
        words = f'Value "{value}" is not snowflake.'
        raise invalid(name, "NUMBER_TYPE_COERCE", words) from None
