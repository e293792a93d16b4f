"""Who is on the simulated Discord, where they meet, and what they do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.discord.simulation.interactions import COMMAND, COMPONENT
from adapters.discord.simulation.model import (
    Channel,
    ChannelType,
    Intents,
    Interaction,
    JsonObject,
    Message,
    StoredFile,
)
from adapters.discord.simulation.stage import Stage
from gateway.testing.simulator import PlaceKind, SimulatedPerson, SimulatedPlace

STRING = 3


class People(Stage):
    """The part of the simulator that plays people."""

    # Who and where

    def add_bot(
        self, token: str = "", username: str = "helper", *, message_content: bool = True
    ) -> str:
        """Register a bot, or change the one that has this id; return its account, the id.

        The first part of a token is the id in base64; without a token, one is made.
        `message_content` grants the intent; who identifies with it in vain is closed with 4014.
        """
        granted = Intents.MESSAGE_CONTENT if message_content else Intents(0)
        return str(self._world.add_bot(token, username, granted).id)

    def person(self, name: str, *, bot: bool = False, locale: str = "en-US") -> SimulatedPerson:
        """Let somebody join Discord, or another bot; `locale` is their app's language."""
        person = self._world.add_person(name, bot=bot, locale=locale)
        return SimulatedPerson(id=str(person.id), name=name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """A DM, a text channel of the server, or a thread, of a text channel or a `forum`.

        Only this bot sees a new channel, and is told of it while connected.
        """
        bot = self._bot(account)
        if kind == "direct":
            (person,) = people
            return self._place(kind, self._world.dialog(bot, self._who(person)), bot.id)
        if kind == "group":
            raise ValueError("bots get no group DMs on Discord")
        if kind == "channel":
            return self._place(
                kind, self._world.add_channel(ChannelType.TEXT, "place", bot), bot.id
            )
        if parent is None:
            raise ValueError("a thread needs its channel")
        origin = self._channel(parent)
        if origin.type not in {ChannelType.TEXT, ChannelType.FORUM}:
            raise ValueError(f"a {parent.kind} has no threads")
        thread = self._world.add_channel(ChannelType.THREAD, "thread", bot, parent=origin)
        return self._place(kind, thread, int(parent.account or bot.id))

    def forum(self, *, account: str = "") -> SimulatedPlace:
        """A forum channel, in which nothing but threads can be."""
        bot = self._bot(account)
        channel = self._world.add_channel(ChannelType.FORUM, "forum", bot)
        return self._place("channel", channel, bot.id)

    async def forum_post(
        self, title: str, text: str, *, person: SimulatedPerson, forum: SimulatedPlace
    ) -> tuple[SimulatedPlace, str]:
        """Start a thread in a forum: the place, and the event id; the two ids are the same."""
        bot = self._bot(forum.account)
        thread = self._world.add_channel(
            ChannelType.THREAD, title, bot, parent=self._channel(forum)
        )
        first = self._world.say(thread, self._who(person), text, message_id=thread.id)
        return self._place("thread", thread, bot.id), str(first.id)

    def join(self, place: SimulatedPlace, account: str) -> SimulatedPlace:
        """Let another bot see a channel; return the place as this bot's."""
        self._channel(place).bots.add(self._bot(account).id)
        return replace(place, account=str(self._bot(account).id))

    def leave(self, place: SimulatedPlace) -> None:
        """Take a channel's access from its bot."""
        self._channel(place).bots.discard(self._bot(place.account).id)

    def remove(self, place: SimulatedPlace) -> None:
        """Delete a channel or a thread."""
        self._world.remove_channel(self._channel(place))

    def block(self, person: SimulatedPerson, *, account: str = "", on: bool = True) -> None:
        """Let a person take no messages of a bot any more, or take them again."""
        self._world.dialog(self._bot(account), self._who(person)).blocked = on

    def role(self, account: str = "") -> str:
        """The id of the role that the bot brought along; people mention it as `<@&ID>`."""
        return str(self._bot(account).role_id)

    # What people do

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
        ping: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Write; the event id is the message's. `extra` are more fields of the `Message`.

        A mention comes first. A reply mentions whom it is to, unless `ping` is off.
        """
        return self._say(text, person, place, mention, reply_to, ping=ping, extra=extra)

    async def send_file(
        self,
        content: bytes,
        name: str,
        media_type: str = "",
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        caption: str = "",
        mention: bool = False,
        reply_to: str | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> str:
        """Send a file with a text; `about` are more fields of its `Attachment`.

        A voice message is one that has `{"waveform": ..., "duration_secs": ...}`.
        """
        file = self._cdn.keep(name, media_type, content, dict(about or {}))
        extra = {"flags": 1 << 13} if "waveform" in file.extra else {}
        return self._say(caption, person, place, mention, reply_to, files=[file], extra=extra)

    async def edit(
        self, message_id: str, text: str, *, person: SimulatedPerson | None = None
    ) -> str:
        """Let a person change what they wrote; return `edit:MESSAGE:TIME`, the event id.

        Raises `ValueError` if somebody else wrote it.
        """
        message = self._message(message_id)
        if message.person is None or person not in {None, self._as_person(message)}:
            raise ValueError("people edit only what they wrote themselves")
        return self._world.edit(message, text)

    async def delete(self, *message_ids: str) -> str:
        """Delete messages of one place, of whomever; the event id is `delete:FIRST`, or
        `delete:FIRST+MORE` when several go at once."""
        return self._world.delete([self._message(each) for each in message_ids])

    async def unfurl(self, message_id: str, url: str) -> None:
        """Let Discord show below a message what a link in it leads to."""
        self._world.unfurl(self._message(message_id), {"type": "link", "url": url})

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press a button; the event id is the interaction's."""
        visible = self._within(self._channel(place).messages.values(), place)
        for message in reversed(visible):
            for button in message.buttons() if message.bot is not None else ():
                usable = button.get("custom_id") and not button.get("disabled")
                if button.get("label") == label and usable:
                    return self._press(message, button, person)
        raise LookupError(f"no button {label!r} below {[message.text for message in visible]}")

    async def command(
        self, name: str, text: str = "", *, person: SimulatedPerson, place: SimulatedPlace
    ) -> str:
        """Use a slash command that the bot has registered; the event id is the interaction's.

        `text` is what its first text option gets. Raises `LookupError` without such a command,
        `ValueError` without such an option.
        """
        bot = self._bot(place.account)
        command = next((each for each in bot.commands if each["name"] == name), None)
        if command is None:
            raise LookupError(f"no command {name!r}, but {[c['name'] for c in bot.commands]}")
        data: JsonObject = {"id": command["id"], "name": name, "type": 1}
        options = [each for each in command.get("options") or () if each["type"] == STRING]
        if text and not options:
            raise ValueError(f"/{name} takes no text")
        if text:
            data["options"] = [{"name": options[0]["name"], "type": STRING, "value": text}]
        return self._interact(COMMAND, data, person, self._channel(place), int(bot.id))

    def inject(self, payload: Mapping[str, Any], *, account: str = "") -> str:
        """Dispatch anything to the bot's sessions, exactly as given; return an id for it.

        That is a dispatch, `{"t": ..., "d": ...}`; or else what tells a message or an interaction
        by itself.
        """
        body = dict(payload)
        name, data = str(body.get("t") or ""), body.get("d")
        if not name:
            name = "INTERACTION_CREATE" if "application_id" in body else "MESSAGE_CREATE"
            data = body
        event_id = f"injected:{self._world.new_id()}"
        self._world.inject(self._bot(account), name, data or {}, event_id)
        return event_id

    def _say(
        self,
        text: str,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool,
        reply_to: str | None,
        *,
        ping: bool = True,
        files: Sequence[StoredFile] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        channel = self._channel(place)
        if channel.type is ChannelType.FORUM:
            raise ValueError("in a forum people write only in its threads: see forum_post")
        if mention and not channel.direct:
            text = f"<@{self._bot(place.account).id}> {text}".strip()
        message = self._world.say(
            channel,
            self._who(person),
            text,
            reply_to=None if reply_to is None else self._message(reply_to, place),
            ping=ping,
            files=files,
            extra=extra,
        )
        return str(message.id) if channel.seen_by(self._bot(place.account)) else ""

    def _press(self, message: Message, button: JsonObject, person: SimulatedPerson) -> str:
        data = {"custom_id": button["custom_id"], "component_type": 2, "id": button["id"]}
        bot_id = message.author_id
        return self._interact(COMPONENT, data, person, message.channel, bot_id, message)

    def _interact(
        self,
        kind: int,
        data: JsonObject,
        person: SimulatedPerson,
        channel: Channel,
        bot_id: int,
        source: Message | None = None,
    ) -> str:
        interaction = Interaction(
            id=self._world.new_id(),
            at=self._clock(),
            type=kind,
            bot=self._world.bots[bot_id],
            channel=channel,
            person=self._who(person),
            data=data,
            source=source,
        )
        return self._world.interact(interaction)

    @staticmethod
    def _as_person(message: Message) -> SimulatedPerson | None:
        who = message.person
        return None if who is None else SimulatedPerson(id=str(who.id), name=who.name)

    @staticmethod
    def _place(kind: PlaceKind, channel: Channel, bot_id: int) -> SimulatedPlace:
        parent = None if channel.parent is None else str(channel.parent.id)
        return SimulatedPlace(kind=kind, id=str(channel.id), parent=parent, account=str(bot_id))
