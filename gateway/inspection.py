"""Sessions as operators see them, in JSON; the API and the command line share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.belongings import Found, words_of
from gateway.domain import Message, Session
from gateway.ports.records import OperatorScope, SessionQuery, SessionScope
from gateway.ports.store import Store

_SCOPE = OperatorScope(why="an operator looks at sessions")
Record = dict[str, Any]
STATES = ("active", "dormant", "waiting", "ended", "expired")


class Inspection:
    """Reads sessions."""

    def __init__(
        self, *, store: Store, idle_after: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._idle_after = idle_after
        self._clock = clock

    async def sessions(self, query: SessionQuery) -> list[Record]:
        """Those that match, the newest activity first. Raises ``LookupError`` for no such state."""
        if query.state and query.state not in STATES:
            raise LookupError(f"no session is {query.state!r}: they are {', '.join(STATES)}")
        query = replace(query, idle_after=self._idle_after)
        found = await self._store.sessions(_SCOPE, query)
        asking = await self._store.asking(_SCOPE, [session.id for session in found])
        return [self._record(session, session.id in asking) for session in found]

    async def session(self, session_id: str) -> Record:
        """One, with what it holds. Raises ``LookupError``."""
        scope = SessionScope(session_id=session_id)
        session = await self._store.session(scope)
        if session is None:
            raise LookupError(f"there is no session {session_id}")
        asking = await self._store.asking(_SCOPE, [session.id])
        summary = await self._store.summary(scope)
        return {
            **self._record(session, bool(asking)),
            "variables": dict(session.variables),
            "overrides": dict(session.overrides),
            "summary": {"text": summary.text, "topics": summary.topics, "upto": summary.upto},
        }

    async def search(self, words: str, *, channel: str = "", limit: int = 50) -> list[Record]:
        """Messages that have all of the words, of any session, the newest first."""
        found = await self._store.search_all(_SCOPE, words_of(words), channel=channel, limit=limit)
        return [_hit(one) for one in found]

    def _record(self, session: Session, waiting: bool) -> Record:
        place = session.conversation
        return {
            "id": session.id,
            "channel": session.channel,
            "agent": session.agent,
            "state": session.state(self._clock(), self._idle_after, waiting=waiting),
            "name": session.name,
            "owner": session.owner,
            "conversation": {
                "kind": place.kind.value,
                "id": place.id,
                "parent_id": place.parent_id,
                "title": place.title,
            },
            "message_count": session.message_count,
            "created_at": moment(session.created_at),
            "last_activity": moment(session.last_activity),
            "ended_at": moment(session.ended_at),
            "expires_at": moment(session.expires_at),
        }


def message(one: Message) -> Record:
    """A message of a session's history."""
    return {
        "number": one.number,
        "role": one.role.value,
        "text": one.text,
        "sender": one.sender,
        "sender_id": one.sender_id,
        "task_id": one.task_id,
        "in_context": one.in_context,
        "created_at": moment(one.created_at),
    }


def moment(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _hit(found: Found) -> Record:
    session = found.session
    return {
        "session_id": session.id,
        "channel": session.channel,
        "agent": session.agent,
        "owner": session.owner,
        "name": session.name,
        "message": message(found.message),
    }
