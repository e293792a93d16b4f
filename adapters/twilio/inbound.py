"""Raw events of Twilio, read as what they mean to the gateway. Pure, and free of any SDK.

What is read is a webhook's form as JSON, `{"form": {…}, "at": seconds, "fetched": true}`; `at` is
when it was taken, or when the message was sent where it was fetched later.
https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from adapters.twilio import attachments, conversations, opting_out
from adapters.twilio.fields import (
    Fields,
    a_sid,
    a_string,
    an_address,
    bare,
    in_one_line,
    is_address,
    is_number,
    is_true,
    picked,
)
from adapters.twilio.opting_out import Wish
from adapters.twilio.settings import TwilioSettings
from gateway import (
    Action,
    Address,
    Attachment,
    Conversation,
    ConversationKind,
    Ignored,
    Inbound,
    Participant,
    Press,
    UnreadableUpdate,
)

__all__ = ["GROUP_MMS", "parse", "read"]

GROUP_MMS = "mms:"
"""How the ids of groups begin that have only numbers, and no Conversation yet."""
LONGEST_NAME = 80
LATEST = 1e12
"""Beyond every time of a message, in seconds."""

_MESSAGE = ("SM", "MM")
_RECEIVED = frozenset({"", "received", "receiving"})
_OTHER_RECIPIENT = re.compile(r"OtherRecipients[0-9]{1,3}")
_JOIN = re.compile(r"join \S+", re.IGNORECASE)
_WA_ID = re.compile(r"[0-9]{6,15}")
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,12})?")
_REASONS = {
    Wish.STOP: "they want no more messages",
    Wish.START: "they want messages again",
    Wish.HELP: "they asked for help, and Twilio answered",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A form, and when it was taken; 0: not known."""

    form: Fields
    at: float


def read(raw: bytes) -> Event:
    """The form of an event as it is kept, or by itself. Raises `UnreadableUpdate`."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableUpdate(f"the event is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableUpdate("the event is not an object")
    form, at = value.get("form", value), value.get("at", 0.0)
    if not isinstance(form, dict):
        raise UnreadableUpdate("form is not an object")
    known = type(at) in (int, float) and 0 <= at < LATEST
    return Event(form=form, at=float(at) if known else 0.0)


def parse(raw: bytes, settings: TwilioSettings) -> Inbound | Ignored:
    """Read one event as it arrived.

    Raises `UnreadableUpdate`, which names the field that is missing or not what it should be.
    """
    event = read(raw)
    form = event.form
    if a_string(form, "EventType").startswith("on"):
        return conversations.parse(form, settings)
    if "CallSid" in form:
        return Ignored(reason="a call, and nothing here speaks")
    if "MessageStatus" in form or a_string(form, "SmsStatus") not in _RECEIVED:
        return Ignored(reason="what became of a message belongs to the webhook's /status")
    return _message(event, settings)


def _message(event: Event, settings: TwilioSettings) -> Inbound | Ignored:
    form = event.form
    sid, account = a_sid(form, "MessageSid", _MESSAGE), a_sid(form, "AccountSid", ("AC",))
    sender, to = an_address(form, "From"), an_address(form, "To")
    if reason := _not_ours(form, account, sender, to, settings):
        return Ignored(reason=reason, event_id=sid)
    others = _others(form, sender, to)
    if others and not settings.conversations:
        reason = "a group's message; set conversations = true to take part in groups"
        return Ignored(reason=reason, event_id=sid)
    press, (text, files) = _press(form), _content(form, settings)
    if press is None and not text.strip():
        return Ignored(reason="a message without content", event_id=sid)
    conversation, address = _place(sender, others, event, sid)
    return Inbound(
        event_id=sid,
        conversation=conversation,
        participant=_participant(form, sender),
        address=address,
        text="" if press else text,
        action=Action.PRESS if press else Action.MESSAGE,
        order=int(event.at * 1000),
        addressed=not others,
        message_id=sid,
        press=press,
        attachments=() if press else files,
        also=also(form, sender),
    )


def _not_ours(form: Fields, account: str, sender: str, to: str, settings: TwilioSettings) -> str:
    """Why a message is not for this channel, or not for its agent; empty if it is."""
    if not settings.is_account(account):
        return f"a message to another account, {account}"
    if not settings.is_ours(to):
        return f"a message to another number, {bare(to)}"
    if sender == settings.from_:
        return "the number's own message"
    if wanted := opting_out.wish(form, settings):
        return _REASONS[wanted]
    if settings.sandbox and _JOIN.fullmatch(a_string(form, "Body").strip()):
        return "they joined the sandbox"
    return ""


# Who, and where


def _participant(form: Fields, sender: str) -> Participant:
    """Somebody by their address, as the platform shows it; lists of people may have any other."""
    name = in_one_line(a_string(form, "ProfileName"), LONGEST_NAME) or bare(sender)
    number = bare(sender) if is_number(sender) else ""
    wa_id = a_string(form, "WaId")
    by_wa_id = (wa_id, f"+{wa_id}") if _WA_ID.fullmatch(wa_id) else ()
    aliases = (number, number[1:], *by_wa_id, *also(form, sender))
    known = dict.fromkeys(alias for alias in aliases if alias and alias != sender)
    return Participant(id=sender, name=name, aliases=tuple(known))


def also(form: Fields, sender: str) -> tuple[str, ...]:
    """The other addresses of this very person: who hides the number has an id instead.

    https://www.twilio.com/docs/whatsapp/business-scoped-user-ids
    """
    found = []
    external, wa_id = a_string(form, "ExternalUserId"), a_string(form, "WaId")
    if external.startswith("whatsapp:") and is_address(external):
        found.append(external)
    if sender.startswith("whatsapp:") and not is_number(sender) and _WA_ID.fullmatch(wa_id):
        found.append(f"whatsapp:+{wa_id}")
    return tuple(one for one in dict.fromkeys(found) if one != sender)


def _others(form: Fields, sender: str, ours: str) -> tuple[str, ...]:
    """Everybody else in a group MMS; nobody in any other message."""
    named = {a_string(form, field) for field in form if _OTHER_RECIPIENT.fullmatch(field)}
    people = {one for one in named if is_address(one) and "," not in one}
    return tuple(sorted(people - {sender, ours}))


def _place(
    sender: str, others: tuple[str, ...], event: Event, sid: str
) -> tuple[Conversation, Address]:
    if others:
        members = sorted({sender, *others})
        group = GROUP_MMS + ",".join(members)
        address = Address(destination=group, data={"members": members})
        return Conversation(kind=ConversationKind.GROUP, id=group), address
    # When they last wrote tells for how long they may be written to.
    when = {"at": event.at} if event.at else {}
    address = Address(destination=sender, data={"to": sender, "sid": sid, **when})
    return Conversation(kind=ConversationKind.DIRECT, id=sender), address


# What


def _press(form: Fields) -> Press | None:
    """The option that was picked, if the gateway asked; other buttons say what stands on them."""
    found = picked(form)
    return Press(question_id=found[0], option=found[1]) if found else None


def _content(form: Fields, settings: TwilioSettings) -> tuple[str, tuple[Attachment, ...]]:
    """What is said, with what cannot be shown in words; and the files."""
    files, missing = attachments.of_message(form, settings)
    said = a_string(form, "Body") or a_string(form, "ButtonText") or a_string(form, "ListTitle")
    if attachments.document_name(form):
        said = ""
    lines = [line for line in (said, _location(form), *missing) if line.strip()]
    lines = lines or [attachments.in_words(file) for file in files]
    if not lines:
        return "", ()
    return "\n".join(line for line in (_forwarded(form), *lines, _referral(form)) if line), files


def _forwarded(form: Fields) -> str:
    if is_true(form, "FrequentlyForwarded"):
        return "[forwarded many times]"
    return "[forwarded]" if is_true(form, "Forwarded") else ""


def _location(form: Fields) -> str:
    where = [a_string(form, field) for field in ("Latitude", "Longitude")]
    if not all(_DEGREES.fullmatch(one) for one in where):
        return ""
    named = [in_one_line(a_string(form, field)) for field in ("Label", "Address")]
    words = ", ".join(name for name in named if name)
    point = ", ".join(where)
    return f"[location: {words}; {point}]" if words else f"[location: {point}]"


def _referral(form: Fields) -> str:
    """The advertisement that brought them here. https://www.twilio.com/docs/whatsapp/ctwa"""
    said = [in_one_line(a_string(form, f"Referral{part}")) for part in ("Headline", "Body")]
    where = in_one_line(a_string(form, "ReferralSourceUrl"), 500)
    words = ", ".join(one for one in (*said, where) if one)
    return f"[they come from an advertisement: {words}]" if words else ""
