"""What stands in the forms that Twilio posts.

https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/conversations-classic/conversations-webhooks
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from adapters.twilio.simulation.model import (
    Button,
    Conversation,
    Form,
    Participant,
    Person,
    Spoken,
    Text,
)

API_VERSION = "2010-04-01"
_KINDS = {"image": "image", "audio": "audio", "video": "video", "application": "document"}
_PLACES: Mapping[str, str] = {
    "ToCountry": "US",
    "ToState": "CA",
    "ToCity": "SAN FRANCISCO",
    "ToZip": "94105",
    "FromCountry": "US",
    "FromState": "CA",
    "FromCity": "SAN FRANCISCO",
    "FromZip": "94103",
}
CALLBACK_EVENTS = {"delivered": "DELIVERED", "read": "READ", "sent": "SENT"}


def iso(at: float) -> str:
    """A time as the newer products spell it, with milliseconds in webhooks."""
    whole = datetime.fromtimestamp(at, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{whole.microsecond // 1000:03}Z"


def message_form(account_sid: str, base_url: str, text: Text, extra: Mapping[str, str]) -> Form:
    """A message to a number."""
    person = text.person
    media = {
        key: value
        for number, file in enumerate(text.files)
        for key, value in (
            (f"MediaUrl{number}", media_url(account_sid, base_url, text.sid, file.sid)),
            (f"MediaContentType{number}", file.media_type),
        )
    }
    others = {f"OtherRecipients{n}": number for n, number in enumerate(text.others)}
    return {
        "SmsMessageSid": text.sid,
        "NumMedia": str(len(text.files)),
        **(_whatsapp(text, person) if text.number.kind == "whatsapp" and person else _PLACES),
        "SmsSid": text.sid,
        "SmsStatus": "received",
        "Body": text.body,
        "To": text.number.address,
        "NumSegments": str(max(1, math.ceil(len(text.body) / 160))),
        "MessageSid": text.sid,
        "AccountSid": account_sid,
        "From": text.other,
        "ApiVersion": API_VERSION,
        **media,
        **others,
        **extra,
    }


def media_url(account_sid: str, base_url: str, message: str, media: str) -> str:
    """Where a file of a message can be had."""
    return f"{base_url}/{API_VERSION}/Accounts/{account_sid}/Messages/{message}/Media/{media}"


def _whatsapp(text: Text, person: Person) -> Form:
    """What is known of somebody on WhatsApp: less, if they hide their number."""
    digits = person.phone.rpartition("+")[2]
    known = {"ProfileName": person.name}
    if person.privacy != "hidden":
        known["WaId"] = digits
    metadata = {"type": "whatsapp", "data": {"context": known}}
    ids = {} if person.privacy == "phone" else {"ExternalUserId": person.user_id}
    return {
        **known,
        **ids,
        "MessageType": _message_type(text),
        "ReferralNumMedia": "0",
        "ChannelMetadata": orjson.dumps(metadata).decode(),
    }


def _message_type(text: Text) -> str:
    if not text.files:
        return "text"
    media_type = text.files[0].media_type
    if media_type in {"text/vcard", "text/x-vcard"}:
        return "contacts"
    return _KINDS.get(media_type.partition("/")[0], "document")


def press_fields(button: Button, question: Text) -> Form:
    """What stands in the form of a pressed button, beside its label as the body."""
    chosen = (
        {
            "ListId": button.payload,
            "ListTitle": button.label,
            **({"ListDescription": button.description} if button.description else {}),
        }
        if button.listed
        else {"ButtonPayload": button.payload, "ButtonText": button.label}
    )
    return {"MessageType": "interactive", **chosen, **reply_fields(question)}


def reply_fields(replied: Text) -> Form:
    """What names the message that is replied to."""
    sender = replied.other if replied.inbound else replied.number.address
    return {
        "OriginalRepliedMessageSender": sender,
        "OriginalRepliedMessageSid": replied.sid,
    }


def status_form(account_sid: str, text: Text, status: str) -> Form:
    """A status callback; https://www.twilio.com/docs/messaging/guides/track-outbound-message-status."""
    form = {
        "ApiVersion": API_VERSION,
        "MessageStatus": status,
        "SmsSid": text.sid,
        "SmsStatus": status,
        "To": text.other,
        "From": text.number.address,
        "MessageSid": text.sid,
        "AccountSid": account_sid,
    }
    if text.number.kind == "whatsapp":
        form |= {"ChannelPrefix": "whatsapp", "ChannelInstallSid": text.number.sender}
        if status in CALLBACK_EVENTS:
            form["EventType"] = CALLBACK_EVENTS[status]
    if status in {"failed", "undelivered"} and text.code is not None:
        form["ErrorCode"] = str(text.code)
        form |= {"EventType": "UNDELIVERED"} if "ChannelPrefix" in form else {}
    return form


# Conversations


def _conversation_form(account_sid: str, talk: Conversation, event: str) -> Form:
    return {
        "EventType": event,
        "AccountSid": account_sid,
        "ChatServiceSid": talk.service,
        "ConversationSid": talk.sid,
        "RetryCount": "0",
    }


def added_form(account_sid: str, talk: Conversation, spoken: Spoken) -> Form:
    """Somebody said something in a conversation."""
    media = [
        {
            "Sid": file.sid,
            "Filename": file.name,
            "ContentType": file.media_type,
            "Size": len(file.content),
        }
        for file in spoken.files
    ]
    return {
        **_conversation_form(account_sid, talk, "onMessageAdded"),
        "Attributes": spoken.attributes,
        "DateCreated": iso(spoken.at),
        "Index": str(spoken.index),
        "MessageSid": spoken.sid,
        "Source": spoken.source,
        "Author": spoken.author,
        **({"ParticipantSid": spoken.participant} if spoken.participant else {}),
        **({"Body": spoken.body} if spoken.body or not media else {}),
        **({"Media": orjson.dumps(media).decode()} if media else {}),
    }


def updated_form(account_sid: str, talk: Conversation, spoken: Spoken, by: str) -> Form:
    """A message has another text."""
    return {
        **_conversation_form(account_sid, talk, "onMessageUpdated"),
        "MessageSid": spoken.sid,
        "Index": str(spoken.index),
        "Author": spoken.author,
        "Attributes": spoken.attributes,
        "Body": spoken.body,
        "ModifiedBy": by,
        "DateCreated": iso(spoken.at),
        "DateUpdated": iso(spoken.updated),
    }


def removed_form(account_sid: str, talk: Conversation, spoken: Spoken, at: float) -> Form:
    """A message is gone."""
    return {
        **_conversation_form(account_sid, talk, "onMessageRemoved"),
        "MessageSid": spoken.sid,
        "Index": str(spoken.index),
        "Author": spoken.author,
        "Attributes": spoken.attributes,
        "Body": spoken.body,
        "DateCreated": iso(spoken.at),
        "DateRemoved": iso(at),
    }


def delivery_form(
    account_sid: str,
    talk: Conversation,
    spoken: Spoken,
    participant: Participant,
    sids: tuple[str, str],
    code: int | None,
) -> Form:
    """What became of a message for one of the members; `sids` are the receipt's and the text's."""
    return {
        **_conversation_form(account_sid, talk, "onDeliveryUpdated"),
        "MessageSid": spoken.sid,
        "ParticipantSid": participant.sid,
        "DeliveryReceiptSid": sids[0],
        "ChannelMessageSid": sids[1],
        "Status": "delivered" if code is None else "undelivered",
        **({} if code is None else {"ErrorCode": str(code)}),
    }


def member_form(
    account_sid: str, talk: Conversation, participant: Participant, *, added: bool
) -> Form:
    """Somebody came or went."""
    event = "onParticipantAdded" if added else "onParticipantRemoved"
    address = participant.address or ""
    binding = {
        "MessagingBinding.Type": "whatsapp" if address.startswith("whatsapp:") else "sms",
        "MessagingBinding.Address": address,
    }
    if participant.proxy:
        binding["MessagingBinding.ProxyAddress"] = participant.proxy
    return {
        **_conversation_form(account_sid, talk, event),
        "ParticipantSid": participant.sid,
        **(binding if address else {}),
        **({"Identity": participant.identity} if participant.identity else {}),
        "DateCreated": iso(participant.at),
    }
