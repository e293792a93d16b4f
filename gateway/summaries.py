"""Keeps summaries of long sessions current, in the background and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from gateway import condensing
from gateway import observability as obs
from gateway.domain import Message, Summary
from gateway.errors import GatewayError
from gateway.lane import Lane, Memory
from gateway.ports.agent import Agent, Forgetful, Summarising
from gateway.ports.records import SessionScope
from gateway.ports.store import Store

EVERY = 50
"""Messages, at most, that are condensed together,"""
AHEAD = 4
"""when so many more may be said before the first of them leaves the window: none is in neither."""
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

    ``window`` is how many of the newest messages agents see in full; 0: all, and nothing is
    condensed. Its older part is in the summary already.
    """

    def __init__(
        self,
        *,
        store: Store,
        agents: Mapping[str, Agent],
        window: int,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._store = store
        self._agents = agents
        self._forgetful = {
            name
            for name, agent in agents.items()
            if isinstance(agent, Forgetful) and agent.forgetful
        }
        self._condenses = bool(window)
        self._newest = max(window - EVERY - AHEAD, window // 5)
        overlap = window - self._newest
        self._every = max(1, overlap - min(AHEAD, overlap // 2))
        self._spawn = spawn
        self._under_way: set[str] = set()
        self._slots = asyncio.Semaphore(RUNNING)

    def grown(self, lane: Lane, agent: str) -> None:
        """A turn was committed: condense what will leave the window soon, if that is enough."""
        memory = lane.memory.get(agent)
        if memory is None or not self._condenses or agent in self._forgetful:
            return
        if memory.session.id in self._under_way:
            return
        number = memory.session.last_number
        if number < memory.condense_from:
            return
        if number - self._newest - memory.summary.upto >= self._every:
            self._under_way.add(memory.session.id)
            self._spawn(self._refresh(lane, agent, memory))

    async def _refresh(self, lane: Lane, agent: str, memory: Memory) -> None:
        scope = SessionScope(session_id=memory.session.id)
        end, done = memory.session.last_number - self._newest, False
        try:
            async with self._slots:
                # None is known for the first one, and for one that was dropped.
                summary = memory.summary or await self._store.summary(scope)
                await self._bring_up(agent, scope, summary, end, memory.window)
            await self._remember(lane, agent, scope)
            done = True
        except (GatewayError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            obs.log.warning(obs.Event.SUMMARY_FAILED, session=scope.session_id, reason=reason)
        finally:
            self._under_way.discard(scope.session_id)
            if not done:
                memory.condense_from = memory.session.last_number + self._every

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
        if end <= after:
            return []
        end = min(end, after + AT_ONCE)
        page = await self._store.history(scope, after=after, before=end + 1, limit=AT_ONCE)
        return _fitting(page)

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
