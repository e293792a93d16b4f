"""What Twilio's refusals mean for what was to be sent: of calls, and of messages it took before.

Each code stands in https://www.twilio.com/docs/api/errors; what is said here is said in our words,
since Twilio's own repeat numbers. A code that is not listed means what its HTTP status does.

https://www.twilio.com/docs/messaging/guides/debugging-tools
https://www.twilio.com/docs/whatsapp/tutorial/error-codes
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import hdrs

from gateway import (
    GatewayError,
    Held,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)

TOKEN_REFUSED = 60.0
"""Seconds to wait for a better token, or for somebody to mend the account."""
NOT_MENDED = 600.0
"""The same, for what was taken all the same, and did not arrive."""
CONSOLE = "https://console.twilio.com"
ERRORS = "https://www.twilio.com/docs/errors"
OUTSIDE_WINDOW = 63016
UNAUTHENTICATED = 20003
NOT_FOUND = 20404
CONTENT_REFUSED = frozenset({21654, 21655, 21656, 21657, 21658, 92005})
"""What is wrong is the Content or what fills it, and not the message."""

_SECOND = 1.0
_MINUTE = 60.0
_HOUR = 3600.0
# Raised while connecting, when not a byte of the request has left.
_BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.ServerFingerprintMismatch,
)


class _Kind(Enum):
    GONE = auto()
    HELD = auto()
    LIMITED = auto()
    ACCOUNT = auto()
    AGAIN = auto()
    REFUSED = auto()


_GONE = {
    21211: "the number they write from is none that can be written to",
    21268: "that is a premium number",
    21608: "a trial account writes to verified numbers only: upgrade it, or verify the number at"
    f" {CONSOLE}/us1/develop/phone-numbers/manage/verified",
    21610: "they have sent STOP",
    21614: "that number cannot receive SMS",
    21635: "that number is a landline",
    30004: "the message is blocked: they, or their carrier, want none from this number",
    30005: "that number is unknown or no longer in service",
    30006: "that number is a landline, or its carrier cannot be reached",
    50377: "that conversation is closed",
    63003: "nobody has that address any more",
    63014: "they have blocked this number",
    63015: "they have not joined the sandbox, or joined it more than three days ago: they join by"
    ' sending "join" and the sandbox\'s words, see'
    f" {CONSOLE}/us1/develop/sms/try-it-out/whatsapp-learn",
    63024: "nobody on WhatsApp has that number",
    63033: "they cannot be written to from this number",
    63036: "they cannot be reached on this channel",
    NOT_FOUND: "it is not there, or no longer",
}
_HELD = {
    OUTSIDE_WINDOW: "they last wrote more than 24 hours ago; sent when they write again",
}
_LIMITED = {
    14107: (_SECOND, "too many messages at once"),
    20429: (_SECOND, "too many requests at once"),
    21611: (_MINUTE, "the queue of this number holds ten hours of messages"),
    30001: (_MINUTE, "the queue of this number is full"),
    30017: (_MINUTE, "their carrier is congested"),
    30022: (_MINUTE, "the carriers take fewer messages than these from this number"),
    30023: (_HOUR, "the carriers take no more messages from this number today"),
    30027: (_HOUR, "the carriers take no more messages from this number today"),
    63018: (_MINUTE / 2, "WhatsApp takes fewer messages than these, from this number or to them"),
    63038: (_HOUR, "the account may send no more messages today"),
}
_ACCOUNT = {
    10001: "the account is not active",
    20003: f"the Account SID and the Auth Token do not belong together: {CONSOLE} shows both",
    20005: f"the account is not active: see {CONSOLE}",
    20006: "the account may not do this",
    20008: "this is a test credential, which sends nothing",
    20403: "the account may not do this",
    21212: "this number cannot send",
    21266: "this number cannot write to itself",
    21601: "this number cannot send SMS",
    21606: "this number is not the account's, or cannot send SMS",
    21659: "this number is none of Twilio's",
    21660: "this number belongs to another account",
    21661: "this number cannot send SMS",
    30002: "the account is suspended",
    30032: "this toll-free number is not verified",
    30033: "this number's campaign is suspended",
    30034: "this number is not registered for messages to the United States (A2P 10DLC)",
    30035: "this number is still being set up",
    30037: "the account may not send messages",
    63001: "WhatsApp does not accept the sender's credentials",
    63002: "WhatsApp does not know this number",
    63007: "this number is no WhatsApp sender of the account:"
    f" see {CONSOLE}/us1/develop/sms/senders/whatsapp-senders",
    63008: "the WhatsApp sender is not set up right",
    63020: "the invitation to WhatsApp's business account is not accepted yet",
    63022: "the WhatsApp sender's name is not certified",
    63051: "WhatsApp has locked the business account",
    63112: "WhatsApp has disabled the business account",
    63114: "WhatsApp has blocked the sender",
}
_AGAIN = {
    11200: "the file could not be fetched from this server: does gateway.public_url lead here?",
    20409: "it was being changed meanwhile",
    30008: "the carrier does not say why",
    30410: "the carrier did not answer",
    63009: "WhatsApp answered with an error",
    63010: "Twilio answered with an error",
    63012: "WhatsApp broke while at it",
    63019: "the file could not be fetched from this server: does gateway.public_url lead here?",
    63025: "the file is there already",
}
_REFUSED = {
    11751: "the file is too large",
    12300: "the file is of a type that cannot be sent",
    21408: "the account may not send to that country: allow it at"
    f" {CONSOLE}/us1/develop/sms/settings/geo-permissions",
    21609: "Twilio cannot call this server back: is gateway.public_url a public address?",
    21612: "this number cannot write to that one",
    21617: "it is longer than 1600 characters",
    21620: "the file's address is none that Twilio can fetch: is gateway.public_url public?",
    21621: "this number cannot send files",
    21622: "files cannot be sent to that country",
    21623: "it holds too many files",
    21655: "the content template is not there, or is another account's",
    21656: "the content template does not take these values",
    21910: "they are not on the same channel as this number",
    30003: "their phone is off or out of reach",
    30007: "the carrier filtered it as spam",
    30010: "it costs more than the account allows",
    30011: "files cannot be sent to that number",
    30019: "the file is too large for the carrier",
    30036: "it waited too long",
    63005: "WhatsApp did not take what it says, or the file",
    63006: "it cannot be formatted for WhatsApp",
    63013: "it violates WhatsApp's policy",
    63021: "WhatsApp did not take what it says",
    63027: "the template does not exist in this language",
    63028: "the template takes other values",
    63030: "the template takes other values",
    63032: "WhatsApp does not let them be written to like that",
    63040: "WhatsApp has rejected the template",
    63041: "WhatsApp has paused the template",
    63042: "WhatsApp has disabled the template",
    63049: "WhatsApp chose not to deliver it",
}


class TwilioRefused(GatewayError):
    """Twilio said that it will not, or did not; `code` is its number for why (0: it gave none),
    `status` that of HTTP (0: it was told later)."""

    code: int = 0
    status: int = 0


class _Rejected(TwilioRefused, Rejected):
    pass


class _Gone(TwilioRefused, RecipientGone):
    pass


class _Held(TwilioRefused, Held):
    pass


class _Limited(TwilioRefused, RateLimited):
    pass


class _Unavailable(TwilioRefused, Unavailable):
    pass


class _NotTaken(TwilioRefused, NotAccepted):
    pass


class _Broken(TwilioRefused, OutcomeUnknown):
    pass


def verdict(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> TwilioRefused:
    """What a refused call means: a `SendError`, or `Unavailable`."""
    code = _code(body.get("code"))
    error = _of_call(status, code, headers)
    error.code, error.status = code, status
    return error


def by_code(code: int, *, words: str = "") -> SendError:
    """What it means that a message which was taken did not arrive; `words` stand for a code that
    says nothing."""
    kind, wait, known = _meaning(code)
    said = _worded(code, known or words or "it was not delivered")
    error = _told_later(kind, said, wait)
    error.code = code
    return error


def _told_later(
    kind: _Kind, said: str, wait: float
) -> _Gone | _Held | _Limited | _NotTaken | _Rejected:
    if kind is _Kind.GONE:
        return _Gone(said)
    if kind is _Kind.HELD:
        return _Held(said)
    if kind is _Kind.LIMITED:
        return _Limited(said, retry_after=wait)
    if kind is _Kind.ACCOUNT:
        return _Limited(said, retry_after=NOT_MENDED)
    return _NotTaken(said) if kind is _Kind.AGAIN else _Rejected(said)


def not_twilio(what: str, status: int, headers: Mapping[str, str]) -> GatewayError:
    """What it means when a proxy answers, or Twilio in another way than it promises."""
    words = f"the answer to {what} ({status}) is not Twilio's"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(words, retry_after=_wait(headers, _SECOND))
    if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknown(words)
    return NotAccepted(words)


def of_failure(what: str, error: Exception) -> GatewayError:
    """Name a failure by its kind alone: aiohttp's own texts quote addresses."""
    name = type(error).__name__
    if isinstance(error, _BEFORE_SENDING):
        reason = getattr(error, "os_error", None)
        detail = f"{name} ({reason})" if reason else name
        return Unavailable(f"Twilio cannot be reached: {detail}")
    if isinstance(error, TimeoutError):
        return OutcomeUnknown(f"no answer to {what} in time")
    return OutcomeUnknown(f"the connection broke before the answer to {what}: {name}")


def _of_call(status: int, code: int, headers: Mapping[str, str]) -> TwilioRefused:
    kind, wait, known = _meaning(code)
    said = _worded(code, known or f"it refuses ({status})")
    if kind is _Kind.LIMITED or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _Limited(said, retry_after=_wait(headers, wait))
    if kind is _Kind.ACCOUNT or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _Unavailable(said, retry_after=TOKEN_REFUSED)
    if kind is _Kind.HELD:
        return _Held(said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return _Broken(said)
    if kind is _Kind.GONE or status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return _Gone(said)
    if kind is _Kind.AGAIN or status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT:
        return _NotTaken(said)
    return _Rejected(said)


def _meaning(code: int) -> tuple[_Kind, float, str]:
    """What a code means, how long to wait, and in words."""
    if code in _LIMITED:
        wait, words = _LIMITED[code]
        return _Kind.LIMITED, wait, words
    for kind, known in (
        (_Kind.GONE, _GONE),
        (_Kind.HELD, _HELD),
        (_Kind.ACCOUNT, _ACCOUNT),
        (_Kind.AGAIN, _AGAIN),
    ):
        if code in known:
            return kind, _SECOND, known[code]
    return _Kind.REFUSED, _SECOND, _REFUSED.get(code, "")


def _worded(code: int, words: str) -> str:
    return f"Twilio says {code}: {words} ({ERRORS}/{code})" if code else f"Twilio says: {words}"


def _code(given: Any) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) else 0


def _wait(headers: Mapping[str, str], otherwise: float) -> float:
    """Seconds that Twilio wants to be left alone for."""
    try:
        asked = float(headers.get(hdrs.RETRY_AFTER, ""))
    except ValueError:
        return otherwise
    # No wait at all would be a busy loop.
    return min(asked, _HOUR) if asked > 0.0 else otherwise
