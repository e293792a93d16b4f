"""Deliveries as the forms of Twilio's calls. Pure.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message
https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from adapters.twilio import content, markup, plain
from adapters.twilio.fields import is_phone
from adapters.twilio.settings import TwilioSettings
from gateway import Address, Attachment, Delivery, Part, Participant, Question
from gateway.presentation import numbered, units

TEMPLATE_MARK = "template"
"""In the address of a status callback: the message went out as a template."""
MAX_TEMPLATE_TEXT = 1024
"""UTF-16 units that a template's placeholder takes: WhatsApp lets its body have no more.
https://www.twilio.com/docs/content/using-variables-with-content-api"""
MAX_IMAGE = 5_000_000
MAX_WHATSAPP = 16_000_000
MAX_MMS = 5_000_000
MAX_MMS_OTHER = 600_000
"""What is no picture is not made smaller for carriers, and most take no more.
https://www.twilio.com/docs/messaging/guides/accepted-mime-types"""

_PICTURES = frozenset({"image/jpeg", "image/jpg", "image/png"})
# https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages
_WHATSAPP_IMAGES = _PICTURES | {"image/webp"}
_WHATSAPP_FILES = frozenset(
    {
        "application/msword",
        "application/pdf",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "audio/3gpp",
        "audio/aac",
        "audio/amr",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "text/plain",
        "text/vcard",
        "text/x-vcard",
        "video/3gpp",
        "video/mp4",
    }
)
_MMS_PICTURES = _PICTURES | {"image/gif"}
_MMS_FILES = frozenset(
    {
        "application/pdf",
        "application/vcard",
        "application/vnd.apple.pkpass",
        "text/calendar",
        "text/csv",
        "text/directory",
        "text/richtext",
        "text/rtf",
        "text/vcard",
        "text/x-vcard",
    }
)
_MMS_KINDS = frozenset({"audio", "image", "video"})


# Texts


def split(text: str, settings: TwilioSettings, *, markdown: bool) -> Sequence[Part]:
    """Parts of at most 1600 characters, in WhatsApp's dialect or as plain text."""
    if settings.whatsapp:
        return markup.parts(text) if markdown else markup.literal_parts(text)
    return plain.parts(text) if markdown else plain.literal_parts(text)


def spell(text: str, question: Question, address: Address, settings: TwilioSettings) -> str:
    """A question's text, with its options numbered below where there are no buttons for them."""
    if not question.options or not text.strip():
        return text
    if _has_buttons(address, settings):
        last = split(text, settings, markdown=True)[-1]
        if content.ask(last.text, question) is not None:
            return text
    return f"{text}\n\n{numbered(question.options)}"


def ask(delivery: Delivery, settings: TwilioSettings) -> content.Content | None:
    """The buttons that a delivery's question is asked with; None where it is asked in words."""
    question = delivery.question
    if question is None or delivery.attachment is not None:
        return None
    if not _has_buttons(delivery.address, settings) or _is_spelled(
        delivery.text, question, settings
    ):
        return None
    return content.ask(delivery.text, question)


def spelled(delivery: Delivery, settings: TwilioSettings) -> str:
    """A delivery's text, with the options of its question numbered, whatever becomes of buttons.

    It fits one message: what could have had buttons is short.
    """
    question = delivery.question
    if question is None or not question.options:
        return delivery.text
    if _is_spelled(delivery.text, question, settings):
        return delivery.text
    return f"{delivery.text}\n\n{_options(question, settings)}"


def _is_spelled(text: str, question: Question, settings: TwilioSettings) -> bool:
    """Whether the options stand in the text, or in the parts before it: the last one ends it."""
    options = _options(question, settings)
    return text.rstrip().rpartition("\n")[2] == options.rpartition("\n")[2]


def _options(question: Question, settings: TwilioSettings) -> str:
    parts = split(numbered(question.options), settings, markdown=True)
    return "\n".join(part.text for part in parts).rstrip()


def _has_buttons(address: Address, settings: TwilioSettings) -> bool:
    """Whether there are buttons: what is relayed to a group's members has none."""
    wanted = settings.whatsapp and bool(getattr(settings, "quick_replies", False))
    return wanted and not is_group(address)


# Messages


def message(
    delivery: Delivery,
    settings: TwilioSettings,
    *,
    callback: str = "",
    text: str | None = None,
    media: str = "",
    filled: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The form of a message to one person: a text, a file at an address, or a Content with what
    fills it."""
    form = {"To": person(delivery.address), "From": settings.from_}
    if filled is not None:
        form |= filled
    else:
        said = delivery.text if text is None else text
        form |= {"Body": said} if said.strip() else {}
        form |= {"MediaUrl": media} if media else {}
    return {**form, "StatusCallback": callback} if callback else form


def template(settings: TwilioSettings, text: str) -> dict[str, str]:
    """What fills a message made of the channel's template."""
    sid = getattr(settings, "template", "")
    variable = getattr(settings, "template_variable", "")
    form = {"ContentSid": sid}
    if variable and text:
        form["ContentVariables"] = orjson.dumps({variable: text}).decode()
    return form


def in_template(delivery: Delivery, settings: TwilioSettings) -> str:
    """The text that a template can carry whole; empty where it cannot.

    Placeholders take neither line ends nor tabs, nor more than four spaces.
    https://www.twilio.com/docs/api/errors/21656
    """
    if delivery.attachment is not None or not getattr(settings, "template_variable", ""):
        return ""
    text = collapsed(spelled(delivery, settings))
    return text if units(text) <= MAX_TEMPLATE_TEXT else ""


def invitation(delivery: Delivery, settings: TwilioSettings) -> str:
    """What fills the placeholder of a template that only invites to write: how it begins."""
    if not getattr(settings, "template_variable", ""):
        return ""
    text = collapsed(delivery.text)
    if not text and delivery.attachment is not None:
        text = collapsed(delivery.attachment.name)
    while units(text) > MAX_TEMPLATE_TEXT:
        text = f"{text[: len(text) * 3 // 4].rstrip('…')}…"
    return text or "…"


def conversation_message(
    delivery: Delivery, settings: TwilioSettings, *, media: str = ""
) -> dict[str, str]:
    """The form of a message to a group."""
    attributes = orjson.dumps({"delivery": delivery.id}).decode()
    form = {"Author": settings.identity_name, "Attributes": attributes}
    if delivery.text.strip():
        form["Body"] = delivery.text
    return {**form, "MediaSid": media} if media else form


def callback(public_url: str, channel: str, delivery: str = "", *, template: bool = False) -> str:
    """Where Twilio tells what became of a message."""
    if not public_url:
        return ""
    query = {"delivery": delivery} if delivery else {}
    query |= {TEMPLATE_MARK: "1"} if template else {}
    address = f"{public_url.rstrip('/')}/webhooks/{channel}/status"
    return f"{address}?{urlencode(query)}" if query else address


def typing(address: Address) -> dict[str, str] | None:
    """The form that shows somebody typing; None where nothing of the person's is known.

    https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource
    """
    sid = address.data.get("sid")
    if not isinstance(sid, str) or not sid or is_group(address):
        return None
    return {"messageId": sid, "channel": "whatsapp"}


# Addresses


def person(address: Address) -> str:
    """Whom a direct message goes to."""
    return _text(address.data, "to") or address.destination


def private_address(who: Participant) -> Address | None:
    """A message to a member's own number, which the group's others do not get; None for who takes
    part from a program and has no number."""
    if not is_phone(who.id):
        return None
    return Address(destination=who.id, data={"to": who.id})


def is_group(address: Address) -> bool:
    """Whether it is a conversation, or a group that has none yet."""
    return "conversation" in address.data or "members" in address.data


def conversation(address: Address) -> str:
    """A group's conversation; empty where it has none yet."""
    return _text(address.data, "conversation")


def members(address: Address) -> tuple[str, ...]:
    """Who is in a group that has no conversation yet."""
    named = address.data.get("members")
    return tuple(str(one) for one in named) if isinstance(named, list | tuple) else ()


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


# Files


def carries(attachment: Attachment, settings: TwilioSettings) -> bool:
    """Whether WhatsApp, or MMS, takes a file of this type and size."""
    media_type, size = media_type_of(attachment), attachment.size
    if settings.whatsapp:
        known = _WHATSAPP_IMAGES | _WHATSAPP_FILES
        limit = MAX_IMAGE if media_type in _WHATSAPP_IMAGES else MAX_WHATSAPP
        return media_type in known and 0 < size <= limit
    known_kind = media_type.partition("/")[0] in _MMS_KINDS
    limit = MAX_MMS if media_type in _MMS_PICTURES else MAX_MMS_OTHER
    return (known_kind or media_type in _MMS_FILES) and 0 < size <= limit


def media_type_of(attachment: Attachment) -> str:
    """A file's type without its parameters."""
    return attachment.media_type.partition(";")[0].strip().lower()


def collapsed(text: str) -> str:
    """A text on one line, with single spaces."""
    return " ".join(text.split())
