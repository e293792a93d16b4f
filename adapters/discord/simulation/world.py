"""The people's side: who is there, what they do, and which bot is told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, TypeVar

from adapters.discord.simulation.model import (
    EPOCH,
    Bot,
    Channel,
    ChannelType,
    Intents,
    Interaction,
    JsonObject,
    Message,
    Person,
    StoredFile,
    bot_id_of,
    timestamp,
    token_of,
)
from adapters.discord.simulation.pings import Pings, find_pings
from adapters.discord.simulation.sessions import Event, Session, Sessions, View
from adapters.discord.simulation.showing import (
    GUILD_ID,
    Link,
    Showing,
    hidden,
    shown_channel,
)

Key = TypeVar("Key")
Value = TypeVar("Value")

FIRST_BOT = 1_200_000_000_000_000_001
FIRST_PERSON = 1_000_000_000_000_000_001
FIRST_ROLE = 1_150_000_000_000_000_001


class World:
    """Everything there is: one server, and the DMs of each bot."""

    def __init__(
        self, clock: Callable[[], float], sessions: Sessions, keep: int | None, link: Link
    ) -> None:
        self.clock = clock
        self.sessions = sessions
        self.bots: dict[int, Bot] = {}
        self.people: dict[int, Person] = {}
        self.channels: dict[int, Channel] = {}
        self.interactions: dict[int, Interaction] = {}
        self.tokens: dict[str, Interaction] = {}
        self.sent: deque[Message] = deque(maxlen=keep)
        self.repeated: deque[Message] = deque(maxlen=keep)
        self.pings: list[tuple[Message, str]] = []
        self.showing = Showing(link, self.user)
        self._keep = keep
        self._last: dict[tuple[int, int], object] = {}
        self._last_id = 0
        self._person_ids = count(FIRST_PERSON)
        self._role_ids = count(FIRST_ROLE)

    # Who and where

    def new_id(self) -> int:
        """The next snowflake: later ones are greater."""
        now = int((self.clock() - EPOCH) * 1000) << 22
        self._last_id = max(self._last_id + 1, now)
        return self._last_id

    def add_bot(self, token: str, username: str, granted: Intents) -> Bot:
        """Register a bot, or change the one that this token is of."""
        token = token or token_of(FIRST_BOT + len(self.bots))
        bot = self.bots.get(bot_id_of(token))
        if bot is None:
            bot = Bot(
                id=bot_id_of(token),
                token=token,
                username=username,
                role_id=next(self._role_ids),
                granted=granted,
            )
            self.bots[bot.id] = bot
        bot.token, bot.username, bot.granted = token, username, granted
        return bot

    def first_bot(self) -> Bot:
        """The bot that was there first; there always is one."""
        found = next(iter(self.bots.values()), None)
        return found or self.add_bot("", "helper", Intents.MESSAGE_CONTENT)

    def with_token(self, token: str) -> Bot | None:
        """Whose token it is."""
        return next((bot for bot in self.bots.values() if bot.token == token), None)

    def user(self, user_id: int) -> Person | Bot | None:
        """Whoever has an id."""
        return self.bots.get(user_id) or self.people.get(user_id)

    def add_person(self, name: str, *, bot: bool = False, locale: str = "en-US") -> Person:
        """Let somebody join Discord."""
        person = Person(id=next(self._person_ids), name=name, bot=bot, locale=locale)
        self.people[person.id] = person
        return person

    def add_channel(
        self,
        kind: ChannelType,
        name: str,
        bot: Bot,
        *,
        parent: Channel | None = None,
        channel_id: int | None = None,
    ) -> Channel:
        """Open a channel or a thread of the server; a bot that is connected is told."""
        channel = Channel(id=channel_id or self.new_id(), type=kind, name=name, parent=parent)
        if parent is None:
            channel.bots.add(bot.id)
        self.channels[channel.id] = channel
        self._tell_of(channel, "CREATE")
        return channel

    def dialog(self, bot: Bot, person: Person) -> Channel:
        """The DM of a person and a bot."""
        if person.id not in bot.dialogs:
            channel = Channel(id=self.new_id(), type=ChannelType.DM, person=person, bots={bot.id})
            bot.dialogs[person.id] = self.channels[channel.id] = channel
        return bot.dialogs[person.id]

    def remove_channel(self, channel: Channel) -> None:
        """Delete it; the bots are told."""
        channel.removed = True
        self._tell_of(channel, "DELETE")

    def witnesses(self, channel: Channel) -> list[Bot]:
        """The bots that see a channel."""
        return [bot for bot in self.bots.values() if channel.seen_by(bot)]

    # What people do

    def say(
        self,
        channel: Channel,
        person: Person,
        text: str,
        *,
        message_id: int | None = None,
        reply_to: Message | None = None,
        ping: bool = True,
        files: Iterable[StoredFile] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> Message:
        """Let a person write. With `ping`, whoever is replied to is mentioned, as apps do it."""
        replied = reply_to.author_id if reply_to is not None and ping else None
        message = Message(
            id=message_id or self.new_id(),
            channel=channel,
            at=self.clock(),
            text=text,
            person=person,
            type=0 if reply_to is None else 19,
            reply_to=reply_to,
            refers_to=None if reply_to is None else reply_to.id,
            files=list(files),
            extra=dict(extra or {}),
        )
        self._notify(message, find_pings(text, replied))
        self.add(message)
        self._announce("MESSAGE_CREATE", message, str(message.id), in_history=True)
        return message

    def edit(self, message: Message, text: str) -> str:
        """Let a person change what they wrote; return the event's id."""
        message.text, message.edited = text, self.clock()
        replied = message.reply_to.author_id if message.reply_to is not None else None
        self._notify(message, find_pings(text, replied))
        event_id = f"edit:{message.id}:{timestamp(message.edited)}"
        self._announce("MESSAGE_UPDATE", message, event_id)
        return event_id

    def delete(self, messages: list[Message], *, by_bot: bool = False) -> str:
        """Let messages of a channel disappear; return the event's id."""
        first, more = messages[0], len(messages) - 1
        for message in messages:
            message.deleted = True
        event_id = f"delete:{first.id}" + (f"+{more}" if more else "")
        body: JsonObject = {"channel_id": str(first.channel.id)}
        if not first.channel.direct:
            body["guild_id"] = str(GUILD_ID)
        if more:
            body["ids"] = [str(message.id) for message in messages]
        else:
            body["id"] = str(first.id)
        name = "MESSAGE_DELETE_BULK" if more else "MESSAGE_DELETE"
        expected = "" if by_bot else event_id
        self._tell_all(first.channel, name, lambda _bot, _full: body, expected)
        return event_id

    def interact(self, interaction: Interaction) -> str:
        """Tell a bot of a command or a pressed button; return the event's id."""
        keep_newest(self.interactions, interaction.id, interaction, self._keep)
        keep_newest(self.tokens, interaction.token, interaction, self._keep)
        body = self.showing.interaction(interaction)
        told = self.sessions.tell(
            interaction.bot, "INTERACTION_CREATE", Intents(0), lambda _full: body
        )
        self.sessions.expect(Event(id=str(interaction.id), bot=interaction.bot, sessions=told))
        return str(interaction.id)

    def inject(self, bot: Bot, name: str, data: JsonObject, event_id: str) -> None:
        """Dispatch anything, exactly as given."""
        told = self.sessions.tell(bot, name, Intents(0), lambda _full: data)
        self.sessions.expect(Event(id=event_id, bot=bot, sessions=told))

    def unfurl(self, message: Message, embed: JsonObject) -> None:
        """Show below a message what its link leads to; bots hear of it as of an edit."""
        message.embeds.append(embed)
        self._announce("MESSAGE_UPDATE", message)

    # What bots do

    def post(self, message: Message) -> None:
        """Take a bot's message into its channel, and tell of it."""
        self.add(message)
        self.sent.append(message)
        if message.seen():
            self.accept(message)
        if not message.flags & 64:
            self._announce("MESSAGE_CREATE", message)

    def remember(self, bot: Bot, nonce: str, message: Message) -> None:
        """Know a message by its nonce."""
        keep_newest(bot.nonces, nonce, (self.clock(), message), self._keep)

    def accept(self, message: Message) -> None:
        """A bot's text is there for people to read; was the one before it the same?"""
        names = [(file.name, len(file.content)) for file in message.files]
        message.accepted = (message.text, names)
        key = (message.channel.id, message.author_id)
        if self._last.get(key) == message.accepted:
            self.repeated.append(message)
        self._last[key] = message.accepted

    def changed(self, message: Message) -> None:
        """Tell of a bot's edit."""
        if not message.flags & 64:
            self._announce("MESSAGE_UPDATE", message)

    def ping(self, message: Message, pings: Pings) -> None:
        """Note whom a bot's message notifies."""
        self._notify(message, pings)
        self.pings += [(message, name) for name in pings.names()]

    def add(self, message: Message) -> None:
        """Keep a message."""
        channel = message.channel
        keep_newest(channel.messages, message.id, message, self._keep)
        channel.last_id = message.id
        channel.typing.pop(message.author_id, None)

    def shown(self, bot: Bot, message: Message) -> JsonObject:
        """A message as a bot is shown it by REST."""
        body = self.showing.message(message)
        return body if self._reads(bot, message.channel) else hidden(body, bot)

    # How bots are told

    def _notify(self, message: Message, pings: Pings) -> None:
        message.pinged = [user for user in pings.users if self.user(user) is not None]
        message.pinged_roles = [] if message.channel.direct else pings.roles
        message.pinged_everyone = bool(pings.everyone) and not message.channel.direct

    def _announce(
        self, name: str, message: Message, event_id: str = "", *, in_history: bool = False
    ) -> None:
        shown = self.showing.event(message)

        def view(bot: Bot, full: bool) -> JsonObject:
            reads = full and self._reads(bot, message.channel)
            body = shown if reads or message.channel.direct else hidden(shown, bot)
            mine = message.nonce is not None and message.bot is bot
            return {**body, "nonce": message.nonce} if mine else body

        self._tell_all(message.channel, name, view, event_id, message if in_history else None)

    def _tell_all(
        self,
        channel: Channel,
        name: str,
        view: Callable[[Bot, bool], JsonObject],
        event_id: str = "",
        message: Message | None = None,
    ) -> None:
        intent = Intents.DIRECT_MESSAGES if channel.direct else Intents.GUILD_MESSAGES
        for bot in self.witnesses(channel):
            told = self.sessions.tell(bot, name, intent, _for(bot, view))
            if event_id:
                self._expect(event_id, bot, message, told)

    def _expect(
        self, event_id: str, bot: Bot, message: Message | None, told: dict[Session, int]
    ) -> None:
        event = Event(id=event_id, bot=bot, sessions=told)
        if message is not None:
            event.channel_id, event.message_id = message.channel.id, message.id
        self.sessions.expect(event)

    def _tell_of(self, channel: Channel, what: str) -> None:
        kind = "THREAD" if channel.type is ChannelType.THREAD else "CHANNEL"
        body = shown_channel(channel)
        for bot in self.witnesses(channel):
            self.sessions.tell(bot, f"{kind}_{what}", Intents.GUILDS, lambda _full: body)

    @staticmethod
    def _reads(bot: Bot, channel: Channel) -> bool:
        return channel.direct or bool(bot.granted & Intents.MESSAGE_CONTENT)


def keep_newest(kept: dict[Key, Value], key: Key, value: Value, most: int | None) -> None:
    """Put something last, and the oldest out if there are too many."""
    kept[key] = value
    if most is not None and len(kept) > most:
        del kept[next(iter(kept))]


def _for(bot: Bot, view: Callable[[Bot, bool], JsonObject]) -> View:
    return lambda full: view(bot, full)
