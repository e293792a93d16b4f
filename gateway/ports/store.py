"""The store's contract: two commits, a few marks, and reads that cannot be asked without a scope.

Writes given at the same instant share one transaction (group commit); each is all or nothing by
itself, and one bad item never takes its neighbours down. A write that returned is durable. When
the database is away every method raises ``Unavailable``, and nothing of the write was kept, or all
of it: an ambiguous commit is settled by reading back before the call returns or raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

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
    """An inbox row that is not done. ``attempts`` counts claims that burned."""

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
class Effects:
    """Commit 2: everything one turn changes, all or nothing, refused under an old fence.

    ``turn_id`` names this commit: an early publish has one of its own. A new session ends the live
    one of its lane and agent.
    ``claim_next`` claims these rows in the same transaction (fence and attempts raised); with no
    rows, ``release`` frees the lane. With neither, the lane stays held (an early publish).
    Deliveries may be stored already ``started`` or ``sent``. A dead row keeps its raw event.
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
    """What housekeeping removed."""

    rows: int = 0
    sessions: int = 0
    deliveries: int = 0


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


class Store(Protocol):
    """Holds the truth."""

    # life

    async def open(self) -> None:
        """Take the exclusive lock, check integrity, check the schema, free what the dead held.

        Raises ``StoreLocked``, ``StoreCorrupt``, ``SchemaMismatch`` or ``Unavailable``.
        """
        ...

    async def close(self) -> None:
        """Finish the writes under way and give the lock back."""
        ...

    async def ping(self) -> None:
        """Prove that a write would go through. Raises ``Unavailable``."""
        ...

    # writes

    async def accept(self, arrival: Arrival) -> Accepted:
        """Commit 1: once per (channel, event id)."""
        ...

    async def claim(self, lane_id: str, row_ids: tuple[str, ...]) -> tuple[Hold, Sequence[Row]]:
        """Claim a lane that is free or already ours for these rows; counts their attempts.

        Raises ``Fenced`` when a live other holds it. Rows that are over are left out. What a claim
        of ours before left claimed waits again, or is claimed anew as the same attempt."""
        ...

    async def commit(self, effects: Effects) -> Hold | None:
        """Commit 2. Returns the next hold, or None when the lane was released.

        Raises ``Fenced``; committing the same ``turn_id`` twice has the effect of once.
        """
        ...

    async def mark(self, marks: Sequence[Mark], *, patient: bool = False) -> None:
        """Record what became of deliveries; ``patient``: it may wait 5 ms for company."""
        ...

    async def end_control(self, row_id: str, outcome: Outcome, notices: Sequence[Delivery]) -> None:
        """A control row is done, with what to say about it."""
        ...

    async def create_session(self, session: Session, lane_key: str, key: Credential) -> Session:
        """A lane of its own (founded by ``lane_key``), a session on it, and what opens it.

        The result's ``lane_id`` is the lane's.
        """
        ...

    async def replace_session(
        self, scope: SessionScope, successor: Session, key: Credential, notice: str
    ) -> Session:
        """End a session and start its successor on the same lane, in one transaction.

        The fence rises (a running turn's commit is refused), waiting rows of the lane end
        ``cancelled`` with ``notice`` as an out-of-context message in the old session, open
        questions are cancelled, the old credentials die. Raises ``LookupError`` when it is over.
        """
        ...

    async def end_session(self, scope: SessionScope, notice: str) -> None:
        """The same without a successor or a credential; the lane's next message starts afresh."""
        ...

    async def delete_session(self, scope: SessionScope) -> None:
        """End it and delete all of it but deduplication keys. Raises ``LookupError``."""
        ...

    async def retry_row(self, scope: OperatorScope, row_id: str) -> Row:
        """A dead row waits again, attempts at 0. Raises ``LookupError``."""
        ...

    async def discard_row(self, scope: OperatorScope, row_id: str) -> None:
        """A dead row's content is erased. Raises ``LookupError``."""
        ...

    async def forget(self, *, rows_before: float, now: float) -> Forgotten:
        """Drop what has outlived its use: deduplication keys, expired sessions, sent deliveries."""
        ...

    # reads

    def waiting(self, scope: LaneScope | OperatorScope) -> AsyncIterator[Row]:
        """Rows that wait (neither claimed nor over), oldest first, read in pages."""
        ...

    async def current_session(self, scope: LaneScope, agent: str) -> Session | None:
        """The lane's live session with this agent."""
        ...

    async def session(self, scope: SessionScope | TokenScope) -> Session | None:
        """One session; through a token only while token and session live."""
        ...

    async def window(self, scope: SessionScope, limit: int) -> Sequence[Message]:
        """The newest ``limit`` messages that agents may see (negative: all), oldest first."""
        ...

    async def history(
        self, scope: SessionScope, *, before: int | None = None, after: int = 0, limit: int = 50
    ) -> Sequence[Message]:
        """Messages numbered above ``after`` and below ``before``, the newest ``limit``, oldest
        first."""
        ...

    async def task(self, scope: SessionScope, task_id: str) -> Task | None:
        """A task of this session; one that only waits is ``submitted`` or ``working``."""
        ...

    async def task_messages(self, scope: SessionScope, task_id: str) -> Sequence[Message]:
        """What was said for a task, by both sides, oldest first."""
        ...

    async def open_questions(self, scope: SessionScope) -> Sequence[Question]:
        """Questions still waiting, oldest first."""
        ...

    async def question(self, scope: LaneScope, question_id: str) -> tuple[Question, str] | None:
        """A question of a session on this lane and its state (``open``, ``answered``, …)."""
        ...

    async def pending(
        self, scope: LaneScope | OperatorScope, *, destination: str = "", limit: int = 1000
    ) -> Sequence[Delivery]:
        """Deliveries not settled, in sending order."""
        ...

    async def sessions(self, scope: OperatorScope, query: SessionQuery) -> Sequence[Session]:
        """Sessions for operators."""
        ...

    async def deliveries(
        self, scope: OperatorScope, states: Sequence[DeliveryState], limit: int = 100
    ) -> Sequence[Delivery]:
        """Deliveries in these states, newest first."""
        ...

    async def delivery(self, scope: OperatorScope, delivery_id: str) -> Delivery | None:
        """One delivery."""
        ...

    async def dead_rows(self, scope: OperatorScope, limit: int = 100) -> Sequence[Dead]:
        """Dead-lettered inbox rows, newest first."""
        ...

    async def counts(self, scope: OperatorScope) -> Counts:
        """How much waits."""
        ...
