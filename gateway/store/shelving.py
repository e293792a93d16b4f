"""The part of the store that outlives sessions: ``Shelves``, over SQL."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from typing import Any

from gateway.belongings import Fact, Found, Item
from gateway.domain import Session
from gateway.ports.records import (
    AgentScope,
    Keeping,
    LaneScope,
    OperatorScope,
    OwnerScope,
    SessionScope,
    Standing,
)
from gateway.store import data, earlier, endings, facts, items, keepings, lanes, sessions
from gateway.store.acting import Acting
from gateway.store.earlier import Hit
from gateway.store.messages import NO_NUMBER


class Shelving(Acting):
    """``gateway.ports.shelves.Shelves``."""

    async def keep(self, keeping: Keeping) -> None:
        """As ``Shelves.keep``."""
        await self._act(lambda c, _: keepings.apply_all(c, [keeping]))

    async def standing(self, scope: LaneScope) -> Standing:
        """As ``Shelves.standing``."""
        return await self._read(lanes.whose, scope)

    async def data(self, scope: OwnerScope | AgentScope) -> dict[str, Any]:
        """As ``Shelves.data``."""
        return await self._read(data.one, scope)

    async def facts(
        self, scope: OwnerScope | AgentScope, words: Sequence[str] = (), limit: int = 20
    ) -> Sequence[Fact]:
        """As ``Shelves.facts``."""
        return await self._read(facts.having, scope, words, limit)

    async def items(
        self, scope: OwnerScope | AgentScope, words: Sequence[str] = (), limit: int = 50
    ) -> Sequence[Item]:
        """As ``Shelves.items``."""
        return await self._read(items.having, scope, words, limit)

    async def item(self, scope: OwnerScope | AgentScope, name: str) -> Item | None:
        """As ``Shelves.item``."""
        return await self._read(items.one, scope, name)

    async def shelf_size(self, scope: OwnerScope | AgentScope) -> tuple[int, int]:
        """As ``Shelves.shelf_size``."""
        return await self._read(items.size, scope)

    async def owned_sessions(self, scope: OwnerScope, limit: int) -> Sequence[Session]:
        """As ``Shelves.owned_sessions``."""
        return await self._read(sessions.owned, scope, limit)

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
        """As ``Shelves.search_sessions``."""
        search, hits = earlier.wanted(words, since, until), list[Hit]()
        for session_id in dict.fromkeys(session_ids):
            mine, before = list[Hit](), NO_NUMBER
            while before and len(mine) < limit:
                page, before = await self._read(
                    earlier.page_of_session, scope, session_id, before, search
                )
                mine += page
            hits = nlargest(limit, [*hits, *mine])
        return await self._read(earlier.of_owner, scope, hits)

    async def search_all(
        self, scope: OperatorScope, words: Sequence[str], *, channel: str = "", limit: int = 50
    ) -> Sequence[Found]:
        """As ``Shelves.search_all``."""
        search, hits = earlier.wanted(words, 0.0, 0.0, channel), list[Hit]()
        last: Hit | None = Hit(0.0, "", 0)
        while last is not None:
            page, last = await self._read(earlier.page_of_all, scope, last, search)
            hits = nlargest(limit, [*hits, *page])
        return await self._read(earlier.of_anybody, scope, hits)

    async def override(self, scope: SessionScope, overrides: dict[str, Any]) -> Session:
        """As ``Shelves.override``."""
        session: Session = await self._act(lambda c, _: endings.override(c, scope, overrides))
        return session

    async def owners(self, scope: OperatorScope, limit: int = 100) -> Sequence[OwnerScope]:
        """As ``Shelves.owners``."""
        return await self._read(keepings.owners, scope, limit)
