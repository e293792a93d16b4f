"""How a turn ends: each way is one commit, and what follows from it in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from gateway import context, lifecycle, turn
from gateway import observability as obs
from gateway.domain import Delivery, Outcome
from gateway.errors import LimitExceeded, Unavailable
from gateway.failpoints import failpoint
from gateway.hearing import Hearing
from gateway.lane import Lane, Waiting
from gateway.lanes import Lanes
from gateway.live import Live
from gateway.longterm import LongTerm
from gateway.notices import AWAY, BUSY, FAILED, GAVE_UP, STOPPED
from gateway.ports.records import Effects, Hold, RowEnd
from gateway.ports.store import Store
from gateway.seen import Changes, Seen

MAX_ATTEMPTS = 5
_BACKOFF = (0.5, 1.0, 2.0, 4.0)


class Endings:
    """Ends turns."""

    def __init__(
        self,
        *,
        store: Store,
        longterm: LongTerm,
        lanes: Lanes,
        put: Callable[[Iterable[Delivery]], None],
        live: Live,
        left: Callable[[Waiting], None],
        grown: Callable[[Lane, str], None],
        history_messages: int = 50,
        tell_after: float = 30.0,
        give_up_after: float = 900.0,
        idle_after: float = 1800.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._longterm = longterm
        self._lanes = lanes
        self._put = put
        self._live = live
        self._left = left
        self._grown = grown
        self._absent: set[str] = set()
        self._history = history_messages
        self.tell_after = tell_after
        self._give_up_after = give_up_after
        self._idle_after = idle_after
        self._clock = clock
        self._answered = obs.TURNS.labels(Outcome.ANSWERED.value)

    async def answer(self, lane: Lane, agent: str, hearing: Hearing, changes: Changes) -> bool:
        """The agent ran to its end. What is then more than a limit allows is a failure, told."""
        rows = lane.current
        lane.drop(rows)
        seen = replace(context.up_to_date(lane, agent, hearing.seen), now=self._clock())
        said, following = hearing.said(changes), ids(self._lanes.next(lane))
        effects, _ = turn.answer(seen, said, following)
        try:
            await self.commit(lane, agent, effects)
        except LimitExceeded as error:
            if error.limit:
                obs.LIMITS.labels(error.limit).inc()
            return await self._told(lane, agent, seen, str(error), Outcome.FAILED, following)
        if agent in self._absent:
            self._absent.discard(agent)
            obs.log.info(obs.Event.AGENT_BACK, agent=agent)
        self._answered.inc()
        obs.TURN_SECONDS.observe(seen.now - rows[0].accepted_at)
        return True

    async def notice(
        self,
        lane: Lane,
        agent: str,
        seen: Seen,
        text: str,
        outcome: Outcome,
        *,
        dead: bool = False,
        stop: RowEnd | None = None,
        partial: str = "",
    ) -> bool:
        """The turn ends without an answer, and the person is told why."""
        lane.drop(lane.current)
        following = ids(self._lanes.next(lane))
        return await self._told(
            lane, agent, seen, text, outcome, following, dead=dead, stop=stop, partial=partial
        )

    async def _told(
        self,
        lane: Lane,
        agent: str,
        seen: Seen,
        text: str,
        outcome: Outcome,
        following: tuple[str, ...],
        **how: Any,
    ) -> bool:
        effects, _ = turn.notice(seen, text, outcome, following, **how)
        await self.commit(lane, agent, effects)
        obs.TURNS.labels(outcome.value).inc()
        return True

    async def stopped(self, lane: Lane, agent: str, seen: Seen, partial: str = "") -> bool:
        """What was said until then is kept: it has been read."""
        row, lane.stopping = lane.stopping, None
        lane.amended = False
        partial = partial if partial.strip() else ""
        stop = None
        if row is not None:
            stop = RowEnd(row_id=row.id, outcome=Outcome.ANSWERED, task_id=row.task_id)
        return await self.notice(
            lane, agent, seen, STOPPED, Outcome.CANCELLED, stop=stop, partial=partial
        )

    async def away(self, lane: Lane, agent: str, seen: Seen, error: Unavailable) -> bool:
        """What the agent needs is away: the lane waits, and no attempt burns."""
        if lane.must_stop():
            return await self.stopped(lane, agent, seen)
        if agent not in self._absent:
            self._absent.add(agent)
            obs.log.warning(obs.Event.AGENT_AWAY, agent=agent, reason=str(error))
        head = lane.current[0]
        age = self._clock() - head.accepted_at
        if self._give_up_after and age >= self._give_up_after:
            return await self.notice(lane, agent, seen, GAVE_UP, Outcome.FAILED)
        tell = AWAY if age >= self.tell_after and not head.told else ""
        head.told = head.told or bool(tell)
        await self.retry(lane, agent, seen, min(error.retry_after, 60.0), refund=True, tell=tell)
        return False

    async def again(self, lane: Lane, agent: str, seen: Seen, error: Exception) -> bool:
        """An attempt burned: another one a little later, or the dead letters."""
        if lane.must_stop():
            return await self.stopped(lane, agent, seen)
        head = lane.current[0]
        if head.attempts >= MAX_ATTEMPTS:
            obs.log.error(obs.Event.ROW_DEAD, row=head.id, lane=lane.id, error=type(error).__name__)
            return await self.notice(lane, agent, seen, FAILED, Outcome.FAILED, dead=True)
        await self.retry(lane, agent, seen, _BACKOFF[head.attempts - 1], refund=False)
        return False

    async def retry(
        self, lane: Lane, agent: str, seen: Seen, pause: float, *, refund: bool, tell: str = ""
    ) -> None:
        """The rows wait for ``pause`` seconds, and their turn begins again."""
        due = self._clock() + pause
        effects = turn.retry(seen, not_before=due, refund=refund, tell=tell)
        await self.commit(lane, agent, effects)
        for row in lane.current:
            row.attempts -= refund
        self._lanes.defer(lane, pause)

    async def busy(self, lane: Lane, agent: str, seen: Seen) -> None:
        """Others run first, and it takes long: the person is told so, once."""
        obs.LIMITS.labels("running_sessions").inc()
        head = lane.current[0]
        if head.told:
            return
        head.told = True
        self._live.step(seen.session.id, seen.task_id, BUSY)
        if not seen.transcript:
            await self.commit(lane, agent, turn.excuse(seen, BUSY))

    # commits

    async def commit(self, lane: Lane, agent: str, effects: Effects) -> None:
        """Commit 2, and what follows from it here: memory, outbox, watchers."""
        failpoint("before-commit-2")
        hold = await self._kept(effects) if effects.keepings else await self._stored(effects)
        failpoint("after-commit-2")
        ends = effects.release or effects.claim_next
        if ends and lane.hold is effects.hold:
            lane.hold, lane.held_rows = hold, effects.claim_next
        if hold is not None:
            lane.fence = hold.fence
        for row in lane.rows if effects.claim_next else ():
            row.attempts += row.id in effects.claim_next
        lifecycle.committed(lane.memory.get(agent), effects, self._idle_after)
        context.keep(lane, agent, effects, self._history)
        self._put(effects.deliveries)
        self._live.committed(effects)
        self._grown(lane, agent)
        if ends and not effects.retries:
            taken = {delivery.replaces for delivery in effects.deliveries}
            for row in lane.current:
                if row.preview and row.preview not in taken:
                    self._left(row)

    async def _kept(self, effects: Effects) -> Hold | None:
        with self._longterm.changing(effects.keepings):
            return await self._stored(effects)

    async def _stored(self, effects: Effects) -> Hold | None:
        """Wait for a store that is away: the work is done, and must not be lost."""
        pause = 0.1
        while True:
            try:
                return await self._store.commit(effects)
            except Unavailable:
                obs.STORE_UNAVAILABLE.inc()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)


def ids(rows: tuple[Waiting, ...]) -> tuple[str, ...]:
    """Their ids."""
    return tuple(row.id for row in rows)
