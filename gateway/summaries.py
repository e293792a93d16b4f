"""Keeps summaries of long sessions current, in the background and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from itertools import accumulate
from typing import Any

from gateway import condensing
from gateway import observability as obs
from gateway.domain import Message, Summary
from gateway.errors import GatewayError
from gateway.lane import Lane
from gateway.ports.agent import Agent, Summarising
from gateway.ports.records import SessionScope
from gateway.ports.store import Store

EVERY = 50
"""Messages that leave the window before they are condensed together."""
AT_ONCE = 200
"""Messages condensed in one go,"""
CHARACTERS_AT_ONCE = 60_000
"""and about how much they may say together: a model takes no more than fits into it."""
RUNNING = 4
"""Sessions whose summaries are made at the same time."""
WITHIN = 120.0
"""Seconds that a summariser may take."""


class Summaries:
    """Condenses what has left the window of a session that grew.

    ``window`` is how many of the newest messages agents see in full; 0: all, and nothing is
    condensed.
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
        self._window = window
        self._spawn = spawn
        self._under_way: set[str] = set()
        self._slots = asyncio.Semaphore(RUNNING)

    def grown(self, lane: Lane, agent: str) -> None:
        """A turn was committed: condense what it pushed out of the window, if that is enough."""
        memory = lane.memory.get(agent)
        if memory is None or not self._window or memory.session.id in self._under_way:
            return
        number = memory.session.last_number
        if number < memory.condense_from:
            return
        if number - self._window - memory.summary.upto >= EVERY:
            self._under_way.add(memory.session.id)
            self._spawn(self._refresh(lane, agent, memory.session.id))

    async def _refresh(self, lane: Lane, agent: str, session_id: str) -> None:
        scope, done = SessionScope(session_id=session_id), False
        try:
            async with self._slots:
                await self._bring_up(agent, scope)
            await self._remember(lane, agent, scope)
            done = True
        except (GatewayError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            obs.log.warning(obs.Event.SUMMARY_FAILED, session=session_id, reason=reason)
        finally:
            self._under_way.discard(session_id)
            memory = lane.memory.get(agent)
            if memory is not None and not done:
                memory.condense_from = memory.session.last_number + EVERY

    async def _bring_up(self, agent: str, scope: SessionScope) -> None:
        """Condense up to the window, step by step, each stored; not past a message that somebody
        changed meanwhile."""
        summary, stored = await self._store.summary(scope), True
        while stored and (messages := await self._left_out(scope, summary.upto)):
            made = await self._condensed(agent, summary, messages)
            stored = await self._store.put_summary(scope, made)
            summary = await self._store.summary(scope)

    async def _remember(self, lane: Lane, agent: str, scope: SessionScope) -> None:
        """The lane's next turn sees it."""
        memory = lane.memory.get(agent)
        if memory is None or memory.session.id != scope.session_id:
            return
        known = memory.summary
        summary = await self._store.summary(scope)
        # Another one by now: what was said has changed since, and perhaps what was just read.
        if memory.summary is known:
            memory.summary = summary

    async def _left_out(self, scope: SessionScope, after: int) -> list[Message]:
        """The next messages beyond the window that are not condensed yet, oldest first."""
        session = await self._store.session(scope)
        if session is None:
            return []
        end = min(session.last_number - self._window, after + AT_ONCE)
        if end <= after:
            return []
        page = await self._store.history(scope, after=after, before=end + 1, limit=AT_ONCE)
        lengths = accumulate(len(message.text) for message in page)
        fits = sum(length <= CHARACTERS_AT_ONCE for length in lengths)
        return list(page[: max(1, fits)])

    async def _condensed(self, agent: str, summary: Summary, messages: list[Message]) -> Summary:
        heard = [message for message in messages if message.in_context]
        summariser = self._agents[agent]
        text, topics = summary.text, tuple(summary.topics)
        if heard and isinstance(summariser, Summarising) and summariser.summarises:
            async with asyncio.timeout(WITHIN):
                text, said = await summariser.condense(summary, heard)
            topics = tuple(said)
        elif heard:
            made = await asyncio.to_thread(condensing.condense, summary, heard, agent)
            text, topics = made.text, made.topics
        upto = messages[-1].number
        return Summary(text=text, topics=topics, upto=upto, revision=summary.revision)
