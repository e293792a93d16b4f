"""What one turn may reach beyond its session, and what it changed of it.

Whose it is follows from the session, never from what an agent asks for. Nothing that a turn changes
is anybody else's to see before it is committed with the turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.belongings import Found, Passage, words_of
from gateway.domain import Attachment, Message, Session, Summary
from gateway.drive import AgentShelf, TurnDrive
from gateway.errors import LimitExceeded
from gateway.facts import TurnFacts
from gateway.files import FileRoom
from gateway.limits import json_object
from gateway.longterm import NOTHING, LongTerm
from gateway.ports.agent import Agent, Forgetful, Turn
from gateway.ports.reach import Knowledge
from gateway.ports.records import AgentScope, Keeping, OwnerScope, SessionScope
from gateway.ports.store import Store
from gateway.settings import AgentBasics, LimitsSection

OVERRIDES_BYTES = 262_144
"""How large what a session turns on may be, as JSON."""
_TEXTS = ("model", "prompt")
_LISTS = ("tools", "knowledge")

View = Callable[[Sequence[str]], Knowledge]
"""The knowledge bases of these names and no others."""


class Reach:
    """Gives turns what they may reach. ``bases`` are the configured knowledge bases, seen through
    ``view``."""

    def __init__(
        self,
        *,
        store: Store,
        longterm: LongTerm,
        files: FileRoom,
        limits: LimitsSection,
        agents: Mapping[str, Agent],
        basics: Mapping[str, AgentBasics],
        bases: Collection[str] = (),
        view: View | None = None,
    ) -> None:
        self._store = store
        self._longterm = longterm
        self._files = files
        self._limits = limits
        self._basics = basics
        self._bases = frozenset(bases)
        self._view = view
        self._forgetful = {
            name
            for name, agent in agents.items()
            if isinstance(agent, Forgetful) and agent.forgetful
        }

    def needless(self, agent: str) -> bool:
        """Whether the agent looks at nothing of it."""
        return agent in self._forgetful

    async def begin(
        self, session: Session, read_file: Callable[[Attachment], Awaitable[bytes]]
    ) -> Reaching:
        """What a turn of this session reaches. Raises ``Unavailable``."""
        owner = OwnerScope(channel=session.channel, agent=session.agent, owner=session.owner)
        agent = AgentScope(agent=session.agent)
        basics, limits = self._basics.get(session.agent, AgentBasics()), self._limits
        overrides: dict[str, Any] = orjson.loads(orjson.dumps(session.overrides))
        known, agents_own = await self._longterm.data(owner), await self._longterm.data(agent)
        agent_data = orjson.loads(agents_own)
        return Reaching(
            owner=owner,
            agent=agent,
            known=known,
            agents_own=agents_own,
            writes_agent_data=basics.writes_agent_data,
            data_bytes=limits.data_bytes,
            bases=self._bases,
            session=session,
            data=orjson.loads(known),
            agent_data=agent_data if basics.writes_agent_data else ReadOnly(agent_data),
            overrides=overrides,
            facts=TurnFacts(
                store=self._store, scope=owner, session_id=session.id, most=limits.facts
            ),
            drive=TurnDrive(
                store=self._store,
                scope=owner,
                session_id=session.id,
                files=self._files,
                read_file=read_file,
                most=limits.drive_bytes,
            ),
            shelf=AgentShelf(store=self._store, scope=agent, files=self._files),
            earlier=OwnEarlier(
                store=self._store,
                scope=owner,
                session_id=session.id,
                most=basics.num_history_sessions,
            ),
            knowledge=SessionKnowledge(
                view=self._view,
                configured=self._bases,
                agents=basics.knowledge,
                overrides=overrides,
            ),
        )


@dataclass(kw_only=True, slots=True)
class Reaching:
    """What one turn was given, as its agent leaves it. ``close`` it when the turn is over."""

    owner: OwnerScope
    agent: AgentScope
    known: bytes
    agents_own: bytes
    writes_agent_data: bool
    data_bytes: int
    bases: frozenset[str]
    session: Session
    data: dict[str, Any]
    agent_data: dict[str, Any]
    overrides: dict[str, Any]
    facts: TurnFacts
    drive: TurnDrive
    shelf: AgentShelf
    earlier: OwnEarlier
    knowledge: SessionKnowledge

    def belongings(self) -> dict[str, Any]:
        """The fields of the ``Turn``."""
        names = "data agent_data overrides facts drive shelf earlier knowledge"
        return {name: getattr(self, name) for name in names.split()}

    def keepings(self, turn: Turn) -> tuple[Keeping, ...]:
        """What the turn changed of what outlives its session.

        Raises ``TypeError`` for what is no JSON, or not the agent's to change.
        """
        own = self._changed(self.owner, self.known, turn.data, "turn.data")
        if not self.writes_agent_data and turn.agent_data != orjson.loads(self.agents_own):
            raise TypeError(READ_ONLY)
        agents = self._changed(self.agent, self.agents_own, turn.agent_data, "turn.agent_data")
        found = (own, agents, self.facts.keeping(), self.drive.keeping())
        return tuple(keeping for keeping in found if keeping is not None)

    def overridden(self, turn: Turn) -> dict[str, Any] | None:
        """What the turn changed of what the session turned on for itself; see ``Changes``.

        Raises ``ValueError`` for what is none, ``LimitExceeded`` for too much of it.
        """
        before, after = self.session.overrides, turn.overrides
        if after == before:
            return None
        put = {key: after[key] for key in after if key not in before or after[key] != before[key]}
        checked_overrides(put, self.bases)
        check_size(after)
        return {**dict.fromkeys(before.keys() - after.keys()), **orjson.loads(orjson.dumps(put))}

    async def close(self) -> None:
        """The turn is over, whatever came of it."""
        await self.drive.close()

    def _changed(
        self, scope: OwnerScope | AgentScope, before: bytes, after: Mapping[str, Any], name: str
    ) -> Keeping | None:
        encoded = json_object(after, name) if after else NOTHING
        if encoded == before:
            return None
        # What is stored is no longer the agent's to change.
        old, new = orjson.loads(before), orjson.loads(encoded)
        put = {
            key: value
            for key, value in new.items()
            if key not in old or orjson.dumps(value) != orjson.dumps(old[key])
        }
        unset = tuple(key for key in old if key not in new)
        if not (put or unset):
            return None
        return Keeping(scope=scope, data=put, unset=unset, data_bytes=self.data_bytes)


def checked_overrides(overrides: Mapping[str, Any], bases: Collection[str]) -> None:
    """Raises ``ValueError`` that names what cannot be turned on, and why."""
    for key, value in overrides.items():
        if key in _TEXTS:
            fits, wanted = isinstance(value, str), "a text"
        elif key in _LISTS:
            listed = isinstance(value, list | tuple)
            fits, wanted = listed and all(isinstance(one, str) for one in value), "a list of names"
        else:
            known = ", ".join(repr(name) for name in (*_TEXTS, *_LISTS))
            raise ValueError(f"a session cannot turn on {key!r}; it can {known}")
        if not fits:
            raise ValueError(f"overrides[{key!r}] should be {wanted}, not {type(value).__name__}")
    for name in overrides.get("knowledge", ()):
        if name not in bases:
            has = ", ".join(sorted(bases)) or "none"
            raise ValueError(f"there is no knowledge base {name!r}; configured: {has}")


def check_size(overrides: Mapping[str, Any]) -> None:
    """Raises ``LimitExceeded`` where a session would turn on too much."""
    size = len(json_object(overrides, "overrides"))
    if size > OVERRIDES_BYTES:
        raise LimitExceeded(
            f"what the session turned on takes {size:,} bytes; {OVERRIDES_BYTES:,} are allowed"
        )


READ_ONLY = (
    "agent_data is read-only for this agent; writes_agent_data = true in its section of the"
    " configuration lets it change them"
)


class ReadOnly(dict[str, Any]):
    """Data of the agent's that only operators change."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError(READ_ONLY)

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


@dataclass(slots=True)
class OwnEarlier:
    """Implements ``gateway.ports.reach.Earlier``; ``most`` sessions beside the turn's own."""

    store: Store
    scope: OwnerScope
    session_id: str
    most: int
    _found: tuple[Session, ...] | None = field(default=None, init=False)

    async def sessions(self) -> Sequence[Session]:
        """See ``Earlier.sessions``."""
        if self._found is None:
            found = await self.store.owned_sessions(self.scope, self.most + 1) if self.most else ()
            others = [session for session in found if session.id != self.session_id]
            self._found = tuple(others[: self.most])
        return self._found

    async def summary(self, session_id: str) -> Summary:
        """See ``Earlier.summary``."""
        return await self.store.summary(await self._own(session_id))

    async def messages(self, session_id: str, *, limit: int = 50) -> Sequence[Message]:
        """See ``Earlier.messages``."""
        return await self.store.window(await self._own(session_id), max(0, limit))

    async def search(
        self, words: str = "", *, since: float = 0.0, until: float = 0.0, limit: int = 20
    ) -> Sequence[Found]:
        """See ``Earlier.search``."""
        ids = [session.id for session in await self.sessions()]
        if not ids:
            return ()
        return await self.store.search_sessions(
            self.scope, ids, words_of(words), since=since, until=until, limit=limit
        )

    async def _own(self, session_id: str) -> SessionScope:
        if all(session.id != session_id for session in await self.sessions()):
            raise LookupError(f"{session_id!r} is none of the earlier sessions")
        return SessionScope(session_id=session_id)


@dataclass(slots=True)
class SessionKnowledge:
    """Implements ``gateway.ports.reach.Knowledge``: the bases that the session turned on, or else
    the agent's own."""

    view: View | None
    configured: frozenset[str]
    agents: Sequence[str]
    overrides: Mapping[str, Any]

    @property
    def bases(self) -> Sequence[str]:
        """See ``Knowledge.bases``; as the turn has left it by now."""
        chosen = self.overrides.get("knowledge", self.agents)
        return tuple(name for name in chosen if name in self.configured)

    async def search(self, words: str, *, limit: int = 5) -> Sequence[Passage]:
        """See ``Knowledge.search``."""
        bases = self.bases
        if not bases or self.view is None:
            return ()
        return await self.view(bases).search(words, limit=limit)
