"""What a client is told, as JSON and as server-sent events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway import Message, Question, QuestionKind, Role, Session, Task, Ticket

HEARTBEAT = b": \n\n"


def moment(seconds: float) -> str:
    """A time as ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def ticket(fresh: Ticket) -> dict[str, Any]:
    """A fresh session with its token."""
    return {
        "session_id": fresh.session.id,
        "token": fresh.token,
        "expires_at": _moment(fresh.session.expires_at),
    }


def session(one: Session, now: float) -> dict[str, Any]:
    """How a session stands."""
    return {
        "session_id": one.id,
        "agent": one.agent,
        "state": one.state(now),
        "name": one.name,
        "message_count": one.message_count,
        "created_at": moment(one.created_at),
        "last_activity": moment(one.last_activity),
        "expires_at": _moment(one.expires_at),
    }


def task(one: Task) -> dict[str, Any]:
    """A task's id and state."""
    return {"id": one.id, "state": one.state.value}


def message(one: Message, question: Question | None = None) -> dict[str, Any]:
    """One message, with its question while that is open."""
    fields: dict[str, Any] = {
        "id": one.number,
        "role": one.role.value,
        "text": one.text,
        "created_at": moment(one.created_at),
        "notice": not one.in_context,
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
    return fields


def messages(several: Iterable[Message], questions: Iterable[Question]) -> list[dict[str, Any]]:
    """Messages, each with its question while that is open."""
    asked = {question.id: question for question in questions}
    return [message(one, asked.get(one.question_id)) for one in several]


def answers(several: Iterable[Message]) -> list[Message]:
    """Those that were said to the user."""
    return [one for one in several if one.role is not Role.USER]


def frame(kind: str, data: object, number: int = 0) -> bytes:
    """One server-sent event; only a durable message number makes an id to resume from."""
    place = b"id: %d\n" % number if number else b""
    return b"event: %b\n%bdata: %b\n\n" % (kind.encode(), place, orjson.dumps(data))


def published(data: Mapping[str, Any]) -> tuple[Message, Question | None]:
    """The message of a live event, and the question it asks."""
    fields = data["message"]
    asked = data.get("question")
    return (
        Message(**{**fields, "role": Role(fields["role"])}),
        Question(
            **{**asked, "kind": QuestionKind(asked["kind"]), "options": tuple(asked["options"])}
        )
        if asked
        else None,
    )


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds)
