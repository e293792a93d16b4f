"""The glue: claim a lane's next turn, gather what it may see, run the agent, commit.

One worker per lane with something to do; it ends when the lane is empty or has to wait. This is the
second of the two places (with ``outbox``) where a failure domain ends: whatever an agent, a command
or the fetching of a file raises becomes a retry or a notice, never the end of the lane.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import orjson

from gateway import commands, context, lifecycle, questions, turn
from gateway import observability as obs
from gateway.channels import Channel
from gateway.commanding import Commanding
from gateway.domain import Attachment, Message, Outcome, Role, Session, new_id
from gateway.endings import MAX_ATTEMPTS, Endings, ids
from gateway.errors import Fenced, LimitExceeded, Unavailable
from gateway.fetching import fetched
from gateway.hearing import Hands, Hearing, listen
from gateway.lane import Lane, Memory, Showing, Waiting
from gateway.lanes import Lanes
from gateway.limits import RunningSlots, variables_json
from gateway.live import Live
from gateway.notices import FAILED
from gateway.ports.agent import Agent, File, Turn
from gateway.ports.host import Files
from gateway.ports.records import Effects, LaneScope, RowRetry
from gateway.ports.store import Store
from gateway.reach import Reach, Reaching
from gateway.seen import UNCHANGED, Changes, Seen

PREVIEW_WITHIN = 5.0
"""Seconds an answer waits for the last preview of it, which it is to replace."""


class Runner:
    """Runs turns."""

    def __init__(
        self,
        *,
        store: Store,
        lanes: Lanes,
        idle: Callable[[str, str], bool],
        live: Live,
        channels: Mapping[str, Channel],
        agents: Mapping[str, Agent],
        slots: RunningSlots,
        files: Files,
        commanding: Commanding,
        reach: Reach,
        endings: Endings,
        history_messages: int = 50,
        history_tokens: int = 0,
        variables_bytes: int = 1_048_576,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._idle = idle
        self._live = live
        self._channels = channels
        self._agents = agents
        self._slots = slots
        self._files = files
        self._commanding = commanding
        self._reach = reach
        self._endings = endings
        self._history = history_messages
        self._history_tokens = history_tokens
        self._variables_bytes = variables_bytes
        self._clock = clock

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
            # Revoked already, another may stand in its place.
            if not lane.revoked:
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
        if lane.hold is not None and lane.held_rows == ids(rows):
            for row in rows:
                row.attempts = max(row.attempts, 1)
            return True
        hold, claimed = await self._store.claim(lane.id, ids(rows))
        if hold.fence != lane.fence + 1:
            lane.forget()
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
        agent = await context.agent_of(self._store, lane, channel, head.inbound)
        memory = await context.recall(self._store, lane, agent, self._history, self._history_tokens)
        seen = context.see(lane, channel, agent, memory, self._clock())
        if not channel.transcript and self._idle(lane.id, seen.inbound.address.destination):
            seen = replace(seen, start_first=True)
        command = commands.parse(seen.inbound.text)
        over = channel.over(memory.session, head.accepted_at) if memory and not command else ""
        if over:
            seen, memory = context.afresh(seen, seen.inbound.text, preface=over), None
        if lane.doomed(head):
            return await self._endings.notice(lane, agent, seen, "", Outcome.CANCELLED)
        if lane.must_stop():
            return await self._endings.stopped(lane, agent, seen)
        if head.attempts > MAX_ATTEMPTS:
            return await self._endings.notice(lane, agent, seen, FAILED, Outcome.FAILED, dead=True)
        matched = questions.match(() if over else seen.open_questions, seen.inbound, seen.now)
        if command is None and matched.too_late:
            return await self._endings.notice(lane, agent, seen, matched.too_late, Outcome.REFUSED)
        if command is None and matched.answer is not None:
            task_id = matched.answer.question.task_id
            seen = replace(seen, answer=matched.answer, task_id=task_id)
        said = await context.said_before(self._store, seen) if head.attempts > 1 else ()
        if said:
            seen = context.resumed(seen, said)
        elif command is not None:
            try:
                decision = await self._commanding.decide(lane, seen, channel, agent, command)
            except Fenced:
                raise
            except Unavailable as error:
                return await self._endings.away(lane, agent, seen, error)
            except Exception as error:
                return await self._failed(obs.Event.TURN_FAILED, lane, agent, seen, error)
            if not decision.first_message:
                return await self._command(lane, agent, seen, decision)
            seen, memory = context.afresh(seen, decision.first_message), None
        try:
            seen = await fetched(self._files, channel, seen) if seen.inbound.attachments else seen
        except Unavailable as error:
            return await self._endings.away(lane, agent, seen, error)
        except Exception as error:
            return await self._failed(obs.Event.TURN_FAILED, lane, agent, seen, error)
        return await self._run(lane, agent, seen, memory, said)

    async def _command(
        self, lane: Lane, agent: str, seen: Seen, decision: commands.Decision
    ) -> bool:
        lane.drop(lane.current)
        effects = turn.command(seen, decision, ids(self._lanes.next(lane)))
        await self._endings.commit(lane, agent, effects)
        if decision.resume is not None:
            lifecycle.reopened(decision.resume)
        self._commanding.done(decision, effects.deliveries)
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
        """Gather what the turn may see, run the agent, end the turn."""
        row, published = lane.current[0], tuple(m.text for m in said if m.role is Role.ASSISTANT)
        messages = context.history(memory, row.id, self._history_tokens)
        read = context.reader(self._files.read, seen.inbound, messages)
        reaching = None
        if not self._reach.needless(name):
            reaching = await self._reach.begin(seen.session, read)
        belongings = reaching.belongings() if reaching else {}
        prepared = context.build(seen, row, name, memory, messages, published, read, belongings)
        try:
            return await self._heard(lane, name, seen, prepared, reaching)
        finally:
            if reaching is not None:
                await reaching.close()

    async def _heard(
        self, lane: Lane, name: str, seen: Seen, prepared: Turn, reaching: Reaching | None
    ) -> bool:
        """Run the agent; whatever it raises ends here."""
        hearing = Hearing(seen, published=bool(prepared.published))
        hands = Hands(
            publish=partial(self._publish, lane, name),
            keep=self._keep,
            excuse=partial(self._endings.busy, lane, name),
            patience=self._endings.tell_after,
        )
        lane.showing = Showing(task_id=seen.task_id, pieces=hearing.pieces, message_id=seen.preview)
        if prepared.attempt > 1:
            self._live.again(seen.session.id, seen.task_id)
        try:
            events = self._agents[name].run(prepared)
            try:
                await listen(lane, events, hearing, self._slots, self._live, hands)
            finally:
                await self._shown(lane, hearing)
            changes = self._changes(seen.session, prepared, reaching)
        except Fenced:
            raise
        except Unavailable as error:
            return await self._endings.away(lane, name, hearing.seen, error)
        except LimitExceeded as error:
            return await self._endings.notice(lane, name, hearing.seen, str(error), Outcome.FAILED)
        except Exception as error:
            obs.AGENT_ERRORS.labels(name).inc()
            return await self._failed(obs.Event.AGENT_FAILED, lane, name, hearing.seen, error)
        if lane.must_stop():
            return await self._endings.stopped(lane, name, hearing.seen, hearing.text)
        if hearing.broken:
            lane.amended = False
            return True
        return await self._endings.answer(lane, name, hearing, changes)

    async def _failed(
        self, event: obs.Event, lane: Lane, agent: str, seen: Seen, error: Exception
    ) -> bool:
        """Within the handler of ``error``: it is logged, and an attempt burned."""
        obs.log.exception(event, agent=agent, lane=lane.id, task=seen.task_id)
        return await self._endings.again(lane, agent, seen, error)

    async def _shown(self, lane: Lane, hearing: Hearing) -> None:
        """What is said at the end becomes the preview, so its id has to be known by then."""
        showing, lane.showing = lane.showing, None
        if showing is None:
            return
        if showing.under_way is not None:
            await asyncio.wait((showing.under_way,), timeout=PREVIEW_WITHIN)
        if showing.message_id != hearing.seen.preview:
            hearing.seen = replace(hearing.seen, preview=showing.message_id)

    def _changes(self, session: Session, after: Turn, reaching: Reaching | None) -> Changes:
        """What the run changed, as it is stored: no longer the agent's to change."""
        own, variables = context.own_variables(after.variables), None
        if own != session.variables:
            variables = orjson.loads(variables_json(own, self._variables_bytes))
        if reaching is None:
            return Changes(variables=variables) if variables is not None else UNCHANGED
        return Changes(
            variables=variables,
            overrides=reaching.overridden(after),
            keepings=reaching.keepings(after),
        )

    async def _publish(self, lane: Lane, agent: str, text: str, hearing: Hearing) -> None:
        seen = context.up_to_date(lane, agent, hearing.seen)
        effects, hearing.seen = turn.publish(seen, text)
        await self._endings.commit(lane, agent, effects)

    async def _keep(self, file: File, hearing: Hearing) -> Attachment:
        async def content() -> AsyncIterator[bytes]:
            yield file.data

        return await self._files.keep(
            hearing.seen.session, file.name, content(), media_type=file.media_type
        )

    # between turns

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
