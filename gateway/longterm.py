"""What is known by heart of people's, conversations' and agents' data, so that turns need not read.

As JSON, so that each turn gets a copy of its own; the least used goes first. It is never older than
what this process has stored: who changes data does it through ``keep``, or within ``changing``.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import orjson

from gateway.ports.records import AgentScope, Keeping, OwnerScope
from gateway.ports.shelves import Shelves

Scope = OwnerScope | AgentScope

NOTHING = b"{}"


class _Reading:
    """One read under way. ``late``: what it returns may have been changed meanwhile."""

    late = False


class LongTerm:
    """Data by whose it is. ``most_bytes`` and ``most`` bound what is known by heart."""

    def __init__(
        self, store: Shelves, *, most_bytes: int = 16 * 1024 * 1024, most: int = 10_000
    ) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._most = most
        self._known: OrderedDict[Scope, bytes] = OrderedDict()
        self._bytes = 0
        self._readings: defaultdict[Scope, set[_Reading]] = defaultdict(set)
        self._changing: Counter[Scope] = Counter()
        self._crossed: set[Scope] = set()

    async def data(self, scope: Scope) -> bytes:
        """The data as JSON; ``{}`` where there is none. Raises ``Unavailable``."""
        known = self._known.get(scope)
        if known is not None:
            self._known.move_to_end(scope)
            return known
        return await self._learned(scope)

    async def keep(self, keeping: Keeping) -> None:
        """Change what outlives sessions outside of a turn; see ``Shelves.keep``."""
        with self.changing((keeping,)):
            await self._store.keep(keeping)

    @contextmanager
    def changing(self, keepings: Iterable[Keeping]) -> Iterator[None]:
        """Within it these are stored. Raising means that they were not, or that nobody knows."""
        changes = [keeping for keeping in keepings if keeping.data or keeping.unset]
        for keeping in changes:
            # Which of two that cross is stored last, nobody here knows.
            if self._changing[keeping.scope]:
                self._crossed.add(keeping.scope)
            self._changing[keeping.scope] += 1
        stored = False
        try:
            yield
            stored = True
        finally:
            for keeping in changes:
                self._changed(keeping, stored=stored)

    def forget(self) -> None:
        """Something was changed that concerns anybody's data."""
        for scope in [*self._known, *self._readings]:
            self._drop(scope)

    def forget_owner(self, channel: str, owner: str) -> None:
        """All of this owner's data was changed or erased, with whatever agent."""
        for scope in [*self._known, *self._readings]:
            if isinstance(scope, OwnerScope) and (scope.channel, scope.owner) == (channel, owner):
                self._drop(scope)

    async def _learned(self, scope: Scope) -> bytes:
        reading = _Reading()
        readings = self._readings[scope]
        readings.add(reading)
        try:
            while True:
                reading.late = False
                found = orjson.dumps(await self._store.data(scope))
                if not reading.late:
                    self._know(scope, found)
                    return found
        finally:
            readings.discard(reading)
            if not readings:
                self._readings.pop(scope, None)

    def _changed(self, keeping: Keeping, *, stored: bool) -> None:
        scope = keeping.scope
        self._changing[scope] -= 1
        for reading in self._readings.get(scope, ()):
            reading.late = True
        known = self._known.get(scope)
        if not stored or scope in self._crossed:
            self._drop(scope)
        elif known is not None:
            self._know(scope, _after(known, keeping))
        if not self._changing[scope]:
            del self._changing[scope]
            self._crossed.discard(scope)

    def _know(self, scope: Scope, data: bytes) -> None:
        self._bytes += len(data) - len(self._known.get(scope, b""))
        self._known[scope] = data
        self._known.move_to_end(scope)
        while self._bytes > self._most_bytes or len(self._known) > self._most:
            _, dropped = self._known.popitem(last=False)
            self._bytes -= len(dropped)

    def _drop(self, scope: Scope) -> None:
        self._bytes -= len(self._known.pop(scope, b""))
        for reading in self._readings.get(scope, ()):
            reading.late = True


def _after(known: bytes, keeping: Keeping) -> bytes:
    data = orjson.loads(known)
    for key in keeping.unset:
        data.pop(key, None)
    data.update(keeping.data)
    return orjson.dumps(data)
