"""What somebody said over HTTP, as one raw event, and how it is read again.

The event is what the inbox stores; it names the conversation and the participant that the token
opened, never the token:

    {"event_id", "conversation", "participant", "agent", "text", "name"?, "question"?, "option"?,
     "attachments"?: [{"id", "name", "media_type", "size"}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

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
    Session,
    UnreadableUpdate,
    new_id,
)


def event(
    session: Session,
    text: str,
    *,
    message_id: str | None = None,
    press: Press | None = None,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """The raw event of one post into ``session``.

    Its id lies within the session, so equal message ids of two sessions never meet; the same post
    is the same event, byte for byte.
    """
    fields: dict[str, Any] = {
        "event_id": f"{session.id}:{message_id or new_id()}",
        "conversation": session.conversation.id,
        "participant": _participant(session),
        "agent": session.agent,
        # PostgreSQL's text cannot hold it, and nobody can see it.
        "text": text.replace("\0", ""),
    }
    if session.conversation.title:
        fields["name"] = session.conversation.title
    if press:
        fields |= {"question": press.question_id, "option": press.option}
    if attachments:
        fields["attachments"] = [
            {"id": one.id, "name": one.name, "media_type": one.media_type, "size": one.size}
            for one in attachments
        ]
    return orjson.dumps(fields)


def place_of(agent: str, client_id: str) -> str:
    """The conversation that a service calls so, with this agent. Nobody else has such an id."""
    return f"client:{agent}:{client_id}"


def client_id_of(session: Session) -> str:
    """What a service calls the session; empty where none does."""
    start = place_of(session.agent, "")
    place = session.conversation.id
    return place.removeprefix(start) if place.startswith(start) else ""


def _participant(session: Session) -> str:
    """Whoever has the session: its owner is a user, a service's conversation, or a visitor."""
    owner = unquote(session.owner.partition(":")[2])
    known = owner.startswith(("user:", "client:"))
    return owner if known else f"anon:{session.conversation.id}"


def read(raw: bytes) -> Inbound | Ignored:
    """Read one raw event. Raises ``UnreadableUpdate``."""
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableUpdate(f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise UnreadableUpdate("not a JSON object")
    conversation = _text(fields, "conversation")
    event_id = _text(fields, "event_id")
    press = _press(fields)
    text = _text(fields, "text", required=False)
    name = _text(fields, "name", required=False)
    attachments = _attachments(fields.get("attachments", []))
    if not press and not attachments and not text.strip():
        return Ignored(reason="nothing was said", event_id=event_id)
    return Inbound(
        event_id=event_id,
        conversation=Conversation(kind=ConversationKind.DIRECT, id=conversation),
        participant=Participant(id=_text(fields, "participant"), name=name),
        address=Address(destination=conversation),
        text=text,
        action=Action.PRESS if press else Action.MESSAGE,
        press=press,
        agent=_text(fields, "agent", required=False),
        attachments=attachments,
    )


def _text(fields: dict[str, Any], name: str, *, required: bool = True) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or (required and not value) or "\0" in value:
        raise UnreadableUpdate(f"{name} is not a text")
    return value


def _attachments(several: object) -> tuple[Attachment, ...]:
    if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
        raise UnreadableUpdate("attachments is not a list of objects")
    return tuple(_attachment(one) for one in several)


def _attachment(fields: dict[str, Any]) -> Attachment:
    size = fields.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UnreadableUpdate("attachments.size is not a number of bytes")
    names = ("id", "name", "media_type")
    file_id, name, media_type = (_text(fields, one) for one in names)
    return Attachment(id=file_id, name=name, media_type=media_type, size=size)


def _press(fields: dict[str, Any]) -> Press | None:
    if "question" not in fields:
        return None
    option = fields.get("option")
    if not isinstance(option, int) or isinstance(option, bool) or option < 0:
        raise UnreadableUpdate("option is not a place from 0")
    return Press(question_id=_text(fields, "question"), option=option)
