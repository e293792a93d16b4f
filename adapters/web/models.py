"""The bodies of the API, asked and answered: what is validated, and what is described."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

import gateway
from gateway import QuestionKind, Role, TaskState

MAX_WAIT = 120.0
MAX_TEXT = 32_768
MAX_NUMBER = 2_000_000_000
"""No message's number is higher; 32 bits hold it."""

_FILLED_IN = frozenset({"current_user_id", "current_session_id", "message_count", "last_visit"})


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a character that cannot be printed")
    return text


_Name = Annotated[str, Field(max_length=200)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=100)]
_Own = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
_Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Model(gateway.Model):
    """Base of all; the texts below its fields are part of the description."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Overrides(Model):
    """What a session turns on for itself, instead of what its agent is configured with."""

    model: _Name | None = None
    """The model that answers."""
    prompt: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    """The agent's instructions."""
    tools: _Names | None = None
    """Names of the tools that it may use."""
    knowledge: _Names | None = None
    """Names of the knowledge bases that it consults."""


class NewSession(Model):
    """Opens a session."""

    agent: _Name = ""
    """Which of the agents offered answers; empty: the channel's own."""
    user_token: Annotated[str, Field(max_length=8192)] = ""
    """Proves who somebody is, where the channel knows its users."""
    name: _Name = ""
    """What the session is called."""
    session_id: _Own | None = None
    """For services: what you call the session. One live session is called so with each agent."""
    user: _Own | None = None
    """For services: whose session it is, by the id that your user tokens have as ``sub``."""
    variables: dict[str, Any] | None = None
    """For services: what the session's variables are at first."""
    overrides: Overrides | None = None
    """For services: what the session turns on for itself at first."""

    @field_validator("variables")
    @classmethod
    def _are_free(cls, variables: dict[str, Any] | None) -> dict[str, Any] | None:
        taken = _FILLED_IN.intersection(variables or {})
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))}: filled in by the gateway")
        try:
            orjson.dumps(variables)
        except orjson.JSONEncodeError as error:
            raise ValueError(f"cannot be kept: {error}") from None
        return variables


class Listing(Model):
    """Which of the user's sessions."""

    agent: _Name = ""
    """Those with this agent; empty: with any."""
    after: _Id | None = None
    """Those behind the session with this id."""
    limit: int = Field(default=50, ge=1, le=100)
    """At most so many."""


class Said(Model):
    """Something said, or a button pressed (``question`` and ``option``)."""

    text: str = ""
    """At most 32768 characters."""
    message_id: _Id | None = None
    """Of your choice. The same id with the same text is the same message: it is answered once, and
    every repetition returns that answer."""
    attachments: tuple[_Id, ...] = Field(default=(), max_length=10)
    """Ids of files sent before, in this session; with them the text may be empty."""
    wait: float = Field(default=30.0, ge=0, le=MAX_WAIT)
    """Seconds to wait for the answer before 202 is returned; unlimited for a stream."""
    question: _Id | None = None
    """The question that a pressed button belongs to."""
    option: int | None = Field(default=None, ge=0, lt=1000)
    """The option's place in the question, from 0."""

    @model_validator(mode="after")
    def _says_something(self) -> Said:
        if (self.question is None) != (self.option is None):
            raise ValueError("question and option belong together")
        if self.question is not None and self.attachments:
            raise ValueError("a pressed button takes no attachments")
        if self.question is None and not self.text.strip() and not self.attachments:
            raise ValueError("text is empty")
        return self


class Renamed(Model):
    """Gives a session another name."""

    name: _Name
    """What the session is called from now on; empty: nothing."""


class Page(Model):
    """Which part of the history."""

    before: int | None = Field(default=None, ge=1, le=MAX_NUMBER)
    """Only messages with a smaller id."""
    limit: int = Field(default=50, ge=1, le=200)
    """The newest so many of them."""


class Wanted(Model):
    """What to look for."""

    q: str = Field(min_length=1, max_length=200, pattern=r"\S")
    """Part of a message's text, in any case."""
    limit: int = Field(default=50, ge=1, le=200)
    """At most so many messages."""


class Ticket(Model):
    """A session and a token that opens it. The token is shown only here."""

    session_id: str
    token: str
    expires_at: datetime | None
    """When the session ends unless something is said in it; null: never."""
    token_expires_at: datetime | None = None
    """When the token dies, where that is before its session."""
    client_id: str | None = None
    """What a service calls the session."""


class Question(Model):
    """An open question; answer in words, or with ``question`` and ``option``."""

    id: str
    kind: QuestionKind
    options: list[str]


class File(Model):
    """A file; ``media_type`` is read from its content, and an image's may be shown in a page."""

    id: str
    name: str
    media_type: str
    size: int
    """In bytes."""
    url: str
    """Opens the file for an hour, without a token; a message read again has a fresh one."""


class Quote(Model):
    """What a message replies to."""

    text: str
    from_agent: bool
    sender: str | None = None


class Message(Model):
    """One message. ``id`` counts from 1 within the session; 0 is shown but not kept."""

    id: int
    role: Role
    text: str
    created_at: datetime
    notice: bool
    """Between you and the gateway (commands and their answers): agents never see it."""
    sender: str | None = None
    task_id: str | None = None
    question: Question | None = None
    attachments: list[File]
    quote: Quote | None = None


class Task(Model):
    """The work that answers a message."""

    id: str
    state: TaskState


class Chat(Model):
    """What a message led to: everything said in answer, and ``session`` where it began anew."""

    task: Task
    messages: list[Message]
    session: Ticket | None = None


class History(Model):
    """Messages, oldest first."""

    messages: list[Message]


class Found(Model):
    """Messages, newest first."""

    messages: list[Message]


class Session(Model):
    """How a session stands."""

    session_id: str
    agent: str
    state: Literal["active", "dormant", "waiting"]
    """Waiting: the agent has asked something."""
    name: str
    message_count: int
    created_at: datetime
    last_activity: datetime
    expires_at: datetime | None
    client_id: str | None = None
    """What a service calls the session."""


class OwnedSession(Session):
    """One of a user's sessions."""

    title: str
    """How the first thing said in it begins."""


class Sessions(Model):
    """A user's sessions, the newest activity first."""

    sessions: list[OwnedSession]


class FieldError(Model):
    """One field that is wrong."""

    field: str
    detail: str


class Problem(Model):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
