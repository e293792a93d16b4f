"""The store's contract, continued: what outlives a session, and how all of a person is erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gateway.belongings import Fact, Found, Item
from gateway.domain import Session
from gateway.ports.records import (
    AgentScope,
    Erased,
    Keeping,
    LaneScope,
    OperatorScope,
    OwnerScope,
    PersonScope,
    SessionScope,
    Standing,
    Traces,
)


class Shelves(Protocol):
    """Data, facts and shelves; see ``Keeping`` for what changes them."""

    async def keep(self, keeping: Keeping) -> None:
        """Change them outside of a turn. Raises ``LimitExceeded``."""
        ...

    async def standing(self, scope: LaneScope) -> Standing:
        """Whose a lane is, and the agent chosen on it. Raises ``LookupError``."""
        ...

    async def data(self, scope: OwnerScope | AgentScope) -> dict[str, Any]:
        """The data; empty where there is none."""
        ...

    async def facts(
        self, scope: OwnerScope | AgentScope, words: Sequence[str] = (), limit: int = 20
    ) -> Sequence[Fact]:
        """Facts that have all of the words, whatever their case, newest first."""
        ...

    async def items(
        self, scope: OwnerScope | AgentScope, words: Sequence[str] = (), limit: int = 50
    ) -> Sequence[Item]:
        """Items that have all of the words in name or text, whatever their case, newest first."""
        ...

    async def item(self, scope: OwnerScope | AgentScope, name: str) -> Item | None:
        """What stands under this name."""
        ...

    async def shelf_size(self, scope: OwnerScope | AgentScope) -> tuple[int, int]:
        """How many items a shelf has, and how many bytes they have together."""
        ...

    async def owned_sessions(self, scope: OwnerScope, limit: int) -> Sequence[Session]:
        """The owner's sessions, also those that have ended, the latest first."""
        ...

    async def search_sessions(
        self,
        scope: OwnerScope,
        session_ids: Sequence[str],
        words: Sequence[str],
        *,
        since: float = 0.0,
        until: float = 0.0,
        limit: int = 20,
    ) -> Sequence[Found]:
        """Messages in context of those of these sessions that are the owner's; see
        ``gateway.ports.reach.Earlier.search``."""
        ...

    async def search_all(
        self, scope: OperatorScope, words: Sequence[str], *, channel: str = "", limit: int = 50
    ) -> Sequence[Found]:
        """Messages of any session, for operators, newest first. Reads them all."""
        ...

    async def owners(self, scope: OperatorScope, limit: int = 100) -> Sequence[OwnerScope]:
        """Owners that have data, facts or items, by channel, agent and owner."""
        ...

    async def override(self, scope: SessionScope, overrides: dict[str, Any]) -> Session:
        """Replace what a live session turned on for itself. Raises ``LookupError``."""
        ...


class Erasing(Protocol):
    """Everything of one person, read whole or erased."""

    async def traces(self, scope: PersonScope) -> Traces:
        """How much there is."""
        ...

    async def own_sessions(self, scope: PersonScope) -> Sequence[Session]:
        """Every session of the owner, with each agent, the oldest first."""
        ...

    async def own_scopes(self, scope: PersonScope) -> Sequence[OwnerScope]:
        """Of each agent with which the owner has data, facts or items."""
        ...

    async def own_messages(
        self, scope: PersonScope, *, after: tuple[str, int] = ("", 0), limit: int = 500
    ) -> Sequence[Found]:
        """What the senders wrote in shared sessions, by session and number, in pages: those
        behind the last one (its session's id and its number)."""
        ...

    async def erase(self, scope: PersonScope, *, keep: str = "", now: float) -> Erased:
        """Erase it: messages, summaries, variables, tasks, questions, data, facts, items, files,
        raw events and deliveries. What deduplicates stays, as a keyed hash.

        Turns under way in the owner's sessions can no longer commit, nor can those of shared
        sessions that lost a message; but the lane ``keep``, whose turn asks for this, keeps its
        hold, its waiting rows and what is not yet sent. Its session is erased with the others;
        where a token opens it (web), it stays, empty, under its id. What is left of the lanes
        (keys, the receipt) goes with ``forget`` once nothing waits there. Erasing what is erased
        changes nothing.
        """
        ...

    async def drop_file(self, scope: SessionScope, file_id: str) -> Sequence[str]:
        """Drop one file of a session, which need not exist. Returns as ``delete_session`` does."""
        ...

    async def scrub(self) -> None:
        """Let no file of the database have what was erased: write over free pages, shorten logs.

        Where the database is a server's, its own cleaning does that.
        """
        ...

    async def unscrubbed(self) -> int:
        """How often something was erased since the last ``scrub`` that ended: 0 where nothing is
        to be written over. It stands in the database, whatever becomes of this process."""
        ...

    async def retire(
        self, *, dormant_before: float | None, ended_before: float | None, kept_before: float | None
    ) -> Erased:
        """Delete what outlived its time: sessions without activity since ``dormant_before``, or
        ended before ``ended_before``; data, facts and items not changed since ``kept_before``.

        None: whenever. In batches that hold nobody up; where somebody wrote just now, nothing
        goes. What an agent has of its own stays.
        """
        ...
