"""What Twilio's API lists, as the webhook's forms that they would have come as. Pure.

https://www.twilio.com/docs/messaging/api/message-resource
https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource
https://www.twilio.com/docs/conversations-classic/conversations-webhooks
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from adapters.twilio.fields import a_string, is_address

Resource = dict[str, Any]


def form_of(message: Resource, media: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """A message that somebody sent to a number; `media` are addresses and media types.

    The list does not tell what people are called, nor which button it was that they pressed.
    """
    form = {
        "MessageSid": a_string(message, "sid"),
        "AccountSid": a_string(message, "account_sid"),
        "From": a_string(message, "from"),
        "To": a_string(message, "to"),
        "Body": a_string(message, "body"),
        "SmsStatus": "received",
    }
    files = list(media)
    for number, (url, media_type) in enumerate(files):
        form[f"MediaUrl{number}"] = url
        form[f"MediaContentType{number}"] = media_type
    return {**form, "NumMedia": str(len(files))}


def form_of_said(message: Resource) -> dict[str, str]:
    """A message in a conversation."""
    author, seat = a_string(message, "author"), a_string(message, "participant_sid")
    form = {
        "EventType": "onMessageAdded",
        "AccountSid": a_string(message, "account_sid"),
        "ConversationSid": a_string(message, "conversation_sid"),
        "MessageSid": a_string(message, "sid"),
        "Index": str(index_of(message)),
        "Author": author,
        "Body": a_string(message, "body"),
        "Attributes": a_string(message, "attributes"),
        "DateCreated": a_string(message, "date_created"),
        "Source": _source(author) if seat else "API",
    }
    media = message.get("media")
    listed = media if isinstance(media, list) else []
    files = [_file(one) for one in listed if isinstance(one, dict)]
    optional = {"ParticipantSid": seat, "Media": orjson.dumps(files).decode() if files else ""}
    return {**form, **{name: value for name, value in optional.items() if value}}


def index_of(message: Resource) -> int:
    """Where a message stands in its conversation; -1 where Twilio does not say."""
    index = message.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else -1


def sent_at(message: Resource) -> float:
    """When a message was sent, in whole seconds since the epoch; 0 where Twilio does not say."""
    return rfc_2822(message.get("date_sent")) or rfc_2822(message.get("date_created"))


def said_at(message: Resource) -> float:
    """When a message came into its conversation."""
    return iso_8601(a_string(message, "date_created"))


def iso_8601(text: str) -> float:
    """A time as Conversations tell it, in seconds since the epoch; 0 for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return _epoch(moment)


def rfc_2822(text: Any) -> float:
    """A time such as "Thu, 24 Aug 2023 05:01:45 +0000"; 0 where there is none."""
    if not isinstance(text, str):
        return 0.0
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return _epoch(moment)


def _epoch(moment: datetime) -> float:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return 0.0


def _source(author: str) -> str:
    """By which way it came: only those who are no numbers come by an SDK."""
    if author.startswith("whatsapp:"):
        return "WHATSAPP"
    return "SMS" if author.startswith("+") and is_address(author) else "SDK"


def _file(media: Resource) -> dict[str, Any]:
    size = media.get("size")
    return {
        "Sid": a_string(media, "sid"),
        "Filename": a_string(media, "filename"),
        "ContentType": a_string(media, "content_type"),
        "Size": size if isinstance(size, int) and 0 <= size < 2**53 else 0,
    }
