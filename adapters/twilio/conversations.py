"""Events of Conversations, which is what groups are at Twilio.

https://www.twilio.com/docs/conversations-classic/conversations-webhooks
"""

from __future__ import annotations

from adapters.twilio import attachments
from adapters.twilio.fields import (
    Fields,
    a_count,
    a_sid,
    a_string,
    bare,
    in_one_line,
    is_number,
    is_phone,
)
from adapters.twilio.settings import TwilioSettings
from gateway import (
    Action,
    Address,
    Conversation,
    ConversationKind,
    Ignored,
    Inbound,
    Participant,
    UnreadableUpdate,
)

ADDED = "onMessageAdded"
UPDATED = "onMessageUpdated"
REMOVED = "onMessageRemoved"
DELIVERED = "onDeliveryUpdated"

_OURS = frozenset({"API", "SDK"})
_LONGEST_AUTHOR = 128
_LONGEST_TIME = 40


def parse(form: Fields, settings: TwilioSettings) -> Inbound | Ignored:
    """Read one event. Raises `UnreadableUpdate`."""
    what = a_string(form, "EventType")
    if what == DELIVERED:
        return Ignored(reason="what became of a message in a group")
    if what not in {ADDED, UPDATED, REMOVED}:
        return Ignored(reason=f"nothing is done with {in_one_line(what, 40)} events")
    conversation, message = (
        a_sid(form, "ConversationSid", ("CH",)),
        a_sid(form, "MessageSid", ("IM",)),
    )
    event_id = _event_id(what, form, conversation, message)
    if reason := _not_ours(form, settings):
        return Ignored(reason=reason, event_id=event_id)
    author = _author(form)
    action = {ADDED: Action.MESSAGE, UPDATED: Action.EDIT, REMOVED: Action.DELETE}[what]
    files, missing = attachments.of_conversation(form, conversation, message, settings)
    said = a_string(form, "Body")
    lines = [*([said] if said.strip() else []), *missing]
    text = "\n".join(lines) or "\n".join(map(attachments.in_words, files))
    if not text and action is not Action.DELETE:
        return Ignored(reason="a message without content", event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=Conversation(kind=ConversationKind.GROUP, id=conversation),
        participant=author,
        address=Address(destination=conversation, data={"conversation": conversation}),
        text="" if action is Action.DELETE else text,
        action=action,
        order=a_count(form, "Index"),
        addressed=False,
        message_id="" if action is Action.DELETE else message,
        attachments=() if action is Action.DELETE else files,
        deleted=(message,) if action is Action.DELETE else (),
        follows=action is not Action.MESSAGE,
    )


def _event_id(what: str, form: Fields, conversation: str, message: str) -> str:
    where = f"{conversation}:{message}"
    if what == UPDATED:
        return f"edit:{where}:{in_one_line(a_string(form, 'DateUpdated'), _LONGEST_TIME)}"
    return f"delete:{where}" if what == REMOVED else where


def _not_ours(form: Fields, settings: TwilioSettings) -> str:
    """Why a message is not for this channel; empty if it is."""
    account, service = a_sid(form, "AccountSid", ("AC",)), a_string(form, "ChatServiceSid")
    if not settings.is_account(account):
        return f"a message to another account, {account}"
    if not settings.conversations:
        return "a group's message; set conversations = true to take part in groups"
    wanted = settings.conversation_service
    if wanted and service and service != wanted:
        return "a message in another conversation service"
    return "the gateway's own message" if _is_own(form, settings) else ""


def _is_own(form: Fields, settings: TwilioSettings) -> bool:
    """Whether we wrote it, or another program on our behalf."""
    author = a_string(form, "Author")
    if author in {settings.identity_name, settings.from_, settings.number}:
        return True
    if a_string(form, "EventType") != ADDED or a_string(form, "ParticipantSid"):
        return False
    source = a_string(form, "Source").upper()
    return source in _OURS or (not source and not is_phone(author))


def _author(form: Fields) -> Participant:
    """Who wrote it: a number, an id that stands for one, or a name in somebody's own app."""
    author = a_string(form, "Author")
    if not author.strip() or len(author) > _LONGEST_AUTHOR or "\0" in author:
        raise UnreadableUpdate("Author is not a participant")
    number = bare(author) if is_number(author) else ""
    aliases = tuple(dict.fromkeys(one for one in (number, number[1:]) if one and one != author))
    return Participant(id=author, name=in_one_line(bare(author)) or "somebody", aliases=aliases)
