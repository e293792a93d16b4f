"""What a message says: its text, or a short description of what it shows instead.

https://core.telegram.org/bots/api#message
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.telegram.fields import JsonObject, a_string
from gateway import UnreadableUpdate


@dataclass(frozen=True, slots=True)
class Content:
    text: str
    entities: list[Any] | None = None


def read(message: JsonObject, path: str) -> Content | str:
    """What a message says, or why it says nothing. Raises `UnreadableUpdate`."""
    for field, entities in (("text", "entities"), ("caption", "caption_entities")):
        if message.get(field) is not None:
            text = message[field]
            if not isinstance(text, str):
                raise UnreadableUpdate(f"{path}.{field} is not a string")
            if text:
                marked = message.get(entities)
                return Content(text, marked if isinstance(marked, list) else None)
    for kind, describe in _DESCRIBED.items():
        if message.get(kind) is not None:
            return Content(f"[{describe(_detail(message[kind]))}]", [])
    service = next((field for field in message if field not in _ENVELOPE), None)
    return f"a service message ({service})" if service else "a message without content"


def _detail(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _named(what: str, field: str) -> Callable[[JsonObject], str]:
    def describe(media: JsonObject) -> str:
        name = a_string(media, field)
        return f"{what}: {name}" if name else what

    return describe


def _lasting(what: str) -> Callable[[JsonObject], str]:
    def describe(media: JsonObject) -> str:
        seconds = media.get("duration")
        return f"{what}, {seconds} s" if isinstance(seconds, int) else what

    return describe


def _location(place: JsonObject) -> str:
    return f"location {place.get('latitude')}, {place.get('longitude')}"


def _contact(card: JsonObject) -> str:
    name = f"{a_string(card, 'first_name')} {a_string(card, 'last_name')}".strip()
    return f"contact: {name}, {a_string(card, 'phone_number')}"


def _dice(dice: JsonObject) -> str:
    return f"{a_string(dice, 'emoji')} {dice.get('value')}".strip()


# In this order: an animation comes with a document, a venue with a location.
_DESCRIBED: Mapping[str, Callable[[JsonObject], str]] = {
    "animation": _lasting("animation"),
    "live_photo": _named("live photo", ""),
    "photo": _named("photo", ""),
    "video": _lasting("video"),
    "video_note": _lasting("video message"),
    "voice": _lasting("voice message"),
    "audio": _lasting("audio"),
    "document": _named("file", "file_name"),
    "sticker": _named("sticker", "emoji"),
    "venue": _named("venue", "title"),
    "location": _location,
    "contact": _contact,
    "poll": _named("poll", "question"),
    "checklist": _named("checklist", "title"),
    "dice": _dice,
    "game": _named("game", "title"),
    "invoice": _named("invoice", "title"),
    "story": _named("story", ""),
    "paid_media": _named("paid media", ""),
    "rich_message": _named("rich message", ""),
}
# What every message may have; anything else, of one without content, says what happened.
_ENVELOPE = frozenset(  # one name a line would fill a page
    """message_id message_thread_id direct_messages_topic from sender_chat sender_boost_count
    sender_business_bot sender_tag date business_connection_id chat forward_origin forward_from
    forward_from_chat forward_date is_topic_message is_automatic_forward reply_to_message
    external_reply quote reply_to_story via_bot edit_date has_protected_content is_from_offline
    is_paid_post media_group_id author_signature paid_star_count text caption entities
    caption_entities link_preview_options effect_id reply_markup""".split()  # noqa: SIM905
)
