"""What an agent remembers of its owner, as one turn sees it: with what this turn adds and drops."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.belongings import Fact, has_all, words_of
from gateway.domain import new_id
from gateway.errors import LimitExceeded
from gateway.limits import exceeded, incoming_text
from gateway.ports.records import Keeping, OwnerScope
from gateway.ports.shelves import Shelves

LONGEST = 10_000
"""Characters that one fact may have."""
_ALL = 100_000


@dataclass(slots=True)
class TurnFacts:
    """Implements ``gateway.ports.reach.Facts``. ``most`` facts are kept; 0: any number."""

    store: Shelves
    scope: OwnerScope
    session_id: str
    most: int
    clock: Callable[[], float] = time.time
    _added: dict[str, Fact] = field(default_factory=dict, init=False)
    _dropped: set[str] = field(default_factory=set, init=False)
    _stored: dict[str, Fact] | None = field(default=None, init=False)

    async def remember(self, text: str) -> Fact:
        """See ``Facts.remember``. Raises ``ValueError`` where there is no text."""
        text = incoming_text(text, longest=0).strip()
        if not text:
            raise ValueError("a fact needs a text")
        if len(text) > LONGEST:
            raise LimitExceeded(f"a fact of {len(text):,} characters; {LONGEST:,} are allowed")
        known = {fact.text: fact for fact in await self._all()}
        if text in known:
            return known[text]
        if self.most and len(known) >= self.most:
            raise exceeded(
                "facts",
                f"{len(known):,} facts are remembered here; {self.most:,} are allowed"
                " (limits.facts)",
            )
        fact = Fact(id=new_id(), text=text, created_at=self.clock(), session_id=self.session_id)
        self._added[fact.id] = fact
        return fact

    async def recall(self, words: str = "", *, limit: int = 20) -> Sequence[Fact]:
        """See ``Facts.recall``."""
        wanted, limit = words_of(words), max(limit, 0)
        new = [fact for fact in reversed(self._added.values()) if has_all(wanted, fact.text)]
        found = await self.store.facts(self.scope, wanted, limit + len(self._dropped))
        old = [fact for fact in found if fact.id not in self._dropped]
        return [*new, *old][:limit]

    async def forget(self, fact_id: str) -> bool:
        """See ``Facts.forget``."""
        if self._added.pop(fact_id, None) is not None:
            return True
        if all(fact.id != fact_id for fact in await self._all()):
            return False
        self._dropped.add(fact_id)
        return True

    def keeping(self) -> Keeping | None:
        """What this turn changed."""
        if not (self._added or self._dropped):
            return None
        return Keeping(
            scope=self.scope, facts=tuple(self._added.values()), dropped=tuple(self._dropped)
        )

    async def _all(self) -> list[Fact]:
        """Every one, read once in a turn: they are few, and seldom is any added."""
        if self._stored is None:
            found = await self.store.facts(self.scope, (), _ALL)
            self._stored = {fact.id: fact for fact in found}
        stored = [fact for fact in self._stored.values() if fact.id not in self._dropped]
        return [*stored, *self._added.values()]
