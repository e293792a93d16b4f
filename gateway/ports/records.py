"""What goes into the store and comes out of it, and the scopes that every read needs.

Frozen values beside those of the domain: the inputs and results of ``gateway.ports.store.Store``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.belongings import Fact, Item
from gateway.domain import (
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Question,
    Session,
    Task,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneScope:
    """May read what stands on one lane."""

    lane_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionScope:
    """May read one session."""

    session_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenScope:
    """May read the session that a token of this channel opens; ``token_hash`` is SHA-256, hex."""

    channel: str
    token_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerScope:
    """May read what one owner has with one agent on one channel: data, facts, shelf, sessions."""

    channel: str
    agent: str
    owner: str

    def __post_init__(self) -> None:
        if not (self.channel and self.agent and self.owner):
            raise ValueError(f"nobody is meant by {self!r}")


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentScope:
    """May read what an agent has of its own, for all its sessions."""

    agent: str

    def __post_init__(self) -> None:
        if not self.agent:
            raise ValueError("no agent is meant")


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonScope:
    """May read, and erase, what is one person's on one channel.

    ``owner``: everything of this owner, with every agent (empty: nothing). ``senders``: messages
    by these participant ids in shared sessions, with what was answered to them; in those on
    ``lane_id`` alone, where that is given.
    """

    channel: str
    owner: str = ""
    senders: tuple[str, ...] = ()
    lane_id: str = ""

    def __post_init__(self) -> None:
        if not self.channel or not (self.owner or self.senders) or "" in self.senders:
            raise ValueError(f"nobody is meant by {self!r}")


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorScope:
    """May read everything; for operators' acts and for the gateway's own recovery. Says why."""

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FileScope:
    """May read one file: whoever holds a signed link to it."""

    file_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A claimed lane. ``fence`` rises with each claim; a commit under an old one is refused."""

    lane_id: str
    fence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a lane is beside its hold: whose, and the agent that its people chose (empty: none)."""

    owner: str
    agent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """Commit 1's input: one accepted event.

    ``lane_key`` finds the lane or founds it. ``raw`` and ``inbound`` (the normalised event, JSON)
    are erased when the row is done. ``fingerprint`` tells a repeated event id with other content.
    A ``refusal`` stores the row as already refused, with its notices, which are put on its lane.
    Row ids are ``domain.new_id``'s: by the time in them old rows are found.
    """

    row_id: str
    task_id: str
    channel: str
    event_id: str
    lane_key: str
    owner: str
    shared: bool
    raw: bytes
    inbound: bytes
    accepted_at: float
    control: bool = False
    order: int = 0
    fingerprint: str = ""
    refusal: tuple[Delivery, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """Commit 1's result. ``row_id`` and ``task_id`` are the first one's when it is a duplicate.

    ``conflict``: a duplicate whose fingerprint differs. ``hold`` is set when the lane was idle (no
    holder, nothing waiting) and this very row is now claimed (attempt 1) in the same transaction;
    control and refused rows never claim, nor does the row of a caller that was cancelled.
    """

    row_id: str
    task_id: str
    lane_id: str
    duplicate: bool = False
    conflict: bool = False
    hold: Hold | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An inbox row that is not done. ``attempts`` counts claims that burned; ``preview`` is the
    platform's id of a message that shows its answer being written."""

    id: str
    task_id: str
    lane_id: str
    channel: str
    inbound: bytes
    accepted_at: float
    control: bool = False
    order: int = 0
    attempts: int = 0
    not_before: float = 0.0
    preview: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowEnd:
    """A row's one visible outcome; ``task_id`` is the task that took it."""

    row_id: str
    outcome: Outcome
    task_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRetry:
    """A row that waits again. ``refund`` gives the claim's attempt back (``Unavailable``)."""

    row_id: str
    not_before: float
    refund: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionEnd:
    """How a question ended: ``answered``, ``cancelled`` or ``expired``."""

    question_id: str
    state: str
    answer: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A message and the session it belongs to."""

    session_id: str
    message: Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What became of a user's message on its platform: edited to ``text``, or deleted (None)."""

    origin: str
    text: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file of a session; its content stands on disk under ``digest`` (SHA-256, hex)."""

    id: str
    session_id: str
    digest: str
    name: str
    media_type: str
    size: int
    created_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """What changes of what outlives a session: all or nothing, and every part of it idempotent.

    ``data`` are keys put, ``unset`` keys removed; the others stay as they are. ``facts`` and
    ``items`` are put by their id (a fact of the same text, an item of the same name on that shelf
    is replaced), ``dropped`` are ids of either. ``data_bytes`` is how large the data may become as
    JSON (0: any size); what would be more raises ``LimitExceeded`` and changes nothing.
    """

    scope: OwnerScope | AgentScope
    data: Mapping[str, Any] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    items: tuple[Item, ...] = ()
    dropped: tuple[str, ...] = ()
    data_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Effects:
    """Commit 2: everything one turn changes, all or nothing, refused under an old fence.

    ``turn_id`` names this commit: an early publish has one of its own. A new session ends the live
    one of its lane and agent.
    ``claim_next`` claims these rows in the same transaction (fence and attempts raised); with no
    rows, ``release`` frees the lane. With neither, the lane stays held (an early publish).
    Deliveries may be stored already ``started`` or ``sent``. A dead row keeps its raw event.
    Sessions keep the name and the overrides that they have in the store unless ``renamed`` and
    ``overridden`` say otherwise: a turn under way may know older ones. ``agent`` is the one that
    the lane's people choose from now on.
    """

    turn_id: str
    hold: Hold
    rows: tuple[RowEnd, ...] = ()
    retries: tuple[RowRetry, ...] = ()
    dead: tuple[RowEnd, ...] = ()
    new_sessions: tuple[Session, ...] = ()
    sessions: tuple[Session, ...] = ()
    entries: tuple[Entry, ...] = ()
    tasks: tuple[Task, ...] = ()
    questions: tuple[Question, ...] = ()
    question_ends: tuple[QuestionEnd, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    claim_next: tuple[str, ...] = ()
    release: bool = False
    renamed: bool = False
    overridden: bool = False
    keepings: tuple[Keeping, ...] = ()
    agent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What became of a delivery, or that an attempt at it starts now (``started``); an empty
    ``platform_id`` leaves the one that is known."""

    delivery_id: str
    state: DeliveryState
    started: bool = False
    attempts: int = 0
    not_before: float = 0.0
    platform_id: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """What opens a session: the hash of its token and when that dies (None: never)."""

    token_hash: str
    expires_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dead:
    """A dead-lettered inbox row, for operators."""

    row: Row
    raw: bytes
    died_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """What housekeeping removed; ``digests`` are of files that nobody refers to any more."""

    rows: int = 0
    sessions: int = 0
    deliveries: int = 0
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionQuery:
    """Which sessions an operator wants, newest activity first.

    ``text`` is in their id, name, owner or place. ``after_id`` is the last one of the page before.
    """

    channel: str = ""
    agent: str = ""
    owner: str = ""
    state: str = ""
    text: str = ""
    limit: int = 50
    after_id: str = ""
    idle_after: float = 1800.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """A live session of a known owner. ``waiting``: a question in it is open; ``first`` is how the
    first thing said in it begins."""

    session: Session
    waiting: bool = False
    first: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much is waiting, for readiness and metrics; ``by_state`` has deliveries not sent."""

    waiting_rows: int = 0
    dead_rows: int = 0
    pending_deliveries: int = 0
    by_state: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """How much there is of a person, store by store, in numbers; or how much was erased."""

    sessions: int = 0
    messages: int = 0
    summaries: int = 0
    data: int = 0
    facts: int = 0
    items: int = 0
    files: int = 0
    events: int = 0
    deliveries: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What erasing a person came to. ``digests`` are of files that nobody refers to any more;
    ``lanes`` lost sessions or messages: whoever serves them in memory has to let go. ``rebuild``
    are shared sessions whose summary had a part in it that is gone."""

    traces: Traces
    digests: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    rebuild: tuple[Session, ...] = ()
