"""Forms as Twilio posts them, and the settings of the numbers they are for."""

from __future__ import annotations

import unicodedata
from itertools import count
from typing import Any

import orjson

from adapters.twilio import inbound
from adapters.twilio.settings import SmsSettings, TwilioSettings, WhatsAppSettings
from gateway import Ignored, Inbound

ACCOUNT = "AC" + "1" * 32
TOKEN = "0123456789abcdef" * 2
OURS = "whatsapp:+15550001111"
OUR_NUMBER = "+15550001111"
ANN = "whatsapp:+15005550006"
ANNS_NUMBER = "+15005550006"
GROUP = "CH" + "2" * 32
AT = 1_790_000_000.25
PUBLIC = "https://chat.example.com"

_TURNING = (
    "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
_sids = count(1)


def sid(kind: str = "SM") -> str:
    """Another SID."""
    return f"{kind}{next(_sids):032x}"


def whatsapp(**keys: Any) -> WhatsAppSettings:
    """Settings of a WhatsApp number."""
    given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": OURS, **keys}
    return WhatsAppSettings.model_validate(given)


def sms(**keys: Any) -> SmsSettings:
    """Settings of a number for SMS."""
    given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": OUR_NUMBER, **keys}
    return SmsSettings.model_validate(given)


def form(body: Any = "Hello", **fields: Any) -> dict[str, Any]:
    """A WhatsApp message of Ann's; `...` leaves a field out."""
    whole = {
        "MessageSid": sid(),
        "AccountSid": ACCOUNT,
        "From": ANN,
        "To": OURS,
        "Body": body,
        "NumMedia": "0",
        "SmsStatus": "received",
        "ProfileName": "Ann",
        "WaId": ANNS_NUMBER[1:],
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def text_message(body: str = "Hello", **fields: Any) -> dict[str, Any]:
    """An SMS of Ann's."""
    given = {"From": ANNS_NUMBER, "To": OUR_NUMBER, "ProfileName": ..., "WaId": ..., **fields}
    return form(body, **given)


def group_message(body: Any = "Hello", **fields: Any) -> dict[str, Any]:
    """What Ann wrote in a group."""
    whole = {
        "EventType": "onMessageAdded",
        "AccountSid": ACCOUNT,
        "ConversationSid": GROUP,
        "MessageSid": sid("IM"),
        "ParticipantSid": sid("MB"),
        "Author": ANN,
        "Source": "WHATSAPP",
        "Index": "7",
        "Body": body,
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def disrupts(text: str) -> bool:
    """Whether it breaks a line, or turns the direction of what stands around it."""
    return any(unicodedata.category(c) == "Cc" or c in _TURNING for c in text)


def parse(
    form: dict[str, Any], settings: TwilioSettings | None = None, *, at: float = AT
) -> Inbound | Ignored:
    """Read a form as it is kept."""
    chosen = settings or whatsapp(conversations=True)
    return inbound.parse(orjson.dumps({"form": form, "at": at}), chosen)


def heard(form: dict[str, Any], settings: TwilioSettings | None = None) -> Inbound:
    """The same, where it is somebody's message."""
    event = parse(form, settings)
    assert isinstance(event, Inbound), event
    return event


def reason(form: dict[str, Any], settings: TwilioSettings | None = None) -> str:
    """Why a form needs nothing."""
    event = parse(form, settings)
    assert isinstance(event, Ignored), event
    return event.reason
