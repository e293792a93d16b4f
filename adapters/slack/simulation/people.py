"""Who is on the simulated Slack, where they meet, and what they do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.slack.simulation import texts
from adapters.slack.simulation.blocks import buttons
from adapters.slack.simulation.blocks import label as label_of
from adapters.slack.simulation.deliveries import DeliveryKind
from adapters.slack.simulation.files import OCTETS, add_file
from adapters.slack.simulation.model import App, Channel, ChannelKind, Message, StoredFile
from adapters.slack.simulation.shapes import assistant_event, command_of, message_of, press_of
from adapters.slack.simulation.stage import Stage
from gateway.testing.simulator import PlaceKind, SimulatedPerson, SimulatedPlace

KINDS: Mapping[PlaceKind, ChannelKind] = {"direct": "im", "group": "mpim", "channel": "channel"}
PLACES: Mapping[ChannelKind, PlaceKind] = {
    "im": "direct",
    "mpim": "group",
    "channel": "channel",
    "group": "channel",
}
ROOT = "What do you think?"


class People(Stage):
    """The part of the simulator that plays people."""

    @property
    def url(self) -> str:
        """Where the platform is."""
        raise NotImplementedError

    # Who and where

    def person(self, name: str, *, account: str = "", team: str = "") -> SimulatedPerson:
        """Let somebody join the workspace of an app, or another one of that id."""
        person = self._world.add_person(name, team or self._app(account).team)
        return SimulatedPerson(id=person.id, name=name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """Direct messages, a group of several people, a public channel, or a thread in any.

        A thread begins with a message that nobody is told of; its place's id is that message's
        `ts`, and its `parent` the conversation's.
        """
        app = self._app(account)
        if kind == "thread":
            if parent is None:
                raise ValueError("a thread needs the conversation it is in")
            return self._thread(parent, people)
        if kind == "direct":
            (person,) = people
            channel = self._world.dialog(app, self._who(person))
            return SimulatedPlace(kind=kind, id=channel.id, account=app.id)
        return self.channel("place", kind=KINDS[kind], people=people, account=app.id)

    def channel(
        self,
        name: str,
        *,
        kind: ChannelKind = "channel",
        private: bool = False,
        people: Sequence[SimulatedPerson] = (),
        account: str = "",
        member: bool = True,
    ) -> SimulatedPlace:
        """A channel, or a group of people; the app is in it if it is a `member`."""
        app = self._app(account)
        chosen: ChannelKind = "group" if private else kind
        channel = self._world.add_channel(chosen, name, app, [self._who(each) for each in people])
        if not member:
            channel.apps.clear()
        return SimulatedPlace(kind=PLACES[chosen], id=channel.id, account=app.id)

    def join(self, place: SimulatedPlace, account: str) -> SimulatedPlace:
        """Invite an app to a conversation; return the place as this app's."""
        self._where(place)[0].apps.add(account)
        return replace(place, account=account)

    def leave(self, place: SimulatedPlace, account: str = "") -> None:
        """Remove an app from a conversation."""
        self._where(place)[0].apps.discard(self._app(account or place.account).id)

    def archive(self, place: SimulatedPlace, *, on: bool = True) -> None:
        """Archive a conversation, or take it out of the archive."""
        self._where(place)[0].archived = on

    def thread_of(self, event_id: str) -> SimulatedPlace:
        """The thread that a message began or stands in: where answers to it are.

        Also of one that nobody replied to yet.
        """
        message = self._world.message(event_id)
        channel = message.channel
        account = next(iter(sorted(channel.apps)), "")
        root = message.thread_ts or message.ts
        return SimulatedPlace(kind="thread", id=root, parent=channel.id, account=account)

    def open_assistant(self, person: SimulatedPerson, *, account: str = "") -> SimulatedPlace:
        """Let a person open a new thread in an app's agent view; return it. The app is told."""
        app = self._app(account)
        thread = self._world.open_thread(app, self._who(person))
        dialog = self._world.dialog(app, self._who(person))
        return SimulatedPlace(kind="thread", id=thread, parent=dialog.id, account=app.id)

    def look_elsewhere(self, person: SimulatedPerson, thread: SimulatedPlace) -> None:
        """Let a person open a channel beside a thread of the agent view; the app is told."""
        channel, root = self._where(thread)
        event = assistant_event(
            "assistant_thread_context_changed",
            self._who(person),
            channel,
            str(root),
            self._world.timestamp(),
        )
        key = f"context:{channel.id}:{event['event_ts']}"
        app = self._app(thread.account)
        self._world.deliver(app, "assistant_thread_context_changed", event, key, channel)

    def rename_channel_id(self, place: SimulatedPlace) -> SimulatedPlace:
        """Give a conversation another id, as sharing it between organisations does; the app hears.

        Returns the place as it is now. Nothing is known by the old id any more.
        """
        channel = self._world.rename(self._where(place)[0])
        return replace(place, id=channel.id)

    def _thread(self, parent: SimulatedPlace, people: Sequence[SimulatedPerson]) -> SimulatedPlace:
        channel, _ = self._where(parent)
        starter = people[0].id if people else next(iter(channel.people), "USLACKBOT")
        for person in people:
            channel.people[person.id] = self._who(person)
        root = self._world.say(channel, starter, ROOT)
        channel.rooms.add(root.ts)
        return replace(parent, kind="thread", id=root.ts, parent=channel.id)

    # What people do

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
        subtype: str = "",
        markup: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Write; return `CHANNEL:TS`, or "" when the app does not hear of it.

        The text is escaped and its addresses become links, unless it is `markup` already. A
        mention becomes `<@BOT> text`. `reply_to` is a message's `ts`: the reply goes to its
        thread. `subtype` may be `me_message` or, of a reply, `thread_broadcast`; `extra` are more
        fields of the message.
        """
        message = self._say(
            text if markup else texts.written(text),
            person,
            place,
            mention=mention,
            reply_to=reply_to,
            subtype=subtype,
            extra=extra,
        )
        heard = self._world.announce(message)
        return message.key if place.account in heard else ""

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
        fields: Mapping[str, Any] | None = None,
    ) -> str:
        """Send a file; `fields` are more of the `file` object, as `{"mode": "tombstone"}`."""
        file = StoredFile(
            id=self._world.new_id("F"),
            name=name,
            media_type=media_type or OCTETS,
            content=content,
        )
        add_file(self._world, self.url, file).fields.update(fields or {})
        message = self._say(
            texts.written(caption),
            person,
            place,
            mention=mention,
            reply_to=reply_to,
            subtype="file_share",
            files=[file],
        )
        heard = self._world.announce(message)
        return message.key if place.account in heard else ""

    async def edit(self, event_id: str, text: str, *, person: SimulatedPerson | None = None) -> str:
        """Let the author change a message; return `edit:CHANNEL:TS:EDITED`."""
        message = self._written_by(event_id, person)
        return self._world.change(message, texts.written(text))

    async def unfurl(self, event_id: str) -> str:
        """Let Slack show a preview of a link: a change of the message that is none of its text."""
        message = self._world.message(event_id)
        before = message_of(message)
        message.extra["attachments"] = [{"id": 1, "fallback": "A page", "title": "A page"}]
        return self._world.changed(message, before)

    async def delete(self, event_id: str, *, person: SimulatedPerson | None = None) -> str:
        """Let the author delete a message; return `delete:CHANNEL:TS`."""
        return self._world.delete(self._written_by(event_id, person))

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press a button; return its `trigger_id`. A press that is not taken is lost."""
        channel, _ = self._where(place)
        visible = self._within(channel.sent, place)
        private = [
            each
            for each in self._world.ephemerals
            if each.channel is channel and each.ephemeral_to == person.id
        ]
        for message in sorted([*visible, *private], key=_age):
            for block, button in buttons(message.blocks):
                if label_of(button) == label and message.app is not None:
                    trigger_id = self._world.new_id("trigger.")
                    payload = press_of(
                        message.app,
                        message,
                        self._who(person),
                        (block, button),
                        trigger_id=trigger_id,
                        at=self._world.timestamp(),
                        response_url=self._response_url(message.app, channel, person),
                    )
                    self._world.send(message.app, "interactive", trigger_id, payload, channel.id)
                    return trigger_id
        raise LookupError(f"no button {label!r} below {[m.text for m in visible]}")

    async def command(
        self, name: str, text: str = "", *, person: SimulatedPerson, place: SimulatedPlace
    ) -> str:
        """Give a slash command; return its `trigger_id`. Slack has none in threads."""
        if place.kind == "thread":
            raise ValueError("slash commands cannot be used in threads")
        app, (channel, _) = self._app(place.account), self._where(place)
        trigger_id = self._world.new_id("trigger.")
        payload = command_of(
            app,
            channel,
            self._who(person),
            command=f"/{name.removeprefix('/')}",
            text=text,
            trigger_id=trigger_id,
            response_url=self._response_url(app, channel, person),
        )
        self._world.send(app, "slash_commands", trigger_id, payload, channel.id)
        return trigger_id

    async def stop_stream(self, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Stop an answer that is being written; return its `ts`. The app hears when it goes on.

        Raises `LookupError` when nothing is being written there.
        """
        channel, _ = self._where(place)
        if person.id not in channel.people:
            raise LookupError(f"{person.name} is not there")
        for message in reversed(self._within(channel.sent, place)):
            if message.streaming is not None:
                message.streaming, message.stopped = None, True
                return message.ts
        raise LookupError("nothing is being written")

    def inject(self, body: Mapping[str, Any], *, account: str = "") -> str:
        """Deliver anything, as given: an event's body, a payload of a press, a command's fields.

        Returns what it counts as, its `event_id` or `trigger_id`, if it has one.
        """
        kind: DeliveryKind = "events_api"
        if "command" in body:
            kind = "slash_commands"
        elif "event" not in body and str(body.get("type", "")) not in {"", "event_callback"}:
            kind = "interactive"
        given = body.get("event_id") or body.get("trigger_id")
        key = str(given or self._world.new_id("Ev"))
        self._world.send(self._app(account), kind, key, dict(body), "")
        return key

    def redeliver(self, event_id: str, *, account: str = "") -> None:
        """Tell an app once more of something, acknowledged or not, as Slack may."""
        app = self._app(account)
        for past in self._world.ledger.past(event_id):
            if past.payload.get("api_app_id", app.id) == app.id:
                self._world.send(app, past.kind, past.key, past.payload, past.place, ts=past.ts)

    def _say(
        self,
        text: str,
        person: SimulatedPerson,
        place: SimulatedPlace,
        *,
        mention: bool = False,
        reply_to: str | None = None,
        subtype: str = "",
        files: Sequence[StoredFile] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> Message:
        app, (channel, thread) = self._app(place.account), self._where(place)
        if mention and place.kind != "direct":
            text = f"<@{app.user_id}> {text}".rstrip()
        if reply_to is not None:
            replied = channel.messages[reply_to]
            thread = replied.thread_ts or replied.ts
        elif place.kind == "direct" and app.assistant and thread is None:
            opened = channel.assistant_threads
            thread = opened[-1] if opened else self._world.open_thread(app, self._who(person))
        channel.people[person.id] = self._who(person)
        return self._world.say(
            channel, person.id, text, thread=thread, subtype=subtype, files=files, extra=extra
        )

    def _written_by(self, event_id: str, person: SimulatedPerson | None) -> Message:
        message = self._world.message(event_id)
        if person is not None and message.user != person.id:
            raise ValueError("people change only what they wrote themselves")
        return message

    def _response_url(self, app: App, channel: Channel, person: SimulatedPerson) -> str:
        return f"{self.url}/hooks/{app.id}/{channel.id}/{person.id}"


def _age(message: Message) -> float:
    """Sorts the newest first."""
    return -float(message.ts)
