"""What a client is told, as JSON and as server-sent events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.web.inbound import client_id_of
from gateway import (
    Attachment,
    Message,
    Owned,
    Question,
    QuestionKind,
    Quote,
    Role,
    Session,
    Task,
    Ticket,
)

Link = Callable[[Attachment], str]
"""Makes the address that opens a file for a while."""

HEARTBEAT = b": \n\n"


def moment(seconds: float) -> str:
    """A time as ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def ticket(fresh: Ticket) -> dict[str, Any]:
    """A session with a token of it."""
    dies = {} if fresh.expires_at is None else {"token_expires_at": moment(fresh.expires_at)}
    return {
        "session_id": fresh.session.id,
        "token": fresh.token,
        "expires_at": _moment(fresh.session.expires_at),
        **dies,
        **_called(fresh.session),
    }


def session(one: Session, now: float, *, waiting: bool = False) -> dict[str, Any]:
    """How a session stands."""
    return {
        "session_id": one.id,
        "agent": one.agent,
        "state": "waiting" if waiting else one.state(now),
        "name": one.name,
        "message_count": one.message_count,
        "created_at": moment(one.created_at),
        "last_activity": moment(one.last_activity),
        "expires_at": _moment(one.expires_at),
        **_called(one),
    }


def owned(one: Owned, now: float) -> dict[str, Any]:
    """One of a user's sessions."""
    return session(one.session, now, waiting=one.waiting) | {"title": one.first}


def task(one: Task) -> dict[str, Any]:
    """A task's id and state."""
    return {"id": one.id, "state": one.state.value}


def attachment(one: Attachment, link: Link) -> dict[str, Any]:
    """A stored file, and what opens it."""
    return {
        "id": one.id,
        "name": one.name,
        "media_type": one.media_type,
        "size": one.size,
        "url": link(one),
    }


def quote(one: Quote) -> dict[str, Any]:
    """What a message replies to."""
    sender = {"sender": one.sender} if one.sender else {}
    return {"text": one.text, "from_agent": one.from_agent, **sender}


def message(one: Message, link: Link, question: Question | None = None) -> dict[str, Any]:
    """One message, with its question while that is open."""
    fields: dict[str, Any] = {
        "id": one.number,
        "role": one.role.value,
        "text": one.text,
        "created_at": moment(one.created_at),
        "notice": not one.in_context,
        # One that never reached the store has nothing that could be opened.
        "attachments": [attachment(file, link) for file in one.attachments if file.id],
    }
    if one.sender and one.sender != one.sender_id:
        fields["sender"] = one.sender
    if one.task_id:
        fields["task_id"] = one.task_id
    if question:
        fields["question"] = {
            "id": question.id,
            "kind": question.kind.value,
            "options": list(question.options),
        }
    if one.quote:
        fields["quote"] = quote(one.quote)
    return fields


def messages(
    several: Iterable[Message], link: Link, questions: Iterable[Question] = ()
) -> list[dict[str, Any]]:
    """Messages, each with its question while that is open."""
    asked = {question.id: question for question in questions}
    return [message(one, link, asked.get(one.question_id)) for one in several]


def answers(several: Iterable[Message]) -> list[Message]:
    """Those that were said to the user."""
    return [one for one in several if one.role is not Role.USER]


def frame(kind: str, data: object, number: int = 0) -> bytes:
    """One server-sent event; only a durable message number makes an id to resume from."""
    place = b"id: %d\n" % number if number else b""
    return b"event: %b\n%bdata: %b\n\n" % (kind.encode(), place, orjson.dumps(data))


def published(data: Mapping[str, Any]) -> tuple[Message, Question | None]:
    """The message of a live event, and the question it asks."""
    fields, asked = dict(data["message"]), data.get("question")
    fields["role"] = Role(fields["role"])
    fields["attachments"] = tuple(Attachment(**file) for file in fields.get("attachments", ()))
    fields["quote"] = Quote(**fields["quote"]) if fields.get("quote") else None
    if asked:
        kind, options = QuestionKind(asked["kind"]), tuple(asked["options"])
        return Message(**fields), Question(**{**asked, "kind": kind, "options": options})
    return Message(**fields), None


def _called(one: Session) -> dict[str, str]:
    """What a service calls it."""
    client_id = client_id_of(one)
    return {"client_id": client_id} if client_id else {}


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds)
