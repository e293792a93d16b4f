"""Raw events of Slack, read as what they mean to the gateway. Pure, and free of any SDK.

What is read is the body of an Events API request, a Socket Mode envelope, the payload of a pressed
button or a slash command as JSON; `gateway` in it is what the adapter itself added: `names` of
people by id, and where the event does not say it `channel_type` and `in_view`: in a chat of the
agent view.
https://docs.slack.dev/apis/events-api/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from adapters.slack import actions, attachments, authors, news, places, texts
from adapters.slack.actions import NEEDS_THREAD
from adapters.slack.authors import Around, Me
from adapters.slack.fields import (
    JsonObject,
    a_detail,
    a_string,
    a_time,
    an_id,
    an_object,
    an_optional_id,
    details,
    in_one_line,
    order_of,
)
from adapters.slack.places import Place
from adapters.slack.settings import SlackSettings
from gateway import (
    Action,
    Attachment,
    ConversationKind,
    Ignored,
    Inbound,
    Moved,
    Participant,
    UnreadableUpdate,
)

__all__ = ["NEEDS_THREAD", "Me", "parse"]

_SAID = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
"""The subtypes of messages in which somebody says something."""

_Outcome = Inbound | Moved | Ignored


def parse(raw: bytes, me: Me, settings: SlackSettings) -> Inbound | Moved | Ignored:
    """Read one event as it arrived.

    Raises `UnreadableUpdate`, which names the field that is missing or not what it should be.
    """
    try:
        update = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableUpdate(f"the event is not JSON: {error}") from None
    if not isinstance(update, dict):
        raise UnreadableUpdate("the event is not an object")
    body = an_object(update, "payload", "") if "envelope_id" in update else update
    here = authors.around(update, body, me, settings)
    if "command" in body and "channel_id" in body:
        return actions.of_slash(body, here)
    kind = a_string(body, "type")
    if kind in _OTHERS:
        return _OTHERS[kind](body, here)
    if "event" not in body and kind != "event_callback":
        if not kind:
            raise UnreadableUpdate("type is missing or not a text")
        return Ignored(reason=news.unused(kind))
    event = an_object(body, "event", "")
    event_id = an_optional_id(body, "event_id")
    what = a_string(event, "type")
    if what in _EVENTS:
        return _EVENTS[what](event, event_id, here)
    return Ignored(reason=news.unused(what), event_id=event_id)


def _message(event: JsonObject, event_id: str, here: Around) -> _Outcome:
    """Something happened to a message: it was written, changed or deleted."""
    subtype = a_string(event, "subtype")
    if subtype == "message_changed":
        return _changed(event, here)
    if subtype == "message_deleted":
        ts = a_time(event, "deleted_ts", "event")
        return _deleted(event, ts, here)
    if subtype in _SAID:
        return _said(event, here)
    return Ignored(reason=news.about_messages(subtype), event_id=event_id)


def _said(event: JsonObject, here: Around) -> Inbound | Ignored:
    channel, ts = an_id(event, "channel", "event"), a_time(event, "ts", "event")
    if event.get("type") == "app_mention" and not here.user_ids:
        # Whom it calls is the bot, though nobody has told its id yet.
        here = replace(here, user_ids=frozenset({texts.calls(a_string(event, "text"))} - {""}))
    # A mention is told of twice, and what was missed is fetched: it is one message.
    return _written(event, event, f"{channel}:{ts}", Action.MESSAGE, here)


def _changed(event: JsonObject, here: Around) -> Inbound | Ignored:
    """Slack tells also when a link's preview is shown, or somebody answers in a thread."""
    channel = an_id(event, "channel", "event")
    message, before = an_object(event, "message", "event"), a_detail(event, "previous_message")
    if not message.get("ts"):
        message = {**message, "ts": before.get("ts")}
    ts = a_time(message, "ts", "event.message")
    if message.get("subtype") == "tombstone":
        # Of a deleted message with answers, this is left.
        return _deleted(event, ts, here)
    when = a_string(a_detail(message, "edited"), "ts") or a_string(event, "ts")
    event_id = f"edit:{channel}:{ts}:{in_one_line(when, 40)}"
    if a_string(message, "subtype") not in _SAID:
        reason = news.about_messages(a_string(message, "subtype"))
        return Ignored(reason=reason, event_id=event_id)
    if message.get("text") == before.get("text"):
        return Ignored(reason="a message looks different, and says the same", event_id=event_id)
    return _written(event, message, event_id, Action.EDIT, here)


def _written(
    event: JsonObject, message: JsonObject, event_id: str, action: Action, here: Around
) -> Inbound | Ignored:
    path = "event" if message is event else "event.message"
    place = _place(event, message, path, here)
    who = authors.author(message, path, here)
    if isinstance(who, str):
        return Ignored(reason=who, event_id=event_id)
    marked = a_string(message, "text")
    files, missing = attachments.read(message)
    call = actions.read(
        _text(marked, message, files, missing, here),
        in_thread=place.conversation.kind is ConversationKind.THREAD,
    )
    if not call.text.strip():
        return Ignored(reason="a message without content", event_id=event_id)
    ts = message["ts"]
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=who,
        address=place.address(message=ts, team=here.team, user=who.id, **_home(message, here)),
        text=call.text,
        action=action,
        order=order_of(ts),
        addressed=place.private or (action is Action.MESSAGE and _is_called(event, message, here)),
        message_id=ts,
        attachments=files,
        follows=not place.private and (call.marked or _follows(place, action, marked, here)),
    )


def _deleted(event: JsonObject, ts: str, here: Around) -> Inbound | Ignored:
    channel = an_id(event, "channel", "event")
    event_id = f"delete:{channel}:{ts}"
    before = a_detail(event, "previous_message")
    if not before:
        return Ignored(reason="a deletion that does not say what it was", event_id=event_id)
    message = {**before, "ts": ts}
    if a_string(message, "subtype") not in _SAID:
        reason = news.about_messages(a_string(message, "subtype"))
        return Ignored(reason=reason, event_id=event_id)
    place = _place(event, message, "event.previous_message", here)
    who: Participant | str = authors.author(message, "event.previous_message", here)
    if isinstance(who, str):
        return Ignored(reason=who, event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=place.conversation,
        participant=who,
        address=place.address(team=here.team, user=who.id),
        action=Action.DELETE,
        addressed=place.private,
        deleted=(ts,),
        follows=not place.private,
    )


def _place(event: JsonObject, message: JsonObject, path: str, here: Around) -> Place:
    channel = an_id(event, "channel", "event")
    said = a_string(event, "channel_type") or here.channel_type
    kind = places.kind_of(channel, said)
    if here.in_view:
        message = {**message, "assistant_thread": {}}
    return places.of_message(kind, channel, message, path, here.settings)


def _text(
    marked: str,
    message: JsonObject,
    files: tuple[Attachment, ...],
    missing: tuple[str, ...],
    here: Around,
) -> str:
    """What is said: the text without the call for the bot, what was forwarded, and in words what
    cannot be shown."""
    said = texts.plain(texts.without_call(marked, here.user_ids), here.names)
    lines = [said] if said.strip() else _laid_out(message, here)
    lines += _forwarded(message, here)
    lines += missing
    return "\n".join(lines) or "\n".join(map(attachments.in_words, files))


def _laid_out(message: JsonObject, here: Around) -> list[str]:
    """What other bots put into blocks and attachments instead of a text."""
    blocks = details(message, "blocks")
    said = [
        a_string(block, "text") or a_string(a_detail(block, "text"), "text") for block in blocks
    ]
    said += [
        a_string(shown, "text") or a_string(shown, "fallback")
        for shown in details(message, "attachments")
        if shown.get("is_share") is not True
    ]
    return [texts.plain(one, here.names) for one in said if one.strip()]


def _forwarded(message: JsonObject, here: Around) -> list[str]:
    """The messages that somebody shares, with their own words or without."""
    lines = []
    for shared in details(message, "attachments"):
        if shared.get("is_share") is True:
            name = in_one_line(a_string(shared, "author_name"), 80) or "somebody"
            lines.append(f"[forwarded from {name}]")
            lines.append(texts.plain(a_string(shared, "text"), here.names))
    return lines


def _is_called(event: JsonObject, message: JsonObject, here: Around) -> bool:
    """Whether the bot is mentioned, or answered in a thread that it began."""
    if event.get("type") == "app_mention":
        return True
    if texts.mentions(a_string(message, "text"), here.user_ids):
        return True
    parent = message.get("parent_user_id") or a_detail(message, "root").get("user")
    return isinstance(parent, str) and parent in here.user_ids


def _follows(place: Place, action: Action, marked: str, here: Around) -> bool:
    """Whether it concerns the bot where that takes part already: not if it calls somebody else."""
    if action is Action.EDIT:
        return True
    if place.conversation.kind is not ConversationKind.THREAD or not here.settings.follow_threads:
        return False
    return texts.calls(marked) in {"", *here.user_ids}


def _home(message: JsonObject, here: Around) -> dict[str, str]:
    """The workspace of who wrote it, where that is another: of a shared channel, or a grid."""
    team = an_optional_id(message, "user_team") or an_optional_id(message, "team")
    return {"user_team": team} if team and team != here.team else {}


def _renamed(event: JsonObject, event_id: str, _: Around) -> Moved:
    old, new = an_id(event, "old_channel_id", "event"), an_id(event, "new_channel_id", "event")
    if old == new:
        raise UnreadableUpdate("event says that a channel moved to itself")
    return Moved(event_id=event_id or f"moved:{old}:{new}", old_id=old, new_id=new)


_EVENTS: Mapping[str, Callable[[JsonObject, str, Around], _Outcome]] = {
    "message": _message,
    "app_mention": _message,
    "channel_id_changed": _renamed,
}
_OTHERS: Mapping[str, Callable[[JsonObject, Around], _Outcome]] = {
    "block_actions": actions.of_buttons,
    "gateway_stop": actions.of_stop,
}
