"""Lanes in memory: what waits on each, in which order, and who is told to stop.

The store holds the truth; a lane object is what one process knows of a lane it serves or served
lately. It is strictly ordered and has at most one worker. Idle lanes are kept for a while with what
they remember (session and window), so that the next message need not read them again; how much is
kept is bounded, so memory follows the lanes that are active.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.domain import Action, Session
from gateway.lane import Lane, Waiting
from gateway.ports.records import Hold, Revision

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

ALBUM_WAIT = 1.0
"""Seconds after the last part of an album for which its lane waits for another."""

_REMEMBERED_MESSAGES = 20_000


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
        """The rows of the lane's next turn; none while paused or revoked, or while parts of an
        album may still come."""
        if self._work is None or lane.revoked:
            return ()
        rows = lane.take()
        if rows and rows[0].inbound.album and not self._whole(lane, rows):
            return ()
        return rows

    def _whole(self, lane: Lane, rows: tuple[Waiting, ...]) -> bool:
        wait = max(row.accepted_at for row in rows) + ALBUM_WAIT - time.time()
        if wait <= 0 or lane.must_stop():
            return True
        self.defer(lane, min(wait, ALBUM_WAIT))
        return False

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
        if row.inbound.action is Action.STOP:
            return self._stop(lane, row)
        return self._amend(lane, row)

    def revised(self, lane_id: str, revisions: tuple[Revision, ...]) -> None:
        """What was said on this lane has changed in the store."""
        lane = self._lanes.get(lane_id)
        if lane is not None:
            lane.revise(revisions)

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
        lane.afterwards.clear()
        return left

    def renamed(self, session: Session) -> None:
        """A session is called by another name, in the store already."""
        lane = self._lanes.get(session.lane_id)
        if lane is not None:
            lane.given(session, "name")

    def overridden(self, session: Session) -> None:
        """A session turns on something else from now on, in the store already."""
        lane = self._lanes.get(session.lane_id)
        if lane is not None:
            lane.given(session, "overrides")

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
            lane.forget()
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

    def _amend(self, lane: Lane, change: Waiting) -> bool:
        """An edit or a deletion; false when what it concerns has long been answered."""
        here = [row for row in (*lane.rows, *lane.current) if change.concerns(row)]
        if not here or lane.knows(change.id):
            return bool(here)
        running = any(row in lane.current for row in here)
        fold = change.inbound.action is Action.EDIT
        if running and lane.in_agent and not lane.spoken and lane.worker is not None:
            lane.amended = True
            lane.worker.cancel()
        elif running:
            fold = False
        (lane.edits if fold else lane.afterwards).append(change)
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
