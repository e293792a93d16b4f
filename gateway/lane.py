"""One lane in memory: what waits on it, in which order, and what it remembers between turns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from gateway.boundary import Boundary
from gateway.domain import Action, Inbound, Message, Question, Session, Summary
from gateway.limits import tokens
from gateway.ports.records import Hold, Revision, Standing

EVERYDAY_LENGTH = 1000
"""Characters within which a message is as any other."""


@dataclass(slots=True, kw_only=True, eq=False)
class Waiting:
    """An accepted row that waits for its turn. ``attempts`` are those already burned; ``preview``
    is the platform's id of a message that shows its answer being written."""

    id: str
    task_id: str
    channel: str
    inbound: Inbound
    boundary: Boundary
    accepted_at: float
    attempts: int = 0
    told: bool = False
    preview: str = ""

    @property
    def origin(self) -> str:
        """See ``Message.origin``."""
        return origin(self.inbound, self.inbound.message_id)

    def concerns(self, row: Waiting) -> bool:
        """Whether this edit or deletion is one of the message that ``row`` is."""
        one, other = self.inbound, row.inbound
        if not other.message_id or one.conversation.id != other.conversation.id:
            return False
        if one.action is Action.DELETE:
            return other.message_id in one.deleted
        return one.message_id == other.message_id

    def revisions(self) -> tuple[Revision, ...]:
        """What this edit or deletion changes in what was said before."""
        said = self.inbound
        if said.action is Action.DELETE:
            return tuple(Revision(origin=origin(said, one), text=None) for one in said.deleted)
        return (Revision(origin=self.origin, text=said.text),)


@dataclass(slots=True, kw_only=True)
class Memory:
    """What a lane remembers between turns; true only while nobody else claimed it since.

    ``summary`` is not tried again before message number ``condense_from``: it failed.
    """

    session: Session
    window: deque[Message]
    questions: list[Question] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    condense_from: int = 0

    @property
    def weight(self) -> int:
        """How much this is, in messages of everyday length."""
        length = sum([len(message.text) for message in self.window])
        if self.session.variables:
            length += len(orjson.dumps(self.session.variables))
        return len(self.window) + length // EVERYDAY_LENGTH


@dataclass(slots=True, kw_only=True, eq=False)
class Showing:
    """What people see of an answer while it is written. ``pieces`` grow as the agent speaks;
    ``shown`` counts those that are shown, since ``at`` (the loop's time)."""

    task_id: str
    pieces: list[str]
    message_id: str = ""
    shown: int = 0
    at: float = 0.0
    under_way: asyncio.Task[None] | None = None


@dataclass(slots=True, eq=False)
class Lane:
    """One lane. The worker is the only one that takes rows from it.

    ``edits`` are folded into the turn of the row they concern; ``afterwards`` has what concerns a
    row whose turn must be over first: deletions, and edits that came too late to be folded.
    ``amended`` says that the running turn has to begin again, with an edit or not at all;
    ``spoken``, that it has published something and cannot. ``standing`` is what the store says of
    the lane, once it was asked. ``changes`` counts what was changed from outside of what was said,
    or of a session: what was read before may be older.
    """

    id: str
    rows: list[Waiting] = field(default_factory=list)
    edits: list[Waiting] = field(default_factory=list)
    afterwards: list[Waiting] = field(default_factory=list)
    hold: Hold | None = None
    held_rows: tuple[str, ...] = ()
    fence: int = 0
    memory: dict[str, Memory] = field(default_factory=dict)
    standing: Standing | None = None
    changes: int = 0
    worker: asyncio.Task[None] | None = None
    current: tuple[Waiting, ...] = ()
    in_agent: bool = False
    spoken: bool = False
    amended: bool = False
    showing: Showing | None = None
    stopping: Waiting | None = None
    revoked: bool = False
    began: float = 0.0
    typed: float = 0.0
    wake: asyncio.TimerHandle | None = None

    @property
    def weight(self) -> int:
        """How much this lane remembers, in messages."""
        return 4 + sum(memory.weight for memory in self.memory.values())

    def forget(self) -> None:
        """Somebody else had the lane meanwhile, or it was changed from outside."""
        self.memory.clear()
        self.standing = None

    def must_stop(self) -> bool:
        """Whether its person told the running turn to stop."""
        return self.stopping is not None

    def must_break(self) -> bool:
        """Whether the running turn must not go on, for whatever reason."""
        return self.stopping is not None or self.amended

    def doomed(self, row: Waiting) -> bool:
        """Whether the message that ``row`` is was deleted by its author."""
        return any(
            later.inbound.action is Action.DELETE and later.concerns(row)
            for later in self.afterwards
        )

    def take(self) -> tuple[Waiting, ...]:
        """The rows of the next turn, its head first; the other parts of an album and edits are
        folded into it.

        Rows that the platform orders are taken in that order; others where they arrived.
        """
        if not self.rows:
            return ()
        head = self.rows[0] if len(self.rows) == 1 else self._first()
        if not self.edits and not head.inbound.album:
            return (head,)
        parts = self.album(head)
        return (*parts, *(e for e in self.edits if any(e.concerns(part) for part in parts)))

    def album(self, head: Waiting) -> list[Waiting]:
        """The parts of the album that ``head`` begins, in the platform's order; or just itself."""
        album, place = head.inbound.album, head.inbound.conversation.id
        if not album:
            return [head]
        parts = [
            row
            for row in self.rows
            if row.inbound.album == album and row.inbound.conversation.id == place
        ]
        parts.sort(key=lambda row: row.inbound.order)
        return parts

    def _first(self) -> Waiting:
        head = next((row for row in self.rows if row.attempts), self.rows[0])
        if head.attempts or not head.inbound.order:
            return head
        place = head.inbound.conversation.id
        rivals = [r for r in self.rows if r.inbound.order and r.inbound.conversation.id == place]
        return min(rivals, key=lambda row: row.inbound.order)

    def drop(self, rows: tuple[Waiting, ...]) -> None:
        """These rows are settled, or about to be."""
        for row in rows:
            (self.rows if row in self.rows else self.edits).remove(row)

    def knows(self, row_id: str) -> bool:
        """Whether the row is here already, waiting or being worked on."""
        here = (self.rows, self.edits, self.afterwards, self.current)
        return any(row.id == row_id for rows in here for row in rows)

    def settled(self) -> list[Waiting]:
        """Take out what waited for rows that are over by now."""
        over = [
            later
            for later in self.afterwards
            if not any(later.concerns(row) for row in (*self.rows, *self.current))
        ]
        if over:
            self.afterwards = [later for later in self.afterwards if later not in over]
        return over

    def given(self, session: Session, field_name: str) -> None:
        """Something of a session, its name for one, is another now, in the store already."""
        self.changes += 1
        changed: dict[str, Any] = {field_name: getattr(session, field_name)}
        for memory in self.memory.values():
            if memory.session.id == session.id:
                version = max(memory.session.version, session.version)
                memory.session = replace(memory.session, version=version, **changed)

    def revise(self, revisions: tuple[Revision, ...]) -> None:
        """Remember what was said as it was edited, and forget what was deleted."""
        self.changes += 1
        changed = {revision.origin: revision.text for revision in revisions}
        for memory in self.memory.values():
            numbers = {message.origin: message.number for message in memory.window}
            if any(numbers.get(place, 0) <= memory.summary.upto for place in changed):
                memory.summary, memory.condense_from = Summary(), 0
            kept = (
                message if message.origin not in changed else _revised(message, changed)
                for message in memory.window
            )
            window = [message for message in kept if message is not None]
            memory.window = deque(window, maxlen=memory.window.maxlen)


def tokens_of(message: Message) -> int:
    """How many a model reads in it, or so."""
    return tokens(message.text, message.quote.text) if message.quote else tokens(message.text)


def newest_within(messages: Sequence[Message], most: int) -> tuple[Message, ...]:
    """The longest run of the newest of them that is within so many tokens; one at least."""
    length, total = 0, 0
    for message in reversed(messages):
        total += tokens_of(message)
        if total > most and length:
            break
        length += 1
    return tuple(messages)[len(messages) - length :]


def origin(inbound: Inbound, message_id: str) -> str:
    """See ``Message.origin``; empty where the platform names no message."""
    return f"{inbound.conversation.id}/{message_id}" if message_id else ""


def _revised(message: Message, changed: dict[str, str | None]) -> Message | None:
    text = changed[message.origin]
    return None if text is None else replace(message, text=text)
