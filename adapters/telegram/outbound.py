"""Deliveries and previews as parameters of Bot API calls. Pure, and free of any SDK.

https://core.telegram.org/bots/api#available-methods
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.telegram import markdown
from adapters.telegram.cutting import Piece, entities, pieces
from gateway import (
    Address,
    Attachment,
    Delivery,
    Part,
    Participant,
    Preview,
    Question,
    QuestionKind,
)
from gateway.presentation import units

MAX_CAPTION = 1024
"""UTF-16 units of what stands below a file."""
MAX_BUTTONS = 100
MAX_UPLOAD = 50 * 10**6
MAX_PHOTO = 10 * 10**6
STOP = "stop"
"""What the button below an answer that is being written sends; `inbound` reads it."""

# On a row go so many buttons when the longest label has at most so many characters.
_ROWS = ((12, 3), (24, 2))
# What Telegram might show a preview of.
_LINK = re.compile(r"\w\.\w|://")
_PERSON = re.compile(r"[1-9][0-9]{0,18}")
_STOP_BUTTON = {"inline_keyboard": [[{"text": "Stop", "callback_data": STOP}]]}
_FILE_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff/\\\"]+")
_KINDS = {
    "image/jpeg": "photo",
    "image/png": "photo",
    "image/webp": "photo",
    "image/gif": "animation",
    "audio/ogg": "voice",
    "audio/opus": "voice",
    "application/ogg": "voice",
    "audio/mpeg": "audio",
    "audio/mp3": "audio",
    "audio/mp4": "audio",
    "audio/m4a": "audio",
    "audio/x-m4a": "audio",
    "video/mp4": "video",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A method by Telegram's name for it, and its parameters; a file goes in as `upload`."""

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    upload: str = ""


def send_message(delivery: Delivery, *, link_previews: bool = False) -> dict[str, Any]:
    """The parameters of `sendMessage`. Only an answer's first part quotes what it answers."""
    where = delivery.address.data
    words = _words(delivery.text, delivery.format.get("entities"), link_previews)
    return {**_place(where), **words, **_around(delivery)}


def edit_message(delivery: Delivery, *, link_previews: bool = False) -> dict[str, Any] | None:
    """The parameters of `editMessageText` that make a preview the answer; None where no edit does:
    it brings no file, and opens nobody's input field."""
    keyboard = _around(delivery).get("reply_markup", {})
    if delivery.attachment is not None or "force_reply" in keyboard:
        return None
    return {
        **_message(delivery.address, delivery.replaces),
        **_words(delivery.text, delivery.format.get("entities"), link_previews),
        **({"reply_markup": keyboard} if keyboard else {}),
    }


def delete_message(address: Address, message_id: str) -> Call:
    """The call that takes a message back."""
    connection = address.data.get("business_connection_id")
    if connection is None:
        return Call(method="deleteMessage", parameters=_message(address, message_id))
    parameters = {"business_connection_id": connection, "message_ids": [int(message_id)]}
    return Call(method="deleteBusinessMessages", parameters=parameters)


def send_file(delivery: Delivery, attachment: Attachment) -> Call:
    """The call that sends a delivery's file, its text below it if it is short enough."""
    kind = kind_of(attachment)
    parameters = {**_place(delivery.address.data), **_around(delivery)}
    if delivery.text.strip() and not above_file(delivery):
        parameters["caption"] = delivery.text
        if "entities" in delivery.format:
            parameters["caption_entities"] = delivery.format["entities"]
    return Call(method=f"send{kind.capitalize()}", parameters=parameters, upload=kind)


def as_document(call: Call) -> Call:
    """The same file, as nothing but a file."""
    return Call(method="sendDocument", parameters=call.parameters, upload="document")


def above_file(delivery: Delivery) -> bool:
    """Whether the text is too long to stand below the file, and goes ahead of it."""
    return units(delivery.text) > MAX_CAPTION


def kind_of(attachment: Attachment) -> str:
    """What Telegram shows a file as."""
    kind = _KINDS.get(attachment.media_type.partition(";")[0].strip().lower(), "document")
    return "document" if kind == "photo" and attachment.size > MAX_PHOTO else kind


def file_name(attachment: Attachment) -> str:
    """A name that can stand in a header."""
    return _FILE_NAME.sub("_", attachment.name).strip()[-120:] or "file"


def carries(attachment: Attachment) -> bool:
    """Whether Telegram takes a file of this size from a bot."""
    return 0 < attachment.size <= MAX_UPLOAD


def send_draft(preview: Preview, piece: Piece) -> dict[str, Any]:
    """The parameters of `sendMessageDraft`, which shows an answer while it is being written."""
    marked = entities(piece.text, piece.spans)
    return {
        **_place(preview.address.data),
        "draft_id": draft_id(preview.task_id),
        "can_stop": True,
        "text": piece.text,
        **({"entities": marked} if marked else {}),
    }


def draft_id(task_id: str) -> int:
    """The same for all of a task's drafts: from 1 to 2^31 - 1."""
    return (zlib.crc32(task_id.encode()) & 0x7FFFFFFF) or 1


def send_preview(preview: Preview, piece: Piece) -> dict[str, Any]:
    """The parameters of `sendMessage` for a preview that is a message: silent, with a button."""
    where = preview.address.data
    return {
        **_place(where),
        **_words(piece.text, entities(piece.text, piece.spans), link_previews=False),
        **_quoting(where),
        "disable_notification": True,
        "reply_markup": _STOP_BUTTON,
    }


def edit_preview(preview: Preview, piece: Piece) -> dict[str, Any]:
    """The parameters of `editMessageText` that show more of it."""
    return {
        **_message(preview.address, preview.message_id),
        **_words(piece.text, entities(piece.text, piece.spans), link_previews=False),
        "reply_markup": _STOP_BUTTON,
    }


def is_private(address: Address) -> bool:
    """Whether it is a person's own chat with the bot, where drafts can be shown."""
    return address.data["chat_id"] > 0 and "business_connection_id" not in address.data


def private_chat(address: Address, who: Participant) -> Address | None:
    """A person's own chat with the bot has the person's id.

    Chats speak as well, and have negative ids. Bots may write first to nobody:
    https://core.telegram.org/bots#how-are-bots-different-from-users
    """
    if "business_connection_id" in address.data or not _PERSON.fullmatch(who.id):
        return None
    return Address(destination=who.id, data={"chat_id": int(who.id)})


def send_chat_action(address: Address) -> dict[str, Any]:
    """The parameters of `sendChatAction` that show somebody typing."""
    place = _place(address.data)
    # The call does not know the topics of a channel's direct messages.
    place.pop("direct_messages_topic_id", None)
    return {**place, "action": "typing"}


def set_reaction(message: Mapping[str, Any], emoji: str) -> dict[str, Any]:
    """The parameters of `setMessageReaction` for a message as Telegram told of it."""
    return {
        "chat_id": message["chat"]["id"],
        "message_id": message["message_id"],
        "reaction": [{"type": "emoji", "emoji": emoji}],
    }


def without_entities(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same words, unmarked."""
    marked = {"entities", "caption_entities"}
    return {name: value for name, value in parameters.items() if name not in marked}


def _place(where: Mapping[str, Any]) -> dict[str, Any]:
    place = {"chat_id": where["chat_id"]}
    for more in ("message_thread_id", "direct_messages_topic_id", "business_connection_id"):
        if more in where:
            place[more] = where[more]
    return place


def _message(address: Address, message_id: str) -> dict[str, Any]:
    message = {"chat_id": address.data["chat_id"], "message_id": int(message_id)}
    if "business_connection_id" in address.data:
        message["business_connection_id"] = address.data["business_connection_id"]
    return message


def _words(text: str, marked: Any, link_previews: bool) -> dict[str, Any]:
    words: dict[str, Any] = {"text": text}
    if marked:
        words["entities"] = marked
    if not link_previews and (marked or _LINK.search(text)):
        words["link_preview_options"] = {"is_disabled": True}
    return words


def _around(delivery: Delivery) -> dict[str, Any]:
    """What goes with a delivery's words: whom they answer, and how they can be answered."""
    where, question = delivery.address.data, delivery.question
    around: dict[str, Any] = {}
    is_text = question is not None and question.kind is QuestionKind.TEXT
    force_reply = is_text and "reply_to" in where
    if question is not None and question.options:
        around["reply_markup"] = {"inline_keyboard": keyboard(question)}
    elif force_reply:
        # Selective: the input field opens for whoever is quoted, and for nobody else.
        around["reply_markup"] = {"force_reply": True, "selective": True}
    return {**around, **(_quoting(where) if delivery.part == 0 or force_reply else {})}


def _quoting(where: Mapping[str, Any]) -> dict[str, Any]:
    quote = where.get("reply_to")
    if quote is None:
        return {}
    return {"reply_parameters": {"message_id": quote, "allow_sending_without_reply": True}}


def keyboard(question: Question) -> list[list[dict[str, str]]]:
    """The options as rows of buttons. `inbound` reads their `callback_data` (at most 64 bytes)."""
    labels = [label.strip() or str(n) for n, label in enumerate(question.options[:MAX_BUTTONS], 1)]
    longest = max(map(len, labels))
    width = next((width for most, width in _ROWS if longest <= most), 1)
    buttons = [
        {"text": label, "callback_data": f"q:{question.id}:{option}"}
        for option, label in enumerate(labels)
    ]
    return [buttons[at : at + width] for at in range(0, len(buttons), width)]


def split(text: str, *, is_markdown: bool) -> Sequence[Part]:
    """Parts of at most 4096 UTF-16 units, with their entities as `format`."""
    found = markdown.parts(text) if is_markdown else pieces(text)
    return [
        Part(text=piece.text, format={"entities": entities(piece.text, piece.spans)})
        if piece.spans
        else Part(text=piece.text)
        for piece in found
    ]
