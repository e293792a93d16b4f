"""Where something is said, and so where answers go.

https://docs.slack.dev/reference/objects/conversation-object
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.slack.fields import JsonObject, a_string, a_time, an_id
from adapters.slack.settings import SlackSettings
from gateway import Address, Conversation, ConversationKind, Participant, Rule

_PERSON = re.compile(r"[UW][A-Z0-9]{1,40}")
_KINDS = {
    "im": ConversationKind.DIRECT,
    "app_home": ConversationKind.DIRECT,
    "mpim": ConversationKind.GROUP,
    "channel": ConversationKind.CHANNEL,
    "group": ConversationKind.CHANNEL,
}


@dataclass(kw_only=True, slots=True)
class Place:
    """`private`: whatever is said here is said to the bot.

    `data` is what an address carries: `channel`, `thread` where there is one, and `kind`.
    """

    conversation: Conversation
    data: JsonObject
    private: bool = False

    def address(self, **more: str) -> Address:
        """Where answers go; each thread is a destination of its own."""
        data = {**self.data, **{key: value for key, value in more.items() if value}}
        thread = data.get("thread")
        destination = f"{data['channel']}:{thread}" if thread else str(data["channel"])
        return Address(destination=destination, data=data)


def kind_of(channel: str, said: str) -> ConversationKind:
    """What sort of place a channel is: as Slack says, or by its id where it does not."""
    if kind := _KINDS.get(said):
        return kind
    return ConversationKind.DIRECT if channel.startswith("D") else ConversationKind.CHANNEL


def kind_by_name(channel: str, name: str) -> ConversationKind:
    """The same for buttons and commands, which come with the channel's name instead."""
    if channel.startswith("D") or name == "directmessage":
        return ConversationKind.DIRECT
    return ConversationKind.GROUP if name.startswith("mpdm-") else ConversationKind.CHANNEL


def of_message(
    kind: ConversationKind, channel: str, message: JsonObject, path: str, settings: SlackSettings
) -> Place:
    """The place of a message with its `ts` and, in a thread, `thread_ts`."""
    ts, thread = a_time(message, "ts", path), ""
    if message.get("thread_ts"):
        thread = a_time(message, "thread_ts", path)
    # The first message of a thread has its own id there, once it is answered.
    thread = "" if thread == ts else thread
    if kind is ConversationKind.DIRECT:
        in_view = settings.assistant or ("assistant_thread" in message and thread)
        if in_view:
            return _thread(channel, thread or ts, private=True)
        return _direct(channel, thread)
    if thread:
        return _thread(channel, thread)
    if kind is ConversationKind.GROUP:
        return Place(conversation=Conversation(kind=kind, id=channel), data=_data(kind, channel))
    return _channel(channel, ts, settings)


def of_command(kind: ConversationKind, channel: str, settings: SlackSettings) -> Place | None:
    """The place of a slash command, which is never in a thread; None where one is needed."""
    if kind is ConversationKind.DIRECT:
        return None if settings.assistant else _direct(channel, "")
    rule = settings.boundary.get(kind, Rule.PER_THREAD)
    if kind is ConversationKind.CHANNEL and rule is Rule.PER_THREAD:
        return None
    return Place(conversation=Conversation(kind=kind, id=channel), data=_data(kind, channel))


def of_address(data: JsonObject, path: str) -> Place:
    """The place that an address of ours leads to."""
    channel = an_id(data, "channel", path)
    thread = a_time(data, "thread", path) if data.get("thread") else ""
    kind = a_string(data, "kind")
    if kind == ConversationKind.DIRECT:
        return _direct(channel, thread)
    if kind == ConversationKind.THREAD and thread:
        return _thread(channel, thread, private=channel.startswith("D"))
    where = ConversationKind.GROUP if kind == ConversationKind.GROUP else ConversationKind.CHANNEL
    place = Conversation(kind=where, id=channel, begins=thread or None)
    return Place(conversation=place, data=_data(where, channel, thread))


def private_address(who: Participant) -> Address | None:
    """A person's own chat with the bot, by the person's id, which messages can be sent to."""
    if not _PERSON.fullmatch(who.id):
        return None
    return _direct(who.id, "").address()


def is_person(channel: object) -> bool:
    """Whether an address names a person instead of their chat."""
    return isinstance(channel, str) and _PERSON.fullmatch(channel) is not None


def _direct(channel: str, thread: str) -> Place:
    """One person's chat with the bot; a thread in it is only where its answers go."""
    kind = ConversationKind.DIRECT
    data = _data(kind, channel, thread)
    return Place(conversation=Conversation(kind=kind, id=channel), data=data, private=True)


def _thread(channel: str, thread: str, *, private: bool = False) -> Place:
    kind = ConversationKind.THREAD
    conversation = Conversation(kind=kind, id=thread, parent_id=channel, private=private)
    return Place(conversation=conversation, data=_data(kind, channel, thread), private=private)


def _channel(channel: str, ts: str, settings: SlackSettings) -> Place:
    """A channel's own message begins a thread, unless all of the channel is one conversation."""
    kind = ConversationKind.CHANNEL
    whole = settings.boundary.get(kind) is Rule.PER_CHANNEL
    conversation = Conversation(kind=kind, id=channel, begins=ts)
    return Place(conversation=conversation, data=_data(kind, channel, "" if whole else ts))


def _data(kind: ConversationKind, channel: str, thread: str = "") -> JsonObject:
    data = {"channel": channel, "kind": kind.value}
    return {**data, "thread": thread} if thread else data
