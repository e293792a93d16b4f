"""The other end of a bench: Twilio's side of one WhatsApp number.

Messages come as signed forms. Each reply is taken by Messages.json, and what became of it is told
to its status callback: queued, sent, delivered, one after another. No limit is ever used up.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode

import orjson

from bench.end import End
from bench.wire import Messages

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "whatsapp:+15005550001"

_SENDER = "XE00000000000000000000000000000001"
_VERSION = "2010-04-01"
_PERSON = re.compile(rb"(?:^|&)To=whatsapp%3A%2B1500(\d{7})(?:&|$)")
_LIST: dict[str, Any] = {"messages": [], "page_size": 50, "page": 0, "next_page_uri": None}
_FORM = b"application/x-www-form-urlencoded; charset=UTF-8"
_STATUSES = ("queued", "sent", "delivered")
_EVENTS = {"sent": {"EventType": "SENT"}, "delivered": {"EventType": "DELIVERED"}}


class _Api(Messages):
    """The REST API: every call succeeds."""

    def __init__(self, end: Twilio) -> None:
        super().__init__()
        self._end = end

    def message(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST") and b"/Messages.json" in head[: head.index(b"\r\n")]:
            person = _PERSON.search(body)
            assert person is not None
            self._end.replied(int(person[1]))
            form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
            sid = self._end.next_sid()
            self.answer(orjson.dumps(_resource(sid, form)), status=b"201 Created")
            self._end.tell_status(sid, form)
        elif head.startswith(b"POST"):
            self.answer(b'{"success":true}')
        else:
            self.answer(orjson.dumps(_LIST))


class Twilio(End):
    """One WhatsApp number's Twilio."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)
        self._public = ""
        self._posts: list[asyncio.Task[None]] = []

    def peer(self) -> Messages:
        """The bot, calling."""
        return _Api(self)

    def aim(self, port: int) -> None:
        """Another bot."""
        super().aim(port)
        self._public = f"http://127.0.0.1:{port}"

    async def quiet(self) -> None:
        """Return once every status callback was taken. Raises `ConnectionError` if one was not."""
        posts, self._posts = self._posts, []
        await asyncio.gather(*posts)

    def next_sid(self) -> str:
        """A message's."""
        return f"SM{next(self._numbers):032x}"

    async def tell(self, person: int, text: str) -> None:
        """Post a message."""
        await self._post(f"{self._public}/webhooks/bench", _written(self.next_sid(), person, text))

    def tell_status(self, sid: str, sent: Mapping[str, str]) -> None:
        """Tell what becomes of the bot's own message, where it wants to know."""
        if "StatusCallback" in sent:
            self._posts.append(asyncio.create_task(self._tell_status(sid, sent)))

    async def _tell_status(self, sid: str, sent: Mapping[str, str]) -> None:
        with suppress(ConnectionRefusedError, ConnectionResetError):
            for status in _STATUSES:
                await self._post(sent["StatusCallback"], _became(sid, sent, status))

    async def _post(self, url: str, form: dict[str, str]) -> None:
        headers = b"X-Twilio-Signature: %b\r\nI-Twilio-Idempotency-Token: %b\r\n" % (
            _signature(url, form),
            form["MessageSid"].encode(),
        )
        path = url.removeprefix(self._public).encode()
        await self.hooks.post(urlencode(form).encode(), headers, path=path, media_type=_FORM)


def _written(sid: str, person: int, text: str) -> dict[str, str]:
    """https://www.twilio.com/docs/messaging/guides/webhook-request"""
    digits, name = f"1500{person:07}", f"Ada{person}"
    context = {"ProfileName": name, "WaId": digits}
    metadata = {"type": "whatsapp", "data": {"context": context}}
    return {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": name,
        "MessageType": "text",
        "SmsSid": sid,
        "WaId": digits,
        "SmsStatus": "received",
        "Body": text,
        "To": NUMBER,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "ChannelMetadata": orjson.dumps(metadata).decode(),
        "From": f"whatsapp:+{digits}",
        "ApiVersion": _VERSION,
    }


def _became(sid: str, sent: Mapping[str, str], status: str) -> dict[str, str]:
    """https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""
    return {
        "ChannelPrefix": "whatsapp",
        "ApiVersion": _VERSION,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "ChannelInstallSid": _SENDER,
        "To": sent["To"],
        "From": NUMBER,
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        **_EVENTS.get(status, {}),
    }


def _resource(sid: str, sent: Mapping[str, str]) -> dict[str, Any]:
    """https://www.twilio.com/docs/messaging/api/message-resource"""
    uri = f"/{_VERSION}/Accounts/{ACCOUNT}/Messages/{sid}"
    now = formatdate().replace("-0000", "+0000")
    return {
        "account_sid": ACCOUNT,
        "api_version": _VERSION,
        "body": sent.get("Body", ""),
        "date_created": now,
        "date_sent": None,
        "date_updated": now,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": NUMBER,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": sent["To"],
        "uri": f"{uri}.json",
    }


def _signature(url: str, form: Mapping[str, str]) -> bytes:
    """https://www.twilio.com/docs/usage/webhooks/webhooks-security"""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.digest(TOKEN.encode(), signed.encode(), "sha1"))
