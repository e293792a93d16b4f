"""Lanes in memory: what waits on each, in which order, and who is told to stop.

The store holds the truth; a lane object is what one process knows of a lane it serves or served
lately. It is strictly ordered and has at most one worker. Idle lanes are kept for a while with what
they remember (session and window), so that the next message need not read them again; how much is
kept is bounded, so memory follows the lanes that are active.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from gateway.boundary import Boundary
from gateway.domain import Action, Inbound, Message, Question, Session
from gateway.ports.store import Hold

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

_REMEMBERED_MESSAGES = 20_000


@dataclass(slots=True, kw_only=True, eq=False)
class Waiting:
    """An accepted row that waits for its turn. ``attempts`` are those already burned."""

    id: str
    task_id: str
    channel: str
    inbound: Inbound
    boundary: Boundary
    accepted_at: float
    attempts: int = 0
    told: bool = False


@dataclass(slots=True, kw_only=True)
class Memory:
    """What a lane remembers between turns; true only while nobody else claimed it since."""

    session: Session
    window: deque[Message]
    questions: list[Question] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Lane:
    """One lane. The worker is the only one that takes rows from it."""

    id: str
    rows: list[Waiting] = field(default_factory=list)
    edits: list[Waiting] = field(default_factory=list)
    hold: Hold | None = None
    held_rows: tuple[str, ...] = ()
    fence: int = 0
    memory: dict[str, Memory] = field(default_factory=dict)
    worker: asyncio.Task[None] | None = None
    current: tuple[Waiting, ...] = ()
    in_agent: bool = False
    stopping: Waiting | None = None
    revoked: bool = False
    began: float = 0.0
    typed: float = 0.0
    wake: asyncio.TimerHandle | None = None

    @property
    def weight(self) -> int:
        """How much this lane remembers, in messages."""
        return 4 + sum(len(memory.window) for memory in self.memory.values())

    def must_stop(self) -> bool:
        """Whether its person told the running turn to stop."""
        return self.stopping is not None

    def take(self) -> tuple[Waiting, ...]:
        """The rows of the next turn, its head first; edits of the head are folded into it.

        Rows that the platform orders are taken in that order; others where they arrived.
        """
        if not self.rows:
            return ()
        head = self.rows[0] if len(self.rows) == 1 else self._first()
        if not self.edits:
            return (head,)
        return (head, *(edit for edit in self.edits if _same_message(edit, head)))

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
        return any(row.id == row_id for row in (*self.rows, *self.edits, *self.current))


def _same_message(a: Waiting, b: Waiting) -> bool:
    return (
        bool(a.inbound.message_id)
        and a.inbound.message_id == b.inbound.message_id
        and a.inbound.conversation.id == b.inbound.conversation.id
    )


class Lanes:
    """Every lane this process knows."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._lanes: dict[str, Lane] = {}
        self._idle: OrderedDict[str, int] = OrderedDict()
        self._remembered = 0
        self._work: Callable[[Lane], Coroutine[Any, Any, None]] | None = None
        self._spawn: Spawn | None = None
        self.busy = 0

    def serve(self, work: Callable[[Lane], Coroutine[Any, Any, None]], spawn: Spawn) -> None:
        """From now on a lane with rows gets a worker running ``work``."""
        self._work, self._spawn = work, spawn
        for lane in list(self._lanes.values()):
            self._start(lane)

    def pause(self) -> None:
        """Start no more turns; rows keep waiting."""
        self._work = None

    def next(self, lane: Lane) -> tuple[Waiting, ...]:
        """The rows of the lane's next turn; none while paused or revoked."""
        return lane.take() if self._work is not None and not lane.revoked else ()

    def nudge(self) -> None:
        """Start every worker that should be running; a scan calls it in case one was lost."""
        for lane in list(self._lanes.values()):
            self._start(lane)

    def admit(self, lane_id: str, row: Waiting, hold: Hold | None = None) -> None:
        """Put an accepted turn row on its lane; ``hold`` when the store claimed it already."""
        lane = self._wake(lane_id)
        if lane.knows(row.id):
            return
        lane.rows.append(row)
        if hold is not None:
            self._take_hold(lane, hold, row)
        self._start(lane)

    def control(self, lane_id: str, row: Waiting) -> bool:
        """Hand a control row to its lane; False when it is too late to matter."""
        lane = self._lanes.get(lane_id)
        if lane is None:
            return False
        if row.inbound.action is Action.EDIT:
            return self._edit(lane, row)
        return row.inbound.action is Action.STOP and self._stop(lane, row)

    def revoke(self, lane_id: str) -> tuple[Waiting, ...]:
        """The lane was taken from under its worker: forget it, and return what waited there."""
        lane = self._lanes.pop(lane_id, None)
        if lane is None:
            return ()
        self._forget_idle(lane_id)
        lane.revoked = True
        if lane.wake is not None:
            lane.wake.cancel()
        if lane.in_agent and lane.worker is not None:
            lane.worker.cancel()
        left = tuple(dict.fromkeys((*lane.current, *lane.rows)))
        lane.rows.clear()
        lane.edits.clear()
        return left

    def knows(self, lane_id: str, row_id: str) -> bool:
        """Whether this row is already in memory."""
        lane = self._lanes.get(lane_id)
        return lane is not None and lane.knows(row_id)

    def waiting(self) -> int:
        """How many rows wait in memory."""
        return sum(len(lane.rows) for lane in self._lanes.values())

    def running(self) -> list[Lane]:
        """Lanes with a worker."""
        return [lane for lane in self._lanes.values() if lane.worker is not None]

    def defer(self, lane: Lane, seconds: float) -> None:
        """Start the lane's worker again after ``seconds``."""
        if lane.wake is not None:
            lane.wake.cancel()
        lane.wake = self._loop.call_later(seconds, self._due, lane)

    def finish(self, lane: Lane) -> None:
        """The worker of ``lane`` ends; with nothing left to do the lane goes idle."""
        lane.worker = None
        lane.stopping = None
        self.busy -= 1
        if lane.revoked:
            return
        if lane.wake is None and not lane.rows:
            self._rest(lane)

    def _wake(self, lane_id: str) -> Lane:
        lane = self._lanes.get(lane_id)
        if lane is None:
            lane = self._lanes[lane_id] = Lane(lane_id)
        else:
            self._forget_idle(lane_id)
        return lane

    def _take_hold(self, lane: Lane, hold: Hold, row: Waiting) -> None:
        if hold.fence != lane.fence + 1:
            lane.memory.clear()
        lane.hold, lane.fence, lane.held_rows = hold, hold.fence, (row.id,)

    def _due(self, lane: Lane) -> None:
        lane.wake = None
        self._start(lane)

    def _start(self, lane: Lane) -> None:
        if lane.wake is not None:
            if lane.stopping is None:
                return
            lane.wake.cancel()
            lane.wake = None
        if lane.worker is None and lane.rows and self._work and self._spawn and not lane.revoked:
            self.busy += 1
            lane.worker = self._spawn(self._work(lane))

    def _rest(self, lane: Lane) -> None:
        weight = lane.weight
        self._idle[lane.id] = weight
        self._remembered += weight
        while self._remembered > _REMEMBERED_MESSAGES:
            oldest, freed = self._idle.popitem(last=False)
            self._remembered -= freed
            del self._lanes[oldest]

    def _forget_idle(self, lane_id: str) -> None:
        self._remembered -= self._idle.pop(lane_id, 0)

    def _edit(self, lane: Lane, edit: Waiting) -> bool:
        running = {row.id for row in lane.current}
        if not any(_same_message(edit, row) for row in lane.rows if row.id not in running):
            return False
        if not lane.knows(edit.id):
            lane.edits.append(edit)
        return True

    def _stop(self, lane: Lane, stop: Waiting) -> bool:
        begun = lane.current or lane.wake is not None or any(row.attempts for row in lane.rows)
        if not begun or lane.stopping is not None or not lane.rows:
            return False
        lane.stopping = stop
        if lane.in_agent and lane.worker is not None:
            lane.worker.cancel()
        elif lane.worker is None:
            self._start(lane)
        return True
