"""The agent's contract: one turn in, a stream of output events out.

An agent is made by a factory, ``create(name, options) -> Agent``, registered under the entry-point
group ``gateway.agents``. It raises ``Unavailable`` when what it needs is away; any other exception
is a failed attempt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from gateway.domain import (
    Answer,
    Attachment,
    Conversation,
    Message,
    Participant,
    QuestionKind,
    Quote,
    Session,
    Summary,
)
from gateway.ports.reach import Drive, Earlier, Facts, Knowledge, Shelf


async def _no_file(attachment: Attachment) -> bytes:
    raise LookupError(f"there is no file {attachment.name!r} to read")


class _Nowhere:
    """Stands where a turn was given nothing to reach."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(f"this turn has nothing to {name} from")


_NOWHERE: Any = _Nowhere()


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Everything one run of an agent may see. Nothing else exists for it.

    ``text`` is what was said now; ``messages`` the history this turn may see, oldest first, without
    what was said now, but with what this very turn had published before a crash cut it off
    (``published``). ``variables`` is this turn's own copy of the session's variables: what the
    agent changes in it is committed with the turn, or not at all. ``answer`` is set when the text
    answers a question that this agent asked. ``attempt`` counts from 1. ``attachments`` came with
    what was said now, ``quote`` is what that replies to; ``read`` returns the content of these and
    of the history's attachments, and raises ``LookupError`` for any other file. ``summary`` is what
    was said before ``messages`` in this session, in short; falsy where nothing was.

    ``data`` is the owner's with this agent on this channel, ``agent_data`` the agent's for all its
    sessions, ``overrides`` what the session turned on for itself (see ``Session``): copies like
    ``variables``, committed with the turn. ``agent_data`` refuses changes unless the agent is
    configured with ``writes_agent_data``. Where several sessions change ``data`` at once, each key
    is the last one's to write. ``facts``, ``drive``, ``shelf``, ``earlier`` and ``knowledge``: see
    ``gateway.ports.reach``.
    """

    id: str
    task_id: str
    channel: str
    agent: str
    text: str
    session: Session
    participant: Participant
    conversation: Conversation
    messages: tuple[Message, ...] = ()
    answer: Answer | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    published: tuple[str, ...] = ()
    shared: bool = False
    attempt: int = 1
    attachments: tuple[Attachment, ...] = ()
    quote: Quote | None = None
    read: Callable[[Attachment], Awaitable[bytes]] = field(default=_no_file, repr=False)
    summary: Summary = field(default_factory=Summary)
    data: dict[str, Any] = field(default_factory=dict)
    agent_data: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    facts: Facts = field(default=_NOWHERE, repr=False)
    drive: Drive = field(default=_NOWHERE, repr=False)
    shelf: Shelf = field(default=_NOWHERE, repr=False)
    earlier: Earlier = field(default=_NOWHERE, repr=False)
    knowledge: Knowledge = field(default=_NOWHERE, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the turn's answer, streamed; the pieces joined are the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Publish:
    """A whole message, spoken before the turn ends and kept even when the turn then fails."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A question; it ends the turn, and the task waits for the answer.

    ``addressee`` is a participant id (default: who started the task); ``expires_in`` is seconds.
    ``options`` are the labels of a choice; an approval's default to Yes and No.
    """

    text: str
    kind: QuestionKind = QuestionKind.TEXT
    options: tuple[str, ...] = ()
    addressee: str = ""
    expires_in: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file to send, with the answer; channels that cannot carry it say so in words."""

    name: str
    data: bytes
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Step:
    """A visible step of the task, in words for people."""

    title: str


Output = Text | Publish | Ask | File | Step


class Agent(Protocol):
    """What answers."""

    def run(self, turn: Turn) -> AsyncIterator[Output]:
        """Answer one turn. Cancelled by ``/stop``; run again under the same ids after a crash."""
        ...


@runtime_checkable
class ClosingAgent(Protocol):
    """An agent that holds something open."""

    async def aclose(self) -> None:
        """Give back what ``create`` opened; called once, at shutdown."""
        ...


@runtime_checkable
class CheckedAgent(Protocol):
    """An agent that can try what it needs: its server, key and model."""

    async def check(self) -> str:
        """Call it; returns in a few words who answered. Raises ``ConfigurationError``, or
        ``Unavailable``."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """An agent that never looks at what was said before: nothing is condensed for it, and nothing
    of what outlives a session is read for it."""

    forgetful: bool


@runtime_checkable
class Summarising(Protocol):
    """An agent that condenses its own long sessions; for others there is a summariser built in."""

    summarises: bool
    """Whether it is configured to."""

    async def condense(
        self, summary: Summary, messages: Sequence[Message]
    ) -> tuple[str, Sequence[str]]:
        """The text and the topics that ``summary`` and the messages after it, oldest first, come
        to. In nobody's way; may raise any ``GatewayError``, and is asked again after a later turn.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentKind:
    """One kind of agent, as its entry point presents it.

    ``settings`` is a pydantic model of the kind's own keys (unknown keys are refused); ``create``
    is called with the agent's configured name and an instance of it, and may raise
    ``ConfigurationError``.
    """

    settings: type[Any]
    create: Callable[[str, Any], Agent]


AgentKinds = Mapping[str, AgentKind]
