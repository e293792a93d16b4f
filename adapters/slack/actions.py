"""Commands, in every form in which people can give them, and the buttons below questions.

https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.slack import places, texts
from adapters.slack.authors import Around, person
from adapters.slack.fields import (
    JsonObject,
    a_detail,
    a_string,
    a_time,
    an_id,
    an_object,
    details,
    in_one_line,
)
from adapters.slack.places import Place
from gateway import Action, ConversationKind, Ignored, Inbound, Press, UnreadableUpdate

COMMANDS = frozenset(
    {
        *(
            "agent",
            "export",
            "forget",
            "help",
            "history",
            "name",
            "new",
            "reset",
            "sessions",
            "start",
            "status",
        ),
        *("stop", "whoami"),
    }
)
"""The gateway's commands; what else begins with an exclamation mark is somebody's own words."""

PLAIN = frozenset({"reset", "new", "stop"})
"""Those that are meant when nothing else is said in a thread, where Slack takes no others."""

DEFAULT_PREFIX = "chat"
"""What stands before a slash command's name where Slack has one of that name."""

NEEDS_THREAD = "in a channel every thread is a conversation of its own"
"""Why a slash command is ignored there; the adapter tells whoever gave it."""

_PRESS = re.compile(r"q:([A-Za-z0-9_-]{1,56}):([0-9]{1,4})")
_BLOCK = re.compile(rf"({'|'.join(kind.value for kind in ConversationKind)})-[0-9]{{1,3}}")
_STOP = "stop"
_TRIGGER = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What was said, as the gateway reads it. `marked`: an exclamation mark made it a command."""

    text: str
    marked: bool = False


def read(text: str, *, in_thread: bool) -> Call:
    """A message, or the command that it is."""
    if text.startswith("!"):
        name, space, rest = _first_word(text[1:])
        if name.lower() in COMMANDS:
            return Call(text=f"/{name.lower()}{space}{rest}", marked=True)
    elif in_thread and text.strip().lower() in PLAIN:
        return Call(text=f"/{text.strip().lower()}")
    return Call(text=text)


def of_slash(body: JsonObject, here: Around) -> Inbound | Ignored:
    """A slash command."""
    channel = an_id(body, "channel_id", "")
    user = an_id(body, "user_id", "")
    event_id = _trigger(body) or f"command:{channel}:{user}"
    kind = places.kind_by_name(channel, a_string(body, "channel_name"))
    place = places.of_command(kind, channel, here.settings)
    if place is None:
        return Ignored(reason=NEEDS_THREAD, event_id=event_id)
    name = without_prefix(a_string(body, "command"), here.settings.command_prefix)
    rest = texts.plain(a_string(body, "text"), here.names).strip()
    profile = {"username": body.get("user_name")}
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=person(user, profile, here),
        address=place.address(team=here.team, user=user, command="yes"),
        text=f"/{name} {rest}" if rest else f"/{name}",
    )


def without_prefix(command: str, prefix: str) -> str:
    """The gateway's name of a slash command: `reset` for `/reset` and for `/chat-reset`."""
    name = command.removeprefix("/").lower()
    for before in (prefix, DEFAULT_PREFIX):
        bare = name.removeprefix(f"{before}-") if before else name
        if bare in COMMANDS:
            return bare
    return name


def of_buttons(body: JsonObject, here: Around) -> Inbound | Ignored:
    """A pressed button: an answer to a question, or a wish to stop."""
    user = an_id(an_object(body, "user", ""), "id", "user")
    found = _button(body)
    event_id = f"press:{_trigger(body) or _pressed_at(body, user)}"
    if found is None:
        return Ignored(reason="a button that is not the gateway's", event_id=event_id)
    place, message_id = _place_of_button(body, here)
    press = _PRESS.fullmatch(found)
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=person(user, a_detail(body, "user"), here),
        address=place.address(team=here.team, user=user, message=message_id),
        action=Action.PRESS if press else Action.STOP,
        message_id=message_id,
        press=Press(question_id=press[1], option=int(press[2])) if press else None,
    )


def of_stop(body: JsonObject, here: Around) -> Inbound:
    """The platform's own button below an answer that is being written, as the adapter tells of it:
    the address of that answer with the `ts` of its message."""
    event = an_object(body, "event", "")
    ts, user = a_time(event, "ts", "event"), an_id(event, "user", "event")
    place = places.of_address(event, "event")
    return Inbound(
        event_id=f"stop:{event['channel']}:{ts}",
        conversation=place.conversation,
        participant=person(user, {}, here),
        address=place.address(team=a_string(event, "team") or here.team, user=user),
        action=Action.STOP,
        message_id=ts,
    )


def _button(body: JsonObject) -> str | None:
    for action in details(body, "actions"):
        for field in ("value", "action_id"):
            said = a_string(action, field)
            if said == _STOP or _PRESS.fullmatch(said):
                return said
    return None


def _place_of_button(body: JsonObject, here: Around) -> tuple[Place, str]:
    """A button stands where its message does; a person's thread may be told by either object."""
    container, message = an_object(body, "container", ""), a_detail(body, "message")
    channel = an_id(container, "channel_id", "container")
    ts = a_time(container, "message_ts", "container")
    thread = container.get("thread_ts") or message.get("thread_ts")
    if said := _kind_in_block(body):
        where = {"channel": channel, "kind": said, "thread": thread or ""}
        return places.of_address(where, "container"), ts
    kind = places.kind_by_name(channel, a_string(a_detail(body, "channel"), "name"))
    stands = {"ts": ts, "thread_ts": thread}
    return places.of_message(kind, channel, stands, "container", here.settings), ts


def _kind_in_block(body: JsonObject) -> str:
    """The sort of place that the block's name tells, as `outbound` writes it."""
    found = (_BLOCK.fullmatch(a_string(action, "block_id")) for action in details(body, "actions"))
    return next((match[1] for match in found if match), "")


def _pressed_at(body: JsonObject, user: str) -> str:
    for action in details(body, "actions"):
        if at := a_string(action, "action_ts"):
            return f"{in_one_line(at, 40)}:{user}"
    raise UnreadableUpdate("trigger_id is missing, and so is actions.action_ts")


def _trigger(body: JsonObject) -> str:
    trigger = a_string(body, "trigger_id")
    return trigger if _TRIGGER.fullmatch(trigger) else ""


def _first_word(text: str) -> tuple[str, str, str]:
    match = re.match(r"(\S*)(\s*)(.*)", text, re.DOTALL)
    return (match[1], match[2], match[3]) if match else (text, "", "")
