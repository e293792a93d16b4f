"""The store's contract: two commits, a few marks, and reads that cannot be asked without a scope.

Writes given at the same instant share one transaction (group commit); each is all or nothing by
itself, and one bad item never takes its neighbours down. A write that returned is durable. When
the database is away every method raises ``Unavailable``, and nothing of the write was kept, or all
of it: an ambiguous commit is settled by reading back before the call returns or raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from gateway.domain import (
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Question,
    Session,
    Summary,
    Task,
)
from gateway.ports.records import (
    Accepted,
    Arrival,
    Counts,
    Credential,
    Dead,
    Effects,
    FileScope,
    Forgotten,
    Hold,
    LaneScope,
    Mark,
    OperatorScope,
    Owned,
    PersonScope,
    Revision,
    Row,
    SessionQuery,
    SessionScope,
    StoredFile,
    TokenScope,
)
from gateway.ports.shelves import Erasing, Shelves


class Store(Shelves, Erasing, Protocol):
    """Holds the truth. What outlives a session stands in ``gateway.ports.shelves``."""

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

    async def revise(self, row_id: str, scope: LaneScope, revisions: Sequence[Revision]) -> bool:
        """A control row is done (``answered``, or ``answered-with-nothing`` when no message of the
        lane's sessions had such an origin); edited texts are replaced; deleted ones become empty,
        out of context, without sender's text, quote or attachments. Returns whether any was found.
        """
        ...

    async def preview(self, row_id: str, message_id: str) -> None:
        """Remember on a waiting or claimed row which platform message shows its answer."""
        ...

    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        """A group has another id: each of its lanes answers to a key with the new id too.

        Where a lane stands under the new key already, the one with the older live session goes on
        under both keys; the other's waiting rows are put on it, the other's live sessions end, and
        its fence rises. All its sessions, and its owner's data, facts and items, are those of the
        lane that goes on and of its owner, whose own come first. Idempotent. Returns the ids of
        lanes that lost their rows: whoever serves them in memory has to let go.
        """
        ...

    async def link(self, channel: str, owner: str, keys: tuple[str, str]) -> Sequence[str]:
        """One person has two ids: both lane keys lead to one lane, founded if there is none.

        As ``move`` where each leads to another lane already. Idempotent.
        """
        ...

    async def put_summary(self, scope: SessionScope, summary: Summary) -> bool:
        """Store what was made of revision ``summary.revision``, as the next one.

        Not when another stands by now, since messages were edited or deleted, or the session is
        gone: False then.
        """
        ...

    async def bookmark(
        self, marks: Mapping[tuple[str, str], str], now: float, *, lasting: bool = False
    ) -> None:
        """Remember positions by (channel, place); see ``Bookmarks``."""
        ...

    async def rename_session(self, scope: SessionScope, name: str) -> Session:
        """Call a live session by another name. Raises ``LookupError`` when it is over."""
        ...

    async def add_file(self, file: StoredFile) -> None:
        """Record a file whose content is on disk already. Its session need not exist yet."""
        ...

    async def create_session(self, session: Session, lane_key: str, key: Credential) -> Session:
        """A lane of its own (founded by ``lane_key``), a session on it, and what opens it.

        The result's ``lane_id`` is the lane's.
        """
        ...

    async def ensure_session(
        self, session: Session, lane_key: str, key: Credential, *, strict: bool
    ) -> tuple[Session, bool]:
        """As ``create_session``, unless a session with this agent lives on the lane already: then
        the key opens that one too. Returns it, and whether it is new.

        A lane that stands already keeps its owner; ``strict`` raises ``LookupError`` where that is
        another than the session's. Of dated keys a session has the newest 20.
        """
        ...

    async def open_session(self, scope: PersonScope, session_id: str, key: Credential) -> Session:
        """The key opens a live session of the owner too. Raises ``LookupError`` for any other."""
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

    async def delete_session(self, scope: SessionScope) -> Sequence[str]:
        """End it and delete all of it but deduplication keys. Raises ``LookupError``.

        Where it would have expired and was its owner's last on the channel, the owner's data, facts
        and items go too. Returns the digests of contents that nobody else refers to.
        """
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

    async def search(self, scope: SessionScope, text: str, limit: int = 50) -> Sequence[Message]:
        """Messages of this session with ``text`` in them, whatever its case, newest first."""
        ...

    async def file(self, scope: SessionScope | FileScope, file_id: str) -> StoredFile | None:
        """One file, if the scope allows it."""
        ...

    async def known_digests(self, scope: OperatorScope, digests: Sequence[str]) -> frozenset[str]:
        """Which of these some file, or something on a shelf, still refers to."""
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

    async def summary(self, scope: SessionScope) -> Summary:
        """What the session's older messages come to, as it stands."""
        ...

    async def sessions_on(self, scope: LaneScope, agent: str, limit: int) -> Sequence[Session]:
        """The lane's sessions with this agent, also those that have ended, the latest first."""
        ...

    async def live_sessions(
        self, scope: PersonScope, *, agent: str = "", after_id: str = "", limit: int = 50
    ) -> Sequence[Owned]:
        """The owner's live sessions (with this agent), the most recently active first; those
        behind ``after_id``, where it is one of them."""
        ...

    async def question(self, scope: LaneScope, question_id: str) -> tuple[Question, str] | None:
        """A question of a session on this lane and its state (``open``, ``answered``, …)."""
        ...

    async def pending(
        self, scope: LaneScope | OperatorScope, *, destination: str = "", limit: int = 1000
    ) -> Sequence[Delivery]:
        """Deliveries not settled, in sending order."""
        ...

    async def last_sent(self, scope: LaneScope, destination: str) -> str:
        """The platform's id of the last delivery sent from this lane to there; empty if none."""
        ...

    async def has_lane(self, lane_key: str) -> bool:
        """Whether a lane answers to this key."""
        ...

    async def bookmarks(self, channel: str, limit: int, under: str = "") -> Mapping[str, str]:
        """A channel's positions by place, the newest first; of places that begin so."""
        ...

    async def sessions(self, scope: OperatorScope, query: SessionQuery) -> Sequence[Session]:
        """Sessions for operators."""
        ...

    async def asking(self, scope: OperatorScope, session_ids: Sequence[str]) -> frozenset[str]:
        """Which of these sessions have a question that waits for its answer."""
        ...

    async def deliveries(
        self, scope: OperatorScope, states: Sequence[DeliveryState], limit: int = 100
    ) -> Sequence[Delivery]:
        """Deliveries in these states, newest first."""
        ...

    async def held(
        self, scope: OperatorScope, *, channel: str = "", destination: str = ""
    ) -> Sequence[Delivery]:
        """Deliveries that are held, in the order of their making; those for one destination."""
        ...

    async def sent_as(
        self, scope: OperatorScope, channel: str, platform_id: str
    ) -> Delivery | None:
        """The delivery that was sent as this message, if it was made in the last days."""
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
