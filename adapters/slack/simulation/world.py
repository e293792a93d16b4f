"""The people's side: who is there, what they say, and which app hears of it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from adapters.slack.simulation.deliveries import Courier, Delivery, DeliveryKind, Ledger
from adapters.slack.simulation.model import (
    App,
    Channel,
    ChannelKind,
    JsonObject,
    Message,
    Person,
    StoredFile,
)
from adapters.slack.simulation.news import News
from adapters.slack.simulation.shapes import (
    assistant_event,
    body_of,
    changed_event,
    deleted_event,
    mention_event,
    message_event,
    message_of,
)
from adapters.slack.simulation.texts import pings
from adapters.slack.simulation.vocabulary import EVENT_SCOPES, MESSAGE_EVENTS

SLACKBOT = "USLACKBOT"
FIRST_LETTER = {"im": "D", "mpim": "G", "channel": "C", "group": "C"}
TOMBSTONE = "This message was deleted."


class World:
    """Everything there is. Ids count up from fixed numbers; timestamps are never given twice."""

    def __init__(self, clock: Callable[[], float], keep: int | None, news: News) -> None:
        self.clock = clock
        self.keep = keep
        self.news = news
        self.ledger = Ledger(news=news, keep=keep, on_response=self._answered)
        self.apps: dict[str, App] = {}
        self.couriers: dict[str, Courier] = {}
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, StoredFile] = {}
        self.sent: deque[Message] = deque(maxlen=keep)
        self.pinged: deque[Message] = deque(maxlen=keep)
        self.ephemerals: deque[Message] = deque(maxlen=keep)
        self._ids = count(1)
        self._last = 0

    def new_id(self, letters: str) -> str:
        """An id that nothing else has."""
        return f"{letters}{next(self._ids):08}S"

    def timestamp(self) -> str:
        """Now, as a `ts`; later than any before."""
        self._last = max(int(self.clock() * 1_000_000), self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06}"

    # Who and where

    def add_app(self, app: App, courier: Courier) -> App:
        """Install an app."""
        self.apps[app.id] = app
        self.couriers[app.id] = courier
        return app

    def add_person(self, name: str, team: str) -> Person:
        """Let somebody join a workspace."""
        person = Person(id=self.new_id("U"), name=name, team=team)
        self.people[person.id] = person
        return person

    def add_channel(
        self, kind: ChannelKind, name: str, app: App, people: Iterable[Person]
    ) -> Channel:
        """Open a conversation that an app is in."""
        channel = Channel(
            id=self.new_id(FIRST_LETTER[kind]),
            kind=kind,
            name=name,
            team=next((person.team for person in people), app.team),
            keep=self.keep,
            apps={app.id},
            people={person.id: person for person in people},
        )
        self.channels[channel.id] = channel
        return channel

    def dialog(self, app: App, person: Person) -> Channel:
        """The direct messages of a person and an app."""
        if person.id not in app.dialogs:
            app.dialogs[person.id] = self.add_channel("im", "", app, [person])
        return app.dialogs[person.id]

    def named(self, id: str) -> str:
        """The name of whatever has this id; or the id."""
        for app in self.apps.values():
            if id in {app.user_id, app.bot_id}:
                return app.name
        found = self.people.get(id) or self.channels.get(id)
        return found.name if found is not None else id

    def thread(self, root: str) -> Channel:
        """Where a thread is. Raises `LookupError`."""
        for channel in self.channels.values():
            if root in channel.messages:
                return channel
        raise LookupError(f"no thread {root}")

    def message(self, key: str) -> Message:
        """The message with this `CHANNEL:TS`. Raises `LookupError`."""
        channel, _, ts = key.partition(":")
        return self.channels[channel].messages[ts]

    # What happens

    def say(
        self,
        channel: Channel,
        user: str,
        text: str,
        *,
        thread: str | None = None,
        subtype: str = "",
        files: Iterable[StoredFile] = (),
        app: App | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> Message:
        """Put a message into a conversation; nobody is told yet."""
        message = Message(
            channel=channel,
            ts=self.timestamp(),
            at=self.clock(),
            user=user,
            text=text,
            thread_ts=thread,
            subtype=subtype,
            files=list(files),
            app=app,
            extra=dict(extra or {}),
        )
        self.add(message)
        return message

    def add(self, message: Message) -> None:
        """Put a message where it belongs; the first reply makes a thread of what it replies to."""
        root = message.channel.messages.get(message.thread_ts or "")
        if root is not None and root.thread_ts is None:
            root.thread_ts = root.ts
        message.channel.add(message)

    def announce(self, message: Message) -> set[str]:
        """Tell the apps of a new message; return the accounts of those who hear of it."""
        heard = self.tell(message, message_event(message), message.key, ts=message.ts)
        for app in self._members(message.channel):
            named = re.search(rf"<@{app.user_id}(\|[^<>]*)?>", message.text)
            if named and message.app is None and message.channel.kind != "im":
                event, place = mention_event(message), message.channel
                if self.deliver(app, "app_mention", event, message.key, place, ts=message.ts):
                    heard.add(app.id)
        return heard

    def tell(self, message: Message, event: JsonObject, key: str, *, ts: str = "") -> set[str]:
        """Tell the apps of a conversation what happened to a message of it."""
        kind, place = MESSAGE_EVENTS[message.channel.kind], message.channel
        watched = message.app is None
        return {
            app.id
            for app in self._members(place)
            if self.deliver(app, kind, event, key, place, ts=ts, watched=watched)
        }

    def deliver(
        self,
        app: App,
        subscription: str,
        event: JsonObject,
        key: str,
        place: Channel,
        *,
        ts: str = "",
        watched: bool = True,
    ) -> bool:
        """Tell one app of an event, if it may hear of it; return whether it does."""
        scope = EVENT_SCOPES.get(subscription, "")
        if subscription not in app.events or (scope and scope not in app.scopes):
            return False
        body = body_of(
            app, event, event_id=self.new_id("Ev"), at=self.clock(), team=place.team or app.team
        )
        self.send(app, "events_api", key, body, place.id, ts=ts, watched=watched)
        return True

    def send(
        self,
        app: App,
        kind: DeliveryKind,
        key: str,
        payload: JsonObject,
        place: str,
        *,
        ts: str = "",
        watched: bool = True,
    ) -> None:
        """Give an app's courier something to deliver."""
        self.couriers[app.id].offer(
            Delivery(kind=kind, key=key, payload=payload, place=place, ts=ts, watched=watched)
        )

    def post(self, message: Message) -> None:
        """Take an app's message into its conversation, and tell."""
        self.add(message)
        message.channel.sent.append(message)
        if message.thread_ts is not None:
            message.channel.statuses.pop(message.thread_ts, None)
        self.sent.append(message)
        self.check(message)
        self.announce(message)

    def respond(self, app: App, channel: Channel, person: str, body: Mapping[str, Any]) -> None:
        """Show an answer to a press or a command: to one person, unless it says to everybody.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        message = Message(
            channel=channel,
            ts=self.timestamp(),
            at=self.clock(),
            user=app.user_id,
            app=app,
            text=str(body.get("text") or ""),
            blocks=body.get("blocks") or [],
        )
        message.accepted = message.text
        if body.get("response_type") == "in_channel":
            self.post(message)
            return
        message.ephemeral_to = person
        self.check(message)
        self.ephemerals.append(message)
        self.news.tell()

    def check(self, message: Message) -> None:
        """Note it if a message calls people."""
        if not message.pinged and pings(message):
            message.pinged = True
            self.pinged.append(message)

    def change(self, message: Message, text: str) -> str:
        """Let a person change what they wrote; return the event's key."""
        before = message_of(message)
        message.text, message.edited, message.flagged = text, self.timestamp(), True
        return self.changed(message, before)

    def changed(self, message: Message, before: JsonObject) -> str:
        """Tell of a change; return the event's key."""
        self.check(message)
        at = self.timestamp()
        key = f"edit:{message.key}:{message.edited or at}"
        event = changed_event(message, before, at)
        return key if self.tell(message, event, key, ts=message.ts) else ""

    def delete(self, message: Message) -> str:
        """Remove a message; return the event's key. The root of a thread leaves a tombstone."""
        channel, at = message.channel, self.timestamp()
        key = f"delete:{message.key}"
        message.deleted = True
        if channel.replies(message.ts):
            before = message_of(message)
            left = Message(
                channel=channel,
                ts=message.ts,
                at=message.at,
                user=SLACKBOT,
                text=TOMBSTONE,
                subtype="tombstone",
                thread_ts=message.ts,
            )
            channel.messages[message.ts] = left
            event = changed_event(left, before, at)
        else:
            event = deleted_event(message, at)
            del channel.messages[message.ts]
        return key if self.tell(message, event, key) else ""

    def open_thread(self, app: App, person: Person) -> str:
        """Let a person open a thread in an app's agent view, and tell; return the thread."""
        channel = self.dialog(app, person)
        root = self.say(channel, app.user_id, "New Assistant Thread", app=app)
        root.thread_ts = root.ts
        channel.rooms.add(root.ts)
        channel.assistant_threads.append(root.ts)
        event = assistant_event(
            "assistant_thread_started", person, channel, root.ts, self.timestamp()
        )
        self.deliver(app, "assistant_thread_started", event, f"thread:{root.key}", channel)
        return root.ts

    def rename(self, channel: Channel) -> Channel:
        """Give a conversation another id, and tell."""
        old = channel.id
        del self.channels[old]
        channel.id = self.new_id(FIRST_LETTER[channel.kind])
        self.channels[channel.id] = channel
        for app in self._members(channel):
            event = {
                "type": "channel_id_changed",
                "old_channel_id": old,
                "new_channel_id": channel.id,
                "event_ts": self.timestamp(),
            }
            self.deliver(app, "channel_id_changed", event, f"moved:{old}:{channel.id}", channel)
        return channel

    def _answered(self, delivery: Delivery, response: JsonObject) -> None:
        """An acknowledgement of a command may hold the answer."""
        channel = self.channels.get(delivery.place)
        if delivery.kind == "slash_commands" and channel is not None:
            app = self.apps[delivery.payload["api_app_id"]]
            self.respond(app, channel, delivery.payload["user_id"], response)

    def _members(self, channel: Channel) -> list[App]:
        return [self.apps[id] for id in sorted(channel.apps)]
