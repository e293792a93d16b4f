"""What a message says: its text, or a short description of what it shows instead; and its files.

https://core.telegram.org/bots/api#message
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.telegram import attachments, rich
from adapters.telegram.fields import JsonObject, a_string, details, in_one_line
from adapters.telegram.people import forwarded_from, name
from gateway import Attachment, UnreadableUpdate


@dataclass(frozen=True, slots=True)
class Content:
    """`forwarded_from` names who wrote it first, if it was forwarded."""

    text: str
    entities: list[Any] | None = None
    attachments: tuple[Attachment, ...] = ()
    forwarded_from: str | None = None


def read(message: JsonObject, path: str) -> Content | str:
    """What a message says, or why it says nothing. Raises `UnreadableUpdate`."""
    first = forwarded_from(message)
    if text := _text(message, "text", path):
        return Content(text, _entities(message, "entities"), attachments.read(message), first)
    if text := _text(message, "caption", path):
        files = attachments.read(message)
        return Content(text, _entities(message, "caption_entities"), files, first)
    kind = next((kind for kind in _DESCRIBED if message.get(kind) is not None), None)
    if kind is None:
        service = next((field for field in message if field not in _ENVELOPE), None)
        return f"a service message ({service})" if service else "a message without content"
    if kind == "rich_message":
        written = _detail(message[kind])
        return Content(rich.text(written) or described(message), None, rich.files(written), first)
    return Content(described(message), [], attachments.read(message), first)


def shown(message: JsonObject) -> str:
    """What people see of a message, or of a part of one, if anything. Raises nothing."""
    return a_string(message, "text") or a_string(message, "caption") or described(message)


def described(message: JsonObject) -> str:
    """What a message without text shows, in brackets; empty if nothing."""
    for kind, describe in _DESCRIBED.items():
        if message.get(kind) is not None:
            head, *lines = describe(_detail(message[kind]))
            return "\n".join((f"[{head}]", *lines))
    return ""


def _text(message: JsonObject, field: str, path: str) -> str:
    text = message.get(field)
    if text is None or isinstance(text, str):
        return text or ""
    raise UnreadableUpdate(f"{path}.{field} is not a string")


def _entities(message: JsonObject, field: str) -> list[Any] | None:
    marked = message.get(field)
    return marked if isinstance(marked, list) else None


def _detail(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


# Descriptions: what stands in the brackets, and the lines below them.

_Describe = Callable[[JsonObject], tuple[str, ...]]


def _named(what: str, *fields: str) -> _Describe:
    def describe(media: JsonObject) -> tuple[str, ...]:
        said = ", ".join(in_one_line(text) for field in fields if (text := a_string(media, field)))
        return (f"{what}: {said}" if said else what,)

    return describe


def _lasting(what: str) -> _Describe:
    def describe(media: JsonObject) -> tuple[str, ...]:
        seconds = media.get("duration")
        return (f"{what}, {seconds} s" if isinstance(seconds, int) else what,)

    return describe


def _audio(audio: JsonObject) -> tuple[str, ...]:
    (length,) = _lasting("audio")(audio)
    piece = " - ".join(filter(None, (a_string(audio, "performer"), a_string(audio, "title"))))
    return (f"{length}: {in_one_line(piece)}" if piece else length,)


def _sticker(sticker: JsonObject) -> tuple[str, ...]:
    emoji, collection = a_string(sticker, "emoji"), a_string(sticker, "set_name")
    said = f"sticker: {in_one_line(emoji)}" if emoji else "sticker"
    return (f"{said} of the set {in_one_line(collection)}" if collection else said,)


def _location(place: JsonObject) -> tuple[str, ...]:
    what = "live location" if place.get("live_period") else "location"
    return (f"{what} {_coordinate(place, 'latitude')}, {_coordinate(place, 'longitude')}",)


def _coordinate(place: JsonObject, field: str) -> str:
    degrees = place.get(field)
    return str(degrees) if type(degrees) in (int, float) else "?"


def _venue(venue: JsonObject) -> tuple[str, ...]:
    (said,) = _named("venue", "title", "address")(venue)
    place = venue.get("location")
    return (f"{said}; {_location(place)[0]}" if isinstance(place, dict) else said,)


def _contact(card: JsonObject) -> tuple[str, ...]:
    return (f"contact: {in_one_line(name(card))}, {in_one_line(a_string(card, 'phone_number'))}",)


def _poll(poll: JsonObject) -> tuple[str, ...]:
    (head,) = _named("quiz" if poll.get("type") == "quiz" else "poll", "question")(poll)
    options = (f"- {in_one_line(a_string(one, 'text'))}" for one in details(poll, "options"))
    more = a_string(poll, "description")
    return (head, *((in_one_line(more, 1100),) if more else ()), *options)


def _checklist(checklist: JsonObject) -> tuple[str, ...]:
    (head,) = _named("checklist", "title")(checklist)
    tasks = details(checklist, "tasks")
    return (head, *(f"- [{_done(task)}] {in_one_line(a_string(task, 'text'))}" for task in tasks))


def _done(task: JsonObject) -> str:
    return "x" if task.get("completion_date") else " "


def _dice(dice: JsonObject) -> tuple[str, ...]:
    value = dice.get("value")
    said = f"{in_one_line(a_string(dice, 'emoji'))} {value if isinstance(value, int) else ''}"
    return (said.strip() or "dice",)


def _story(story: JsonObject) -> tuple[str, ...]:
    teller = in_one_line(name(_detail(story.get("chat"))))
    return (f"story of {teller}" if teller else "story",)


def _giveaway(giveaway: JsonObject) -> tuple[str, ...]:
    (said,) = _named("giveaway", "prize_description")(giveaway)
    count = giveaway.get("winner_count")
    return (f"{said}, {count} to win" if isinstance(count, int) else said,)


def _winners(giveaway: JsonObject) -> tuple[str, ...]:
    names = filter(None, (in_one_line(name(one)) for one in details(giveaway, "winners")))
    return (f"winners of a giveaway: {', '.join(names)}".removesuffix(": "),)


# In this order: an animation comes with a document, a venue with a location.
_DESCRIBED: Mapping[str, _Describe] = {
    "animation": _lasting("animation"),
    "live_photo": _named("live photo"),
    "photo": _named("photo"),
    "video": _lasting("video"),
    "video_note": _lasting("video message"),
    "voice": _lasting("voice message"),
    "audio": _audio,
    "document": _named("file", "file_name"),
    "sticker": _sticker,
    "venue": _venue,
    "location": _location,
    "contact": _contact,
    "poll": _poll,
    "checklist": _checklist,
    "dice": _dice,
    "game": _named("game", "title"),
    "invoice": _named("invoice", "title"),
    "story": _story,
    "paid_media": _named("paid media"),
    "rich_message": _named("rich message"),
    "giveaway": _giveaway,
    "giveaway_winners": _winners,
}
# What every message may have; anything else, of one without content, says what happened.
_ENVELOPE = frozenset(  # one name a line would fill a page
    """message_id message_thread_id direct_messages_topic from sender_chat sender_boost_count
    sender_business_bot sender_tag receiver_user ephemeral_message_id date guest_query_id
    business_connection_id chat forward_origin forward_from forward_from_chat
    forward_from_message_id forward_sender_name forward_signature forward_date is_topic_message
    is_automatic_forward reply_to_message external_reply quote reply_to_story
    reply_to_checklist_task_id reply_to_poll_option_id via_bot guest_bot_caller_user
    guest_bot_caller_chat edit_date has_protected_content is_from_offline is_paid_post
    media_group_id author_signature paid_star_count text caption entities caption_entities
    link_preview_options suggested_post_info effect_id show_caption_above_media has_media_spoiler
    reply_markup""".split()  # noqa: SIM905
)
