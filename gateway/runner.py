"""The glue: claim a lane's next turn, gather what it may see, run the agent, commit.

One worker per lane with something to do; it ends when the lane is empty or has to wait. This is the
second of the two places (with ``outbox``) where a failure domain ends: whatever an agent raises
becomes a retry or a notice, never the end of the lane.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gateway import commands, context, questions, turn
from gateway import observability as obs
from gateway.channels import Channel
from gateway.domain import Attachment, Delivery, Message, Outcome, Role, Session, new_id
from gateway.errors import Fenced, LimitExceeded, Unavailable
from gateway.failpoints import failpoint
from gateway.fetching import fetched
from gateway.hearing import Hands, Hearing, listen
from gateway.lane import Lane, Memory, Showing, Waiting
from gateway.lanes import Lanes
from gateway.limits import RunningSlots, variables_json
from gateway.live import Live
from gateway.notices import AWAY, FAILED, GAVE_UP, STOPPED
from gateway.ports.agent import Agent, File
from gateway.ports.host import Files
from gateway.ports.records import Effects, Hold, LaneScope, RowEnd, RowRetry
from gateway.ports.store import Store
from gateway.seen import Seen

MAX_ATTEMPTS = 5
PREVIEW_WITHIN = 5.0
"""Seconds an answer waits for the last preview of it, which it is to replace."""
_BACKOFF = (0.5, 1.0, 2.0, 4.0)


class Runner:
    """Runs turns."""

    def __init__(
        self,
        *,
        store: Store,
        lanes: Lanes,
        put: Callable[[Iterable[Delivery]], None],
        idle: Callable[[str, str], bool],
        live: Live,
        channels: Mapping[str, Channel],
        agents: Mapping[str, Agent],
        slots: RunningSlots,
        files: Files,
        left: Callable[[Waiting], None],
        grown: Callable[[Lane, str], None],
        history_messages: int = 50,
        variables_bytes: int = 1_048_576,
        tell_after: float = 30.0,
        give_up_after: float = 900.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._put = put
        self._idle = idle
        self._live = live
        self._channels = channels
        self._agents = agents
        self._slots = slots
        self._files = files
        self._left = left
        self._grown = grown
        self._absent: set[str] = set()
        self._history = history_messages
        self._variables_bytes = variables_bytes
        self._tell_after = tell_after
        self._give_up_after = give_up_after
        self._clock = clock
        self._answered = obs.TURNS.labels(Outcome.ANSWERED.value)

    async def work(self, lane: Lane) -> None:
        """Serve ``lane`` until it is empty, has to wait, or is no longer ours."""
        try:
            while rows := self._lanes.next(lane):
                lane.current = rows
                if not await self._claimed(lane, rows):
                    continue
                more = await self._turn(lane, rows)
                lane.current = ()
                await self._afterwards(lane)
                if more:
                    await self._late_stop(lane)
                elif not lane.must_stop():
                    break
        except Fenced:
            obs.log.info(obs.Event.LANE_FENCED, lane=lane.id)
            self._lanes.revoke(lane.id)
        except Unavailable as error:
            self._lanes.defer(lane, error.retry_after)
        except asyncio.CancelledError:
            await self._requeue(lane)
            raise
        finally:
            lane.current = ()
            lane.in_agent = False
            self._lanes.finish(lane)

    async def _claimed(self, lane: Lane, rows: tuple[Waiting, ...]) -> bool:
        """Hold the lane for exactly these rows; rows that others settled are dropped."""
        ids = tuple(row.id for row in rows)
        if lane.hold is not None and lane.held_rows == ids:
            for row in rows:
                row.attempts = max(row.attempts, 1)
            return True
        hold, claimed = await self._store.claim(lane.id, ids)
        if hold.fence != lane.fence + 1:
            lane.memory.clear()
        lane.hold, lane.fence = hold, hold.fence
        attempts = {row.id: row.attempts for row in claimed}
        gone = tuple(row for row in rows if row.id not in attempts)
        for row in rows:
            row.attempts = attempts.get(row.id, row.attempts)
        lane.drop(gone)
        lane.held_rows = tuple(row.id for row in rows if row not in gone)
        return not gone

    async def _turn(self, lane: Lane, rows: tuple[Waiting, ...]) -> bool:
        """One turn, to its commit; false when the lane has to wait before the next."""
        head, channel = rows[0], self._channels[rows[0].channel]
        agent = head.inbound.agent or channel.agent
        memory = await context.recall(self._store, lane, agent, self._history)
        seen = context.see(lane, channel, agent, memory, self._clock())
        if not channel.transcript and self._idle(lane.id, seen.inbound.address.destination):
            seen = replace(seen, start_first=True)
        command = commands.parse(seen.inbound.text)
        over = channel.over(memory.session, head.accepted_at) if memory and not command else ""
        if over:
            seen, memory = context.afresh(seen, seen.inbound.text, preface=over), None
        if lane.doomed(head):
            return await self._notice(lane, agent, seen, "", Outcome.CANCELLED)
        if lane.must_stop():
            return await self._stopped(lane, agent, seen)
        if head.attempts > MAX_ATTEMPTS:
            return await self._notice(lane, agent, seen, FAILED, Outcome.FAILED, dead=True)
        matched = questions.match(() if over else seen.open_questions, seen.inbound, seen.now)
        if command is None and matched.too_late:
            return await self._notice(lane, agent, seen, matched.too_late, Outcome.REFUSED)
        if command is None and matched.answer is not None:
            task_id = matched.answer.question.task_id
            seen = replace(seen, answer=matched.answer, task_id=task_id)
        said = await context.said_before(self._store, seen) if head.attempts > 1 else ()
        if said:
            seen = context.resumed(seen, said)
        elif command is not None:
            facts = context.facts(lane, seen, channel, agent)
            if command.name == "sessions":
                facts = await context.with_sessions(self._store, lane, seen, facts)
            decision = commands.decide(command, facts)
            if not decision.first_message:
                return await self._command(lane, agent, seen, decision)
            seen, memory = context.afresh(seen, decision.first_message), None
        try:
            seen = await fetched(self._files, channel, seen) if seen.inbound.attachments else seen
        except Unavailable as error:
            return await self._away(lane, agent, seen, error)
        return await self._run(lane, agent, seen, memory, said)

    async def _command(
        self, lane: Lane, agent: str, seen: Seen, decision: commands.Decision
    ) -> bool:
        lane.drop(lane.current)
        effects = turn.command(seen, decision, _ids(self._lanes.next(lane)))
        await self._commit(lane, agent, effects)
        obs.TURNS.labels("command").inc()
        return True

    async def _run(
        self,
        lane: Lane,
        name: str,
        seen: Seen,
        memory: Memory | None,
        said: Sequence[Message],
    ) -> bool:
        """Run the agent; whatever it raises ends here."""
        published = tuple(m.text for m in said if m.role is Role.ASSISTANT)
        prepared = context.build(seen, lane.current[0], name, memory, published, self._files.read)
        hearing = Hearing(seen, published=bool(published))
        hands = Hands(publish=partial(self._publish, lane, name), keep=self._keep)
        lane.showing = Showing(task_id=seen.task_id, pieces=hearing.pieces, message_id=seen.preview)
        if prepared.attempt > 1:
            self._live.again(seen.session.id, seen.task_id)
        try:
            events = self._agents[name].run(prepared)
            try:
                await listen(lane, events, hearing, self._slots, self._live, hands)
            finally:
                await self._shown(lane, hearing)
            changed = self._changed_variables(seen.session, prepared.variables)
        except Unavailable as error:
            return await self._away(lane, name, hearing.seen, error)
        except LimitExceeded as error:
            return await self._notice(lane, name, hearing.seen, str(error), Outcome.FAILED)
        except Exception as error:
            obs.log.exception(obs.Event.AGENT_FAILED, agent=name, lane=lane.id, task=seen.task_id)
            obs.AGENT_ERRORS.labels(name).inc()
            return await self._again(lane, name, hearing.seen, error)
        if lane.must_stop():
            return await self._stopped(lane, name, hearing.seen, hearing.text)
        if hearing.broken:
            lane.amended = False
            return True
        return await self._answer(lane, name, hearing, changed)

    async def _shown(self, lane: Lane, hearing: Hearing) -> None:
        """What is said at the end becomes the preview, so its id has to be known by then."""
        showing, lane.showing = lane.showing, None
        if showing is None:
            return
        if showing.under_way is not None:
            await asyncio.wait((showing.under_way,), timeout=PREVIEW_WITHIN)
        if showing.message_id != hearing.seen.preview:
            hearing.seen = replace(hearing.seen, preview=showing.message_id)

    def _changed_variables(self, session: Session, after: dict[str, Any]) -> dict[str, Any] | None:
        own = context.own_variables(after)
        if own == session.variables:
            return None
        variables_json(own, self._variables_bytes)
        return own

    async def _publish(self, lane: Lane, agent: str, text: str, hearing: Hearing) -> None:
        seen = context.up_to_date(lane, agent, hearing.seen)
        effects, hearing.seen = turn.publish(seen, text)
        await self._commit(lane, agent, effects)

    async def _keep(self, file: File, hearing: Hearing) -> Attachment:
        async def content() -> AsyncIterator[bytes]:
            yield file.data

        return await self._files.keep(
            hearing.seen.session, file.name, content(), media_type=file.media_type
        )

    # endings

    async def _answer(
        self, lane: Lane, agent: str, hearing: Hearing, variables: dict[str, Any] | None
    ) -> bool:
        rows = lane.current
        lane.drop(rows)
        seen = replace(context.up_to_date(lane, agent, hearing.seen), now=self._clock())
        said = hearing.said(variables)
        effects, _ = turn.answer(seen, said, _ids(self._lanes.next(lane)))
        await self._commit(lane, agent, effects)
        if agent in self._absent:
            self._absent.discard(agent)
            obs.log.info(obs.Event.AGENT_BACK, agent=agent)
        self._answered.inc()
        obs.TURN_SECONDS.observe(seen.now - rows[0].accepted_at)
        return True

    async def _notice(
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
        lane.drop(lane.current)
        rows = _ids(self._lanes.next(lane))
        effects, _ = turn.notice(seen, text, outcome, rows, dead=dead, stop=stop, partial=partial)
        await self._commit(lane, agent, effects)
        obs.TURNS.labels(outcome.value).inc()
        return True

    async def _stopped(self, lane: Lane, agent: str, seen: Seen, partial: str = "") -> bool:
        """What was said until then is kept: it has been read."""
        row, lane.stopping = lane.stopping, None
        lane.amended = False
        partial = partial if partial.strip() else ""
        stop = None
        if row is not None:
            stop = RowEnd(row_id=row.id, outcome=Outcome.ANSWERED, task_id=row.task_id)
        return await self._notice(
            lane, agent, seen, STOPPED, Outcome.CANCELLED, stop=stop, partial=partial
        )

    async def _afterwards(self, lane: Lane) -> None:
        """Edits and deletions of messages whose turn is over change what was said."""
        for change in lane.settled():
            scope, revisions = LaneScope(lane_id=lane.id), change.revisions()
            await self._store.revise(change.id, scope, revisions)
            lane.revise(revisions)

    async def _late_stop(self, lane: Lane) -> None:
        """A stop that came while the turn was being committed has nothing left to stop."""
        stop, lane.stopping = lane.stopping, None
        if stop is not None:
            await self._store.end_control(stop.id, Outcome.SILENT, ())

    async def _away(self, lane: Lane, agent: str, seen: Seen, error: Unavailable) -> bool:
        """What the agent needs is away: the lane waits, and no attempt burns."""
        if lane.must_stop():
            return await self._stopped(lane, agent, seen)
        if agent not in self._absent:
            self._absent.add(agent)
            obs.log.warning(obs.Event.AGENT_AWAY, agent=agent, reason=str(error))
        head = lane.current[0]
        age = self._clock() - head.accepted_at
        if self._give_up_after and age >= self._give_up_after:
            return await self._notice(lane, agent, seen, GAVE_UP, Outcome.FAILED)
        tell = AWAY if age >= self._tell_after and not head.told else ""
        head.told = head.told or bool(tell)
        await self._retry(lane, agent, seen, min(error.retry_after, 60.0), refund=True, tell=tell)
        return False

    async def _again(self, lane: Lane, agent: str, seen: Seen, error: Exception) -> bool:
        """An attempt burned: another one a little later, or the dead letters."""
        if lane.must_stop():
            return await self._stopped(lane, agent, seen)
        head = lane.current[0]
        if head.attempts >= MAX_ATTEMPTS:
            obs.log.error(obs.Event.ROW_DEAD, row=head.id, lane=lane.id, error=type(error).__name__)
            return await self._notice(lane, agent, seen, FAILED, Outcome.FAILED, dead=True)
        await self._retry(lane, agent, seen, _BACKOFF[head.attempts - 1], refund=False)
        return False

    async def _retry(
        self, lane: Lane, agent: str, seen: Seen, pause: float, *, refund: bool, tell: str = ""
    ) -> None:
        due = self._clock() + pause
        effects = turn.retry(seen, not_before=due, refund=refund, tell=tell)
        await self._commit(lane, agent, effects)
        for row in lane.current:
            row.attempts -= refund
        self._lanes.defer(lane, pause)

    async def _requeue(self, lane: Lane) -> None:
        """Cut off by a shutdown: the rows wait again, and the attempt does not count."""
        if lane.revoked or lane.hold is None or not lane.held_rows:
            return
        retries = tuple(RowRetry(row_id=r, not_before=0.0, refund=True) for r in lane.held_rows)
        effects = Effects(turn_id=new_id(), hold=lane.hold, retries=retries, release=True)
        try:
            async with asyncio.timeout(2.0):
                await asyncio.shield(self._store.commit(effects))
        except (Fenced, Unavailable, TimeoutError):
            obs.log.info(obs.Event.WORK_LEFT, lane=lane.id)

    # commits

    async def _commit(self, lane: Lane, agent: str, effects: Effects) -> None:
        """Commit 2, and what follows from it here: memory, outbox, watchers."""
        failpoint("before-commit-2")
        hold = await self._stored(effects)
        failpoint("after-commit-2")
        ends = effects.release or effects.claim_next
        if ends and lane.hold is effects.hold:
            lane.hold, lane.held_rows = hold, effects.claim_next
        if hold is not None:
            lane.fence = hold.fence
        for row in lane.rows if effects.claim_next else ():
            row.attempts += row.id in effects.claim_next
        context.keep(lane, agent, effects, self._history)
        self._put(effects.deliveries)
        self._live.committed(effects)
        self._grown(lane, agent)
        if ends and not effects.retries:
            taken = {delivery.replaces for delivery in effects.deliveries}
            for row in lane.current:
                if row.preview and row.preview not in taken:
                    self._left(row)

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


def _ids(rows: tuple[Waiting, ...]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
