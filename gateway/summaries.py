"""Keeps summaries of long sessions current, in the background and in nobody's way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from gateway import condensing
from gateway import observability as obs
from gateway.domain import Message, Session, Summary
from gateway.errors import GatewayError
from gateway.lane import Lane, Memory, tokens_of
from gateway.ports.agent import Agent, Forgetful, Summarising
from gateway.ports.records import SessionScope
from gateway.ports.store import Store

EVERY = 50
"""Messages, at most, that are condensed together,"""
AHEAD = 4
"""when so many more may be said before the first of them leaves the window: none is in neither."""
FULL, KEPT = 0.8, 0.2
"""Of the tokens that messages may have: at so many they are condensed, but for so many."""
AT_ONCE = 200
"""Messages condensed in one go,"""
CHARACTERS_AT_ONCE = 60_000
"""and about how much they may say together: a model takes no more than fits into it."""
AT_HAND = 10_000
"""Characters that are condensed on the spot, in less than a millisecond."""
RUNNING = 4
"""Sessions whose summaries are made at the same time."""
WITHIN = 120.0
"""Seconds that a summariser may take."""


class Summaries:
    """Condenses what is about to leave the window of a session that grew.

    ``window`` is how many of the newest messages agents see in full, and ``tokens`` how long these
    are together at most; 0: any number. Its older part is in the summary already.
    """

    def __init__(
        self,
        *,
        store: Store,
        agents: Mapping[str, Agent],
        window: int,
        tokens: int = 0,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._store = store
        self._agents = agents
        self._forgetful = {
            name
            for name, agent in agents.items()
            if isinstance(agent, Forgetful) and agent.forgetful
        }
        self._window = window
        self._tokens = tokens
        self._newest = max(window - EVERY - AHEAD, window // 5)
        overlap = window - self._newest
        self._every = max(1, overlap - min(AHEAD, overlap // 2))
        self._pause = min(self._every, AHEAD) if tokens else self._every
        self._spawn = spawn
        self._under_way: set[str] = set()
        self._slots = asyncio.Semaphore(RUNNING)

    def grown(self, lane: Lane, agent: str) -> None:
        """A turn was committed: condense what will leave the window soon, if that is enough."""
        memory = lane.memory.get(agent)
        if memory is None or agent in self._forgetful or memory.session.id in self._under_way:
            return
        if memory.session.last_number < memory.condense_from:
            return
        end = self._due(memory)
        if end > memory.summary.upto:
            self._under_way.add(memory.session.id)
            self._spawn(self._refresh(lane, agent, memory, end))

    def _due(self, memory: Memory) -> int:
        """Up to which message to condense; 0: there is time."""
        end = memory.session.last_number - self._newest
        if not self._window or end - memory.summary.upto < self._every:
            end = 0
        return max(end, self._too_long(memory)) if self._tokens else end

    def _too_long(self, memory: Memory) -> int:
        """The same for how long the messages are that are in no summary; the newest stays."""
        total, end, upto = 0, 0, memory.summary.upto
        newest = memory.window[-1].number if memory.window else 0
        for message in reversed(memory.window):
            if message.number <= upto:
                break
            total += tokens_of(message)
            if not end and message.number < newest and total > self._tokens * KEPT:
                end = message.number
            if end and total > self._tokens * FULL:
                return end
        return 0

    async def _refresh(self, lane: Lane, agent: str, memory: Memory, end: int) -> None:
        scope, done = SessionScope(session_id=memory.session.id), False
        try:
            async with self._slots:
                summary, window = memory.summary, memory.window
                if not summary:
                    # The first one, or one that was dropped: what the lane remembers may be older.
                    summary, window = await self._store.summary(scope), deque()
                await self._bring_up(agent, scope, summary, end, window)
            await self._remember(lane, agent, scope)
            done = True
        except (GatewayError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            obs.log.warning(obs.Event.SUMMARY_FAILED, session=scope.session_id, reason=reason)
        finally:
            self._under_way.discard(scope.session_id)
            if not done:
                memory.condense_from = memory.session.last_number + self._pause
        known = lane.memory.get(agent)
        if known is not None and known.summary.upto >= end:
            # More may have been said meanwhile than there was room for.
            self.grown(lane, agent)

    async def rebuild(self, session: Session) -> None:
        """Condense anew what is left of a session that lost messages. Where that fails, it is done
        when the session grows."""
        if not self._window or session.agent not in self._agents.keys() - self._forgetful:
            return
        if session.id in self._under_way:
            return
        self._under_way.add(session.id)
        scope = SessionScope(session_id=session.id)
        try:
            async with self._slots:
                summary = await self._store.summary(scope)
                end = session.last_number - self._newest
                await self._bring_up(session.agent, scope, summary, end, ())
        except (GatewayError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            obs.log.warning(obs.Event.SUMMARY_FAILED, session=session.id, reason=reason)
        finally:
            self._under_way.discard(session.id)

    async def _remember(self, lane: Lane, agent: str, scope: SessionScope) -> None:
        """The lane's next turn sees it."""
        memory = lane.memory.get(agent)
        if memory is None or memory.session.id != scope.session_id:
            return
        known = memory.summary
        # As it stands, and not as it was made: messages may have changed since.
        summary = await self._store.summary(scope)
        if memory.summary is known:
            memory.summary = summary

    async def _bring_up(
        self,
        agent: str,
        scope: SessionScope,
        summary: Summary,
        end: int,
        window: Iterable[Message],
    ) -> None:
        """Condense up to message ``end``, step by step, each stored; not past a message that
        somebody changed meanwhile."""
        messages = _known(window, summary.upto, end) or await self._left_out(scope, summary, end)
        while messages:
            made = await self._condensed(agent, summary, messages)
            if not await self._store.put_summary(scope, made):
                return
            summary = replace(made, revision=made.revision + 1)
            messages = await self._left_out(scope, summary, end)

    async def _left_out(self, scope: SessionScope, summary: Summary, end: int) -> list[Message]:
        """The next messages up to ``end`` that are not condensed yet, oldest first."""
        after = summary.upto
        # Where many were erased, whole pages may be empty.
        while after < end:
            until = min(end, after + AT_ONCE)
            page = await self._store.history(scope, after=after, before=until + 1, limit=AT_ONCE)
            if page:
                return _fitting(page)
            after = until
        return []

    async def _condensed(self, agent: str, summary: Summary, messages: list[Message]) -> Summary:
        heard = [message for message in messages if message.in_context]
        summariser = self._agents[agent]
        text, topics = summary.text, tuple(summary.topics)
        if heard and isinstance(summariser, Summarising) and summariser.summarises:
            async with asyncio.timeout(WITHIN):
                text, said = await summariser.condense(summary, heard)
            topics = tuple(said)
        elif heard:
            few = len(heard) <= EVERY and sum(len(message.text) for message in heard) <= AT_HAND
            # A thread for so little would cost more than it saves.
            made = (
                condensing.condense(summary, heard, agent)
                if few
                else await asyncio.to_thread(condensing.condense, summary, heard, agent)
            )
            text, topics = made.text, made.topics
        upto = messages[-1].number
        return Summary(text=text, topics=topics, upto=upto, revision=summary.revision)


def _known(window: Iterable[Message], after: int, end: int) -> list[Message]:
    """The messages after ``after`` and up to ``end``, if the lane remembers every one of them."""
    seen = [message for message in window if message.number <= end]
    if not seen or seen[0].number > after + 1 or seen[-1].number != end:
        return []
    return _fitting([message for message in seen if message.number > after])


def _fitting(messages: Sequence[Message]) -> list[Message]:
    """As many of them as may be condensed in one go, but one at least."""
    lengths = accumulate(len(message.text) for message in messages)
    fits = sum(length <= CHARACTERS_AT_ONCE for length in lengths)
    return list(messages[: max(1, fits)])
