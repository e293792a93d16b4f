"""What the gateway talks about. Frozen values, no I/O; DESIGN words, one word for one thing.

Times are seconds since the epoch (``float``, UTC). Ids are opaque strings.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

JSON = Mapping[str, Any]


class ConversationKind(StrEnum):
    """What sort of place a conversation is."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"
    THREAD = "thread"


class Role(StrEnum):
    """Who speaks in a message of a session's history."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class TaskState(StrEnum):
    """The states of the A2A protocol."""

    SUBMITTED = "submitted"
    WORKING = "working"
    INPUT_REQUIRED = "input-required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"


class Outcome(StrEnum):
    """How an accepted inbox row ended: exactly one of these."""

    ANSWERED = "answered"
    SILENT = "answered-with-nothing"
    FOLDED = "folded"
    REFUSED = "refused"
    FAILED = "failed-with-notice"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """Where a delivery stands. ``unknown`` is kept for an operator, ``held`` until its recipient
    may be written to again, ``dead`` gave up."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD = "held"
    DEAD = "dead"


class QuestionKind(StrEnum):
    """What counts as an answer: any text, one of the options, or yes and no."""

    TEXT = "text"
    CHOICE = "choice"
    APPROVAL = "approval"


class Action(StrEnum):
    """What a person did: wrote or pressed (a turn), or stopped, edited, deleted (a control)."""

    MESSAGE = "message"
    PRESS = "press"
    STOP = "stop"
    EDIT = "edit"
    DELETE = "delete"


CONTROL_ACTIONS = frozenset({Action.STOP, Action.EDIT, Action.DELETE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A place on a platform. ``parent_id`` is the group or channel that a thread belongs to;
    ``begins`` the id of the thread that a message in a channel begins, where each begins one.
    ``private``: a thread that only one person and the bot are in."""

    kind: ConversationKind
    id: str
    parent_id: str | None = None
    title: str | None = None
    begins: str | None = None
    private: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Participant:
    """A person on a channel, as the platform identifies them."""

    id: str
    name: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where answers go, frozen on the turn. ``data`` is the adapter's own, and shown nowhere: it
    may open doors."""

    destination: str
    data: JSON = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A pressed button: the question it belongs to and the option's place in it, from 0."""

    question_id: str
    option: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file that came with a message, or goes out with one.

    ``id`` is the stored file's; it is empty while the file is still on its platform, where the
    adapter finds it by ``ref``. ``size`` is in bytes, 0 when the platform does not say.
    """

    name: str
    media_type: str = "application/octet-stream"
    size: int = 0
    id: str = ""
    ref: str = ""

    @property
    def kind(self) -> str:
        """``image``, ``audio``, ``video`` or ``file``: what people would call it."""
        kind = self.media_type.partition("/")[0]
        return kind if kind in {"image", "audio", "video"} else "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """What a message replies to or quotes; ``from_agent``: the bot itself had said it."""

    text: str
    sender: str = ""
    from_agent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbound:
    """One platform event that concerns the gateway, as ``parse`` reads it.

    ``event_id`` is unique per channel and the same on redelivery. ``order`` is the platform's own
    order within the conversation (0: none). ``addressed`` says whether the bot was mentioned,
    replied to or commanded; direct conversations are always addressed. ``message_id`` is the
    platform's id of the message written or edited, ``deleted`` those of messages that were deleted.
    ``agent`` picks one of several agents. Events with the same ``album`` in one conversation are
    parts of one message. ``follows``: though not addressed, it concerns the bot where its lane
    exists already: it goes on in a thread that the bot takes part in, or changes what was said.
    ``preview`` is the platform's id of a message that shows already that an answer will come, and
    becomes it. ``also`` are other ids under which the platform shows this very participant: their
    lane is found by each.
    """

    event_id: str
    conversation: Conversation
    participant: Participant
    address: Address
    text: str = ""
    action: Action = Action.MESSAGE
    order: int = 0
    addressed: bool = True
    message_id: str = ""
    press: Press | None = None
    agent: str = ""
    attachments: tuple[Attachment, ...] = ()
    album: str = ""
    quote: Quote | None = None
    deleted: tuple[str, ...] = ()
    follows: bool = False
    preview: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A group goes on under another id: its lanes and sessions follow. Told more than once."""

    event_id: str
    old_id: str
    new_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignored:
    """An event that needs nothing, and why."""

    reason: str
    event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One entry of a session's history. ``number`` counts from 1 within its session and is durable.

    ``in_context`` is false for commands and notices: people see them, agents never do. ``origin``
    is where a user's message stands on its platform (``Inbound``'s conversation and message id),
    by which edits and deletions find it.
    """

    number: int
    role: Role
    text: str
    created_at: float
    sender: str = ""
    sender_id: str = ""
    task_id: str = ""
    row_id: str = ""
    in_context: bool = True
    question_id: str = ""
    attachments: tuple[Attachment, ...] = ()
    quote: Quote | None = None
    origin: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What a session's older messages, up to number ``upto``, come to; falsy where there is none.

    ``revision`` rises with each change: what was made of an older one is not stored.
    """

    text: str = ""
    topics: tuple[str, ...] = ()
    upto: int = 0
    revision: int = 0

    def __bool__(self) -> bool:
        return self.upto > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One isolated context on a (lane, agent). ``version`` rises with every committed change.

    ``overrides`` is what it turned on for itself: any of ``model`` and ``prompt`` (texts),
    ``tools`` and ``knowledge`` (lists of names).
    """

    id: str
    lane_id: str
    channel: str
    agent: str
    owner: str
    conversation: Conversation
    created_at: float
    last_activity: float
    name: str = ""
    message_count: int = 0
    last_number: int = 0
    version: int = 0
    variables: JSON = field(default_factory=dict)
    ended_at: float | None = None
    expires_at: float | None = None
    overrides: JSON = field(default_factory=dict)

    def state(self, now: float, idle_after: float = 1800.0, *, waiting: bool = False) -> str:
        """``active``, ``dormant``, ``waiting`` (for an answer), ``ended`` or ``expired``: derived,
        never swept."""
        if self.ended_at is not None:
            return "ended"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if waiting:
            return "waiting"
        return "active" if now - self.last_activity < idle_after else "dormant"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a waiting task asks one participant. ``addressee`` is a participant id."""

    id: str
    session_id: str
    task_id: str
    addressee: str
    kind: QuestionKind
    text: str
    options: tuple[str, ...] = ()
    created_at: float = 0.0
    expires_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was answered to a question: the text, and for options their place from 0."""

    question: Question
    text: str
    option: int | None = None

    @property
    def approved(self) -> bool:
        """Whether an approval was given; false for any other kind."""
        return self.question.kind is QuestionKind.APPROVAL and self.option == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One unit of work for one or more user messages, with its visible steps."""

    id: str
    session_id: str
    state: TaskState
    created_at: float
    updated_at: float
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One outgoing item. Ids sort in the order of their creation within a lane.

    ``question`` carries the options to offer with the text. ``attempts`` counts attempts that
    burned; ``started`` says that an attempt was under way when its process died. ``format`` is
    what the adapter's ``split`` made beside the text (bold, links). With an ``attachment``, the
    text is its caption. ``replaces`` is the platform's id of a preview that this becomes.
    """

    id: str
    channel: str
    lane_id: str
    address: Address
    text: str
    turn_id: str = ""
    session_id: str = ""
    question: Question | None = None
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    started: bool = False
    not_before: float = 0.0
    created_at: float = 0.0
    part: int = 0
    platform_id: str = ""
    error: str = ""
    format: JSON = field(default_factory=dict)
    attachment: Attachment | None = None
    replaces: str = ""


class _Ids:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds, a counter of 42 bits, 32 random bits."""

    def __init__(self) -> None:
        self._ms = 0
        self._ticks = count(int.from_bytes(os.urandom(2)))
        # Ids open nothing, so they need no system call each: they only have to differ.
        self._random = random.Random(os.urandom(32))  # noqa: S311

    def next(self) -> int:
        self._ms = max(time.time_ns() // 1_000_000, self._ms)
        tick = next(self._ticks) & 0x3FFFFFFFFFF
        high = (self._ms << 16) | (7 << 12) | (tick >> 30)
        low = (2 << 62) | ((tick & 0x3FFFFFFF) << 32) | self._random.getrandbits(32)
        return (high << 64) | low


_ids = _Ids()


def new_id() -> str:
    """A UUIDv7 as 32 hex digits; later ones of this process sort after earlier ones."""
    return f"{_ids.next():032x}"
