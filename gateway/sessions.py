"""Sessions from outside a turn: opened by a token, watched, reset, ended, deleted.

What is done here takes the session's lane away from whoever works on it: the store raises the
fence, so a turn under way can no longer commit, and the lane's worker is told to stop.
"""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from hashlib import sha256

from gateway import lifecycle
from gateway.boundary import Boundary
from gateway.channels import Channel
from gateway.domain import (
    JSON,
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
from gateway.limits import variables_json
from gateway.live import Live
from gateway.ports.coordinator import Coordinator, LiveEvent
from gateway.ports.host import Progress, Ticket
from gateway.ports.records import Credential, Owned, PersonScope, SessionScope, TokenScope
from gateway.ports.store import Store
from gateway.turn import ANONYMOUS_LIFE

TOKEN_LENGTH = 43
TOKEN_LIFE = 30 * 86400.0
"""Seconds that a token opens a session that never expires; its owner can have another."""

Write = Callable[[Credential], Awaitable[tuple[Session, bool]]]

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
        forget_owner: Callable[[str, str], None],
        variables_bytes: int = 1_048_576,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._live = live
        self._coordinator = coordinator
        self._channels = channels
        self._agents = frozenset(agents)
        self._discard = discard
        self._forget_owner = forget_owner
        self._variables_bytes = variables_bytes
        self._clock = clock

    async def create(
        self,
        channel: str,
        *,
        agent: str = "",
        name: str = "",
        who: Participant | None = None,
        place: str = "",
        variables: JSON | None = None,
        overrides: JSON | None = None,
    ) -> Ticket:
        """See ``Sessions.create``."""
        at = self._channels[channel]
        chosen = agent or at.agent
        if chosen not in self._agents:
            raise LookupError(f"no agent is called {chosen}")
        seeds = variables or {}
        variables_json(seeds, self._variables_bytes)
        somewhere = place or new_id()
        someone = who or Participant(id=place or f"anon:{somewhere}")
        session, lane_key = self._fresh(at, chosen, someone, somewhere, lasting=bool(who or place))
        session = replace(session, name=name, variables=seeds, overrides=overrides or {})
        write = partial(self._create, session, lane_key)
        if place:
            write = partial(self._ensure, session, lane_key, who is not None)
        ticket = await self._ticket(session, write, someone.name)
        if ticket.created:
            lifecycle.created(ticket.session)
        return ticket

    async def of(
        self, channel: str, who: Participant, *, agent: str = "", after: str = "", limit: int = 50
    ) -> Sequence[Owned]:
        """See ``Sessions.of``."""
        scope = self._whose(channel, who)
        return await self._store.live_sessions(scope, agent=agent, after_id=after, limit=limit)

    async def open(self, channel: str, who: Participant, session_id: str) -> Ticket:
        """See ``Sessions.open``."""
        scope = self._whose(channel, who)
        token, key = _key(who.name, lasting=True, now=self._clock())
        session = await self._store.open_session(scope, session_id, key)
        named = _named(session, who.name)
        return Ticket(session=named, token=token, expires_at=key.expires_at, created=False)

    async def authenticate(self, channel: str, token: str) -> Session | None:
        """See ``Sessions.authenticate``."""
        scope = TokenScope(channel=channel, token_hash=token_hash(token))
        session = await self._store.session(scope)
        if session is None or session.state(self._clock()) not in {"active", "dormant"}:
            return None
        return _named(session, _name_in(token))

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
        name = session.conversation.title or ""
        successor = replace(
            _named(session, ""),
            id=new_id(),
            name="",
            message_count=0,
            last_number=0,
            version=0,
            variables={},
            overrides={},
            created_at=now,
            last_activity=now,
            expires_at=session.expires_at and now + ANONYMOUS_LIFE,
        )
        write = partial(self._replace, session, successor)
        ticket = await self._ticket(successor, write, name)
        self._taken(session)
        lifecycle.ended(session)
        lifecycle.created(ticket.session)
        return ticket

    async def end(self, session: Session) -> None:
        """See ``Sessions.end``."""
        digests = await self._store.delete_session(_scope(session))
        self._taken(session)
        # What somebody anonymous had goes with their only session.
        self._forget_owner(session.channel, session.owner)
        lifecycle.deleted(session)
        await self._discard(digests)

    async def close(self, session: Session) -> None:
        """End it and keep it; the lane's next message starts afresh. For operators."""
        await self._store.end_session(_scope(session), SESSION_ENDED)
        self._taken(session)
        lifecycle.ended(session)

    def watch(self, session: Session) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """See ``Sessions.watch``."""
        return self._coordinator.watch(Live.topic(session.id))

    def _fresh(
        self, channel: Channel, agent: str, who: Participant, place: str, *, lasting: bool
    ) -> tuple[Session, str]:
        now = self._clock()
        conversation = Conversation(kind=ConversationKind.DIRECT, id=place)
        boundary = _placed(channel, conversation, who)
        session = Session(
            id=new_id(),
            lane_id="",
            channel=channel.name,
            agent=agent,
            owner=boundary.owner,
            conversation=conversation,
            created_at=now,
            last_activity=now,
            expires_at=None if lasting else now + ANONYMOUS_LIFE,
        )
        return session, boundary.key

    def _whose(self, channel: str, who: Participant) -> PersonScope:
        anywhere = Conversation(kind=ConversationKind.DIRECT, id="-")
        boundary = _placed(self._channels[channel], anywhere, who)
        return PersonScope(channel=channel, owner=boundary.owner)

    async def _ticket(self, session: Session, write: Write, name: str) -> Ticket:
        token, key = _key(name, lasting=session.expires_at is None, now=self._clock())
        opened, created = await write(key)
        named = _named(opened, name)
        return Ticket(session=named, token=token, expires_at=key.expires_at, created=created)

    async def _create(
        self, session: Session, lane_key: str, key: Credential
    ) -> tuple[Session, bool]:
        return await self._store.create_session(session, lane_key, key), True

    async def _ensure(
        self, session: Session, lane_key: str, strict: bool, key: Credential
    ) -> tuple[Session, bool]:
        return await self._store.ensure_session(session, lane_key, key, strict=strict)

    async def _replace(
        self, old: Session, successor: Session, key: Credential
    ) -> tuple[Session, bool]:
        begun = await self._store.replace_session(_scope(old), successor, key, SESSION_ENDED)
        return begun, True

    async def _question(self, session: Session, task: Task) -> Question | None:
        if task.state is not TaskState.INPUT_REQUIRED:
            return None
        open_ones = await self._store.open_questions(_scope(session))
        return next((question for question in open_ones if question.task_id == task.id), None)

    def _taken(self, session: Session) -> None:
        self._lanes.revoke(session.lane_id)
        self._live.ended(session.id)


def _key(name: str, *, lasting: bool, now: float) -> tuple[str, Credential]:
    """A token and what is stored of it. An anonymous session's dies with it.

    What its holder is called stands in it, and nowhere in the store.
    """
    token = new_token() + urlsafe_b64encode(name.encode()).rstrip(b"=").decode()
    expires_at = now + TOKEN_LIFE if lasting else None
    return token, Credential(token_hash=token_hash(token), expires_at=expires_at)


def _name_in(token: str) -> str:
    """What the holder of one of our tokens is called."""
    told = token[TOKEN_LENGTH:]
    return urlsafe_b64decode(told + "=" * (-len(told) % 4)).decode()


def _named(session: Session, name: str) -> Session:
    """The session as whoever is called so sees it."""
    return replace(session, conversation=replace(session.conversation, title=name or None))


def _placed(channel: Channel, conversation: Conversation, who: Participant) -> Boundary:
    address = Address(destination=conversation.id)
    return channel.place(
        Inbound(event_id="", conversation=conversation, participant=who, address=address)
    )


def _scope(session: Session) -> SessionScope:
    return SessionScope(session_id=session.id)
