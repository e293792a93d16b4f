"""What goes into the store and comes out of it, and the scopes that every read needs.

Frozen values beside those of the domain: the inputs and results of ``gateway.ports.store.Store``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
    event_id: str
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
class Effects:
    """Commit 2: everything one turn changes, all or nothing, refused under an old fence.

    ``turn_id`` names this commit: an early publish has one of its own. A new session ends the live
    one of its lane and agent.
    ``claim_next`` claims these rows in the same transaction (fence and attempts raised); with no
    rows, ``release`` frees the lane. With neither, the lane stays held (an early publish).
    Deliveries may be stored already ``started`` or ``sent``. A dead row keeps its raw event.
    Sessions keep the name they have in the store unless ``renamed`` says otherwise.
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
    """Which sessions an operator wants, newest activity first."""

    channel: str = ""
    owner: str = ""
    state: str = ""
    text: str = ""
    limit: int = 50
    after_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much is waiting, for readiness and metrics; ``by_state`` has deliveries not sent."""

    waiting_rows: int = 0
    dead_rows: int = 0
    pending_deliveries: int = 0
    by_state: dict[str, int] = field(default_factory=dict)
