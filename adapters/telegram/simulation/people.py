"""Who is on the simulated Telegram, where they meet, and what they do there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.telegram.simulation import business
from adapters.telegram.simulation.files import StoredFile
from adapters.telegram.simulation.stage import Stage
from adapters.telegram.simulation.text import addressed
from gateway.testing.simulator import PlaceKind, SentFile, SimulatedPerson, SimulatedPlace


class People(Stage):
    """The part of the simulator that plays people."""

    # Who and where

    def add_bot(
        self,
        token: str,
        username: str,
        *,
        can_read_all_group_messages: bool = False,
        has_topics_enabled: bool = False,
    ) -> str:
        """Register a bot; return its account. Privacy mode is on unless it may read all."""
        bot = self._world.add_bot(
            token, username, reads_all=can_read_all_group_messages, has_topics=has_topics_enabled
        )
        return str(bot.id)

    def person(self, name: str) -> SimulatedPerson:
        """Let somebody join Telegram."""
        return SimulatedPerson(id=str(self._world.add_person(name).id), name=name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """A private chat, a supergroup, a channel, or a topic, which makes its parent a forum."""
        if kind == "direct":
            (person,) = people
            return SimulatedPlace(kind=kind, id=person.id, account=str(self._bot(account).id))
        if kind != "thread":
            return self.group("Place", channel=kind == "channel", people=people, account=account)
        if parent is None:
            raise ValueError("a topic needs its group")
        topic = self._world.add_topic(self._chat(parent)[0], "Topic")
        return replace(parent, kind=kind, id=f"{parent.id}:{topic}", parent=parent.id)

    def group(
        self,
        title: str,
        *,
        basic: bool = False,
        channel: bool = False,
        people: Iterable[SimulatedPerson] = (),
        account: str = "",
    ) -> SimulatedPlace:
        """A supergroup; or a `basic` group, which has no topics and can migrate; or a channel."""
        chat = self._world.add_chat(
            "channel" if channel else "group" if basic else "supergroup", title
        )
        chat.people.update((int(p.id), self._who(p)) for p in people)
        kind: PlaceKind = "channel" if channel else "group"
        return self.join(SimulatedPlace(kind=kind, id=str(chat.id)), account)

    def join(self, place: SimulatedPlace, account: str, *, admin: bool = False) -> SimulatedPlace:
        """Add a bot to a group or channel; return the place as this bot's."""
        bot, (chat, _) = self._bot(account), self._chat(place)
        chat.bots.add(bot.id)
        if admin:
            chat.admins.add(bot.id)
        return replace(place, account=str(bot.id))

    def business(
        self,
        person: SimulatedPerson,
        connection_id: str,
        *,
        owner: SimulatedPerson | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """The chat of a person with a business account that the bot answers for.

        The first call for a connection connects the account, and tells the bot. Its `owner`, or
        somebody new, may write there too.
        """
        bot = self._bot(account)
        connection = bot.connections.get(connection_id)
        if connection is None:
            who = self._world.add_person("Owner") if owner is None else self._who(owner)
            connection = business.connect(self._world, bot, connection_id, who)
        business.chat_with(bot, connection, self._who(person))
        return SimulatedPlace(kind="direct", id=f"{connection_id}:{person.id}", account=str(bot.id))

    def change_business(
        self,
        connection_id: str,
        *,
        enabled: bool = True,
        rights: Iterable[str] | None = None,
        account: str = "",
    ) -> str:
        """Let the owner disconnect the bot, or give it these rights; return the event id."""
        bot = self._bot(account)
        connection = bot.connections[connection_id]
        connection.enabled = enabled
        if rights is not None:
            connection.rights = frozenset(rights)
        return business.announce(bot, connection)

    def block(self, person: SimulatedPerson, *, account: str = "", on: bool = True) -> None:
        """Let a person block a bot, or unblock it."""
        self._world.dialog(self._bot(account), self._who(person)).blocked = on

    def migrate(self, place: SimulatedPlace) -> SimulatedPlace:
        """Upgrade a basic group to a supergroup, and return that; both tell of it."""
        return replace(place, id=str(self._world.migrate(self._chat(place)[0]).id))

    # What people do

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
        quote: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Write, or post in a channel; `extra` are more fields of the `Message`.

        A mention becomes `@bot text`, or `/command@bot` where a command comes first. A `quote` is
        the part of the message replied to that is meant.
        """
        return self._say(
            text,
            person,
            place,
            mention=mention,
            reply_to=reply_to,
            quote=quote,
            extra=extra,
        )

    async def send_file(
        self,
        content: bytes,
        name: str,
        media_type: str = "",
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        kind: str = "",
        caption: str = "",
        album: str | None = None,
        mention: bool = False,
        reply_to: str | None = None,
    ) -> str:
        """Send a file as what `kind` says, or else as what its type suggests.

        Kinds are those of a `Message`: photo, document, voice, audio, video, animation, sticker,
        video_note. `album` is the `media_group_id` it shares with others.
        """
        file = self._world.files.add(kind or _kind(media_type), name, media_type, content, ())
        return self._say(
            caption,
            person,
            place,
            mention=mention,
            reply_to=reply_to,
            file=file,
            extra={} if album is None else {"media_group_id": album},
        )

    async def send_album(
        self,
        files: Sequence[SentFile],
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        caption: str = "",
        kind: str = "",
        mention: bool = False,
    ) -> list[str]:
        """Send files together: as many events, with one `media_group_id`; the first is captioned.

        Returns the event ids.
        """
        album = self._world.album()
        return [
            await self.send_file(
                file.content,
                file.name,
                file.media_type,
                person=person,
                place=place,
                kind=kind,
                caption="" if position else caption,
                album=album,
                mention=mention and not position,
            )
            for position, file in enumerate(files)
        ]

    async def send_raw_message(
        self, fields: Mapping[str, Any], *, person: SimulatedPerson, place: SimulatedPlace
    ) -> str:
        """Send anything else: a `location`, a `contact`, a `poll`, as the `Message` shows it."""
        return self._say("", person, place, extra=fields)

    async def edit(
        self,
        which: str,
        text: str,
        *,
        person: SimulatedPerson | None = None,
        place: SimulatedPlace | None = None,
        account: str = "",
    ) -> str:
        """Let the author change what came with an event, or a message of a `place`, by its id.

        Returns the new event's id. Raises `ValueError` if somebody else wrote it.
        """
        bot = self._bot(account or (place.account if place else ""))
        if place is None:
            message = self._world.told(bot, int(which))
        else:
            message = self._chat(place)[0].messages[int(which)]
        author = (message.sender or {}).get("id")
        if person is not None and author is not None and str(author) != person.id:
            raise ValueError("people edit only what they wrote themselves")
        return self._world.edit(message, text).get(bot.id, "")

    async def delete(self, *message_ids: str, place: SimulatedPlace) -> str:
        """Delete messages of a place; the event's id, if it is a business account's."""
        chat = self._chat(place)[0]
        heard = business.forget(self._world, [chat.messages[int(each)] for each in message_ids])
        return next(iter(heard), "")

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press an inline button, or write what a button under the input field says."""
        visible = self._within(self._chat(place)[0].sent, place)
        for message in reversed(visible):
            for button in message.buttons():
                if button["text"] == label and "callback_data" in button:
                    return self._world.press(message, self._who(person), button["callback_data"])
                if button["text"] == label and "inline_keyboard" not in (message.markup or {}):
                    return await self.say(label, person=person, place=place)
        raise LookupError(f"no button {label!r} below {[message.text for message in visible]}")

    async def press_stop(self, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press the button that stops an answer that is being written; return the event id.

        Raises `LookupError` when nothing that can be stopped is seen there.
        """
        chat, topic = self._chat(place)
        if int(person.id) not in chat.people:
            raise LookupError(f"{person.name} is not there")
        for draft in chat.shown_drafts(self._clock()):
            if draft.topic == (topic or 0) and draft.can_stop and not draft.stopped:
                return self._world.stop(chat, draft)
        raise LookupError("nothing that can be stopped is being written")

    def message_id(self, event_id: str, *, account: str = "") -> str:
        """The id of the message that an event told of."""
        return str(self._world.told(self._bot(account), int(event_id)).id)

    def inject(self, update: Mapping[str, Any], *, account: str = "") -> str:
        """Queue an update exactly as given, with the next id unless it has one."""
        return str(self._bot(account).updates.inject(dict(update)))

    def redeliver(self, event_id: str, *, account: str = "") -> None:
        """Deliver an update once more, acknowledged or not, as Telegram may."""
        self._bot(account).updates.redeliver(int(event_id))

    def _say(
        self,
        text: str,
        person: SimulatedPerson,
        place: SimulatedPlace,
        *,
        mention: bool = False,
        reply_to: str | None = None,
        quote: str = "",
        file: StoredFile | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        bot, (chat, topic) = self._bot(place.account), self._chat(place)
        if mention and place.kind != "direct":
            text = addressed(text, bot.username)
        heard = self._world.say(
            chat,
            self._who(person),
            text,
            topic=topic,
            reply_to=None if reply_to is None else int(reply_to),
            quote=quote,
            file=file,
            extra=extra,
        )
        return heard.get(bot.id, "")


def _kind(media_type: str) -> str:
    """What Telegram's apps make of a file."""
    if media_type == "image/gif":
        return "animation"
    family = media_type.partition("/")[0]
    return {"image": "photo", "video": "video", "audio": "audio"}.get(family, "document")
