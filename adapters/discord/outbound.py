"""Deliveries and previews as calls of Discord's REST API. Pure, and free of any SDK.

https://docs.discord.com/developers/resources/message
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from adapters.discord.interactions import ORIGINAL, STOP
from adapters.discord.markdown import escaped, shown
from gateway import Address, Attachment, Delivery, Part, Preview, Question
from gateway.presentation import fits, markdown_parts, markdown_tail, plain_parts

MAX_TEXT = 2000
"""What Discord takes of text; in UTF-16 units, in which a text is never shorter than as it counts.
https://docs.discord.com/developers/resources/message#create-message"""
MAX_UPLOAD = 10 * 2**20
"""Bytes. https://docs.discord.com/developers/reference#uploading-files"""
MAX_LABEL = 80
BUTTONS_IN_ROW = 5
MAX_BUTTONS = 25

_TAIL = 1600
"""Units of an unfinished answer's end that are shown: Discord's Markdown may need more of them."""
_SUPPRESS_EMBEDS = 4
_ROW = 1
_BUTTON = 2
_GREY = 2
_BLUE = 1
_STOP_ROW = {
    "type": _ROW,
    "components": [{"type": _BUTTON, "style": _GREY, "label": "Stop", "custom_id": STOP}],
}
_OF_CHANNELS = frozenset({"nonce", "enforce_nonce", "message_reference"})
_PLAIN: Mapping[str, Any] = {"plain": True}
_FILE_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff/\\\"]+")
_LETTERS = re.compile(r"[^a-z0-9]+")

Call = tuple[str, dict[str, Any]]
"""A path below the API's address, and the body that goes there."""


# Words


def split(text: str, *, markdown: bool) -> Sequence[Part]:
    """Parts of at most 2000 units. A notice's are escaped when they are sent, not before."""
    if not markdown:
        return [Part(text=part, format=_PLAIN) for part in _plain(text)]
    found = markdown_parts(shown(text), MAX_TEXT)
    return [Part(text=part) for part in found if part.strip()] or [Part(text=text)]


def _plain(text: str) -> Sequence[str]:
    """Parts that fit when they are escaped, too; that makes none more than twice as long."""
    limit = MAX_TEXT
    while True:
        parts = plain_parts(text, limit)
        if limit <= MAX_TEXT // 2 or all(fits(escaped(part), MAX_TEXT) for part in parts):
            return parts
        limit = max(limit * 4 // 5, MAX_TEXT // 2)


def content(delivery: Delivery) -> str:
    """A delivery's words as Discord takes them, and the options that no button shows."""
    words = delivery.text
    return escaped(words) if delivery.format.get("plain") else words


# Calls


def create_message(delivery: Delivery, *, link_previews: bool = False) -> Call:
    """The message that a delivery is; sent again, it stays the same one."""
    body = {
        **_words(content(delivery), link_previews=link_previews),
        **_nonce(delivery.id),
        **_around(delivery),
        **_replying(delivery),
    }
    return messages_path(delivery.address), body


def create_list(delivery: Delivery, *, link_previews: bool = False) -> Iterator[Call]:
    """The messages that go ahead of a question, with those of its options that no button shows."""
    options = listed(delivery.question) if delivery.question is not None else ""
    for number, part in enumerate(_plain(options) if options else ()):
        words = _words(escaped(part), link_previews=link_previews)
        yield messages_path(delivery.address), {**words, **_nonce(f"{delivery.id}:{number}")}


def edit_message(delivery: Delivery, *, link_previews: bool = False) -> Call:
    """The edit that makes a preview the answer; made again, it changes nothing."""
    words = _words(content(delivery), link_previews=link_previews)
    body = {**words, "components": [], **_around(delivery)}
    return message_path(delivery.address, delivery.replaces), body


def create_preview(preview: Preview, *, nonce: str, link_previews: bool = False) -> Call:
    """The message that shows an answer while it is being written, with a button that stops it."""
    body = {**_preview(preview, link_previews), **_nonce(nonce), **_reference(preview.address)}
    return messages_path(preview.address), body


def edit_preview(preview: Preview, *, link_previews: bool = False) -> Call:
    """The edit that shows more of it."""
    return message_path(preview.address, preview.message_id), _preview(preview, link_previews)


def messages_path(address: Address) -> str:
    """Where a channel's messages are."""
    return f"/channels/{_segment(address.data.get('channel', address.destination))}/messages"


def message_path(address: Address, message_id: str) -> str:
    """Where one of our messages is: a slash command's own is found by the command's token."""
    if message_id != ORIGINAL:
        return f"{messages_path(address)}/{_segment(message_id)}"
    return f"{_hook_path(address)}/messages/{ORIGINAL}"


def follow_up(address: Address, body: Mapping[str, Any]) -> Call | None:
    """The same message by a slash command's token, if it answers one.
    https://docs.discord.com/developers/resources/webhook#execute-webhook"""
    if not address.data.get("interaction"):
        return None
    return _hook_path(address), {name: body[name] for name in body if name not in _OF_CHANNELS}


def _hook_path(address: Address) -> str:
    interaction = address.data.get("interaction") or {}
    names = (_segment(interaction.get(name, "")) for name in ("application", "token"))
    return f"/webhooks/{'/'.join(names)}"


def _segment(value: object) -> str:
    return quote(str(value), safe="")


def _words(text: str, *, link_previews: bool) -> dict[str, Any]:
    """Text in which nobody is called: what looks like a mention reaches no one.
    https://docs.discord.com/developers/resources/message#allowed-mentions-object"""
    return {
        "content": text,
        "allowed_mentions": {"parse": [], "replied_user": False},
        "flags": 0 if link_previews else _SUPPRESS_EMBEDS,
    }


def _nonce(name: str) -> dict[str, Any]:
    """At most 25 characters by which Discord knows a message that it has already, for minutes."""
    digest = hashlib.blake2b(name.encode(), digest_size=15).digest()
    return {"nonce": b32encode(digest).decode().lower(), "enforce_nonce": True}


def _around(delivery: Delivery) -> dict[str, Any]:
    around: dict[str, Any] = {}
    if delivery.question is not None and delivery.question.options:
        around["components"] = rows(delivery.question)
    if delivery.attachment is not None:
        # All that the message is to have: made again, an edit adds none.
        around["attachments"] = [{"id": 0, "filename": file_name(delivery.attachment)}]
    return around


def _replying(delivery: Delivery) -> dict[str, Any]:
    return _reference(delivery.address) if delivery.part == 0 else {}


def _reference(address: Address) -> dict[str, Any]:
    """Only an answer's first part refers to what it answers."""
    message_id = address.data.get("reply_to")
    if not message_id:
        return {}
    reference = {"message_id": str(message_id), "fail_if_not_exists": False}
    return {"message_reference": reference}


def _preview(preview: Preview, link_previews: bool) -> dict[str, Any]:
    words = _words(preview_text(preview.text), link_previews=link_previews)
    return {**words, "components": [_STOP_ROW]}


def preview_text(text: str) -> str:
    """The end of an answer that is being written, as much as fits."""
    piece = shown(markdown_tail(text, _TAIL, tables=True))
    return piece if fits(piece, MAX_TEXT) else markdown_tail(piece, MAX_TEXT)


# Questions


def rows(question: Question) -> list[dict[str, Any]]:
    """The options as rows of buttons. `inbound` reads their `custom_id` (at most 100 characters).
    https://docs.discord.com/developers/components/reference#button"""
    buttons = [
        {
            "type": _BUTTON,
            "style": _BLUE,
            "label": _label(option, number),
            "custom_id": f"q:{question.id}:{number}",
        }
        for number, option in enumerate(question.options[:MAX_BUTTONS])
    ]
    return [
        {"type": _ROW, "components": buttons[at : at + BUTTONS_IN_ROW]}
        for at in range(0, len(buttons), BUTTONS_IN_ROW)
    ]


def listed(question: Question) -> str:
    """Those options, numbered, that no button shows whole: they are answered by number or name."""
    return "\n".join(
        f"{number + 1}. {' '.join(option.split())}"
        for number, option in enumerate(question.options)
        if number >= MAX_BUTTONS or not fits(option.strip(), MAX_LABEL)
    )


def _label(option: str, number: int) -> str:
    label = " ".join(option.split()) or str(number + 1)
    if fits(label, MAX_LABEL):
        return label
    start = f"{number + 1}. {label}"
    return next(start[:end] for end in range(MAX_LABEL, 0, -1) if fits(start[:end], 79)) + "…"


# Files


def carries(attachment: Attachment) -> bool:
    """Whether Discord takes a file of this size from a bot."""
    return 0 < attachment.size <= MAX_UPLOAD


def file_name(attachment: Attachment) -> str:
    """A name that can stand in a header."""
    return _FILE_NAME.sub("_", attachment.name).strip()[-120:] or "file"


# What stands there already


def is_same(message: Mapping[str, Any], delivery: Delivery) -> bool:
    """Whether a message of ours, as Discord tells of it, is this delivery."""
    said = message.get("content")
    if not isinstance(said, str) or _spaced(said) != _spaced(content(delivery)):
        return False
    if _has_stop(message.get("components")):
        return False
    told = message.get("attachments")
    files = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    if delivery.attachment is None:
        return not files
    return len(files) == 1 and _is_file(files[0], delivery.attachment)


def _is_file(told: Mapping[str, Any], attachment: Attachment) -> bool:
    """Discord changes what it does not like in a name."""
    names = (str(told.get("filename", "")), file_name(attachment))
    ours, theirs = (_LETTERS.sub("", name.casefold()) for name in names)
    return told.get("size") == attachment.size and ours == theirs


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _has_stop(components: object) -> bool:
    """Whether it is an answer's preview, which says nothing yet."""
    return STOP in {
        button.get("custom_id")
        for row in (components if isinstance(components, list) else ())
        if isinstance(row, dict)
        for button in row.get("components") or ()
        if isinstance(button, dict)
    }
