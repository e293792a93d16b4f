"""Sessions from outside a turn: opened by a token, watched, reset, ended, deleted.

What is done here takes the session's lane away from whoever works on it: the store raises the
fence, so a turn under way can no longer commit, and the lane's worker is told to stop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from hashlib import sha256

from gateway.channels import Channel
from gateway.domain import (
    Address,
    Conversation,
    ConversationKind,
    Inbound,
    Message,
    Participant,
    Question,
    Session,
    Task,
    TaskState,
    new_id,
)
from gateway.lanes import Lanes
from gateway.live import Live
from gateway.ports.coordinator import Coordinator, LiveEvent
from gateway.ports.host import Progress, Ticket
from gateway.ports.records import Credential, SessionScope, TokenScope
from gateway.ports.store import Store
from gateway.turn import ANONYMOUS_LIFE

SESSION_ENDED = "This session has ended."
_SETTLED = frozenset(
    {
        TaskState.COMPLETED,
        TaskState.INPUT_REQUIRED,
        TaskState.FAILED,
        TaskState.CANCELED,
        TaskState.REJECTED,
    }
)


def new_token() -> str:
    """256 bits from the system's generator, URL-safe."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class SessionDesk:
    """Implements ``gateway.ports.adapter.Sessions``."""

    def __init__(
        self,
        *,
        store: Store,
        lanes: Lanes,
        live: Live,
        coordinator: Coordinator,
        channels: Mapping[str, Channel],
        agents: Sequence[str],
        discard: Callable[[Sequence[str]], Awaitable[object]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._live = live
        self._coordinator = coordinator
        self._channels = channels
        self._agents = frozenset(agents)
        self._discard = discard
        self._clock = clock

    async def create(self, channel: str, *, agent: str = "", name: str = "") -> Ticket:
        """See ``Sessions.create``."""
        at = self._channels[channel]
        chosen = agent or at.agent
        if chosen not in self._agents:
            raise LookupError(f"no agent is called {chosen}")
        session, lane_key = self._fresh(at, chosen, name)
        return await self._ticket(lambda key: self._store.create_session(session, lane_key, key))

    async def authenticate(self, channel: str, token: str) -> Session | None:
        """See ``Sessions.authenticate``."""
        scope = TokenScope(channel=channel, token_hash=token_hash(token))
        session = await self._store.session(scope)
        if session is None or session.state(self._clock()) not in {"active", "dormant"}:
            return None
        return session

    async def history(
        self, session: Session, *, before: int | None = None, limit: int = 50
    ) -> Sequence[Message]:
        """See ``Sessions.history``."""
        return await self._store.history(_scope(session), before=before, limit=limit)

    async def after(self, session: Session, number: int) -> Sequence[Message]:
        """See ``Sessions.after``."""
        return await self._store.history(_scope(session), after=number, limit=1000)

    async def search(self, session: Session, text: str, *, limit: int = 50) -> Sequence[Message]:
        """See ``Sessions.search``."""
        return await self._store.search(_scope(session), text, limit)

    async def rename(self, session: Session, name: str) -> Session:
        """See ``Sessions.rename``."""
        renamed = await self._store.rename_session(_scope(session), name)
        self._lanes.renamed(renamed)
        return renamed

    async def questions(self, session: Session) -> Sequence[Question]:
        """See ``Sessions.questions``."""
        return await self._store.open_questions(_scope(session))

    async def progress(self, session: Session, task_id: str) -> Progress | None:
        """See ``Sessions.progress``."""
        task = await self._store.task(_scope(session), task_id)
        if task is None:
            return None
        messages = await self._store.task_messages(_scope(session), task_id)
        question = await self._question(session, task)
        return Progress(
            task=task, messages=tuple(messages), settled=task.state in _SETTLED, question=question
        )

    async def reset(self, session: Session) -> Ticket:
        """See ``Sessions.reset``."""
        now = self._clock()
        successor = replace(
            session,
            id=new_id(),
            name="",
            message_count=0,
            last_number=0,
            version=0,
            variables={},
            created_at=now,
            last_activity=now,
            expires_at=session.expires_at and now + ANONYMOUS_LIFE,
        )
        ticket = await self._ticket(
            lambda key: self._store.replace_session(_scope(session), successor, key, SESSION_ENDED)
        )
        self._taken(session)
        return ticket

    async def end(self, session: Session) -> None:
        """See ``Sessions.end``."""
        digests = await self._store.delete_session(_scope(session))
        self._taken(session)
        await self._discard(digests)

    async def close(self, session: Session) -> None:
        """End it and keep it; the lane's next message starts afresh. For operators."""
        await self._store.end_session(_scope(session), SESSION_ENDED)
        self._taken(session)

    def watch(self, session: Session) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """See ``Sessions.watch``."""
        return self._coordinator.watch(Live.topic(session.id))

    def _fresh(self, channel: Channel, agent: str, name: str) -> tuple[Session, str]:
        now, place = self._clock(), new_id()
        conversation = Conversation(kind=ConversationKind.DIRECT, id=place)
        who = Participant(id=f"anon:{place}")
        boundary = channel.place(
            Inbound(
                event_id="",
                conversation=conversation,
                participant=who,
                address=Address(destination=place),
            )
        )
        session = Session(
            id=new_id(),
            lane_id="",
            channel=channel.name,
            agent=agent,
            owner=boundary.owner,
            conversation=conversation,
            created_at=now,
            last_activity=now,
            name=name,
            expires_at=now + ANONYMOUS_LIFE,
        )
        return session, boundary.key

    async def _ticket(self, write: Callable[[Credential], Awaitable[Session]]) -> Ticket:
        token = new_token()
        session = await write(Credential(token_hash=token_hash(token)))
        return Ticket(session=session, token=token)

    async def _question(self, session: Session, task: Task) -> Question | None:
        if task.state is not TaskState.INPUT_REQUIRED:
            return None
        open_ones = await self._store.open_questions(_scope(session))
        return next((question for question in open_ones if question.task_id == task.id), None)

    def _taken(self, session: Session) -> None:
        self._lanes.revoke(session.lane_id)
        self._live.ended(session.id)


def _scope(session: Session) -> SessionScope:
    return SessionScope(session_id=session.id)
