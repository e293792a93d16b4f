"""What outlives sessions, as operators see and change it; the API and the command line share it.

Agents' own data and shelves are written by operators alone, unless an agent is configured to write
its data. What operators change is under the same limits as what agents do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import orjson

from gateway.belongings import Fact, Item, words_of
from gateway.domain import Attachment, Session
from gateway.drive import TurnDrive, shelf_name
from gateway.facts import TurnFacts
from gateway.files import FileRoom
from gateway.ports.records import AgentScope, Keeping, OperatorScope, OwnerScope, SessionScope
from gateway.ports.store import Store
from gateway.reach import check_size, checked_overrides
from gateway.settings import LimitsSection

Scope = OwnerScope | AgentScope

_SCOPE = OperatorScope(why="an operator looks at what outlives sessions")


class Keeps(Protocol):
    """Where a change is stored, and forgotten by heart."""

    async def keep(self, keeping: Keeping) -> None:
        """See ``gateway.longterm.LongTerm.keep``."""
        ...


class Custody:
    """Data, facts, shelves and overrides. Raises ``LookupError`` for what is not there,
    ``ValueError`` for what cannot be, ``LimitExceeded`` for what is too much."""

    def __init__(
        self,
        *,
        store: Store,
        keeps: Keeps,
        files: FileRoom,
        limits: LimitsSection,
        bases: Sequence[str] = (),
        changed: Callable[[Session], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._keeps = keeps
        self._files = files
        self._limits = limits
        self._bases = bases
        self._changed = changed

    async def owners(self, limit: int = 100) -> Sequence[OwnerScope]:
        """Who has anything."""
        return await self._store.owners(_SCOPE, limit)

    async def data(self, scope: Scope) -> dict[str, Any]:
        """The data."""
        return await self._store.data(scope)

    async def change(
        self, scope: Scope, put: Mapping[str, Any], unset: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Put some keys of the data and remove others; what it is then."""
        try:
            orjson.dumps(dict(put))
        except TypeError as error:
            raise ValueError(f"data is a JSON object: {error}") from None
        keeping = Keeping(
            scope=scope, data=put, unset=tuple(unset), data_bytes=self._limits.data_bytes
        )
        await self._keeps.keep(keeping)
        return await self._store.data(scope)

    async def facts(self, scope: OwnerScope, words: str = "", limit: int = 100) -> Sequence[Fact]:
        """What is remembered, the newest first."""
        return await self._store.facts(scope, words_of(words), limit)

    async def add_fact(self, scope: OwnerScope, text: str) -> Fact:
        """Remember something."""
        facts = TurnFacts(self._store, scope, "", self._limits.facts)
        fact = await facts.remember(text)
        await self._keep(facts.keeping())
        return fact

    async def drop_fact(self, scope: OwnerScope, fact_id: str) -> None:
        """Remember it no more."""
        facts = TurnFacts(self._store, scope, "", 0)
        if not await facts.forget(fact_id):
            raise LookupError(f"there is no fact {fact_id} there")
        await self._keep(facts.keeping())

    async def items(self, scope: Scope, words: str = "", limit: int = 100) -> Sequence[Item]:
        """What is on the shelf, the newest first."""
        return await self._store.items(scope, words_of(words), limit)

    async def content(self, scope: Scope, name: str) -> tuple[Item, bytes]:
        """One thing of the shelf, with its content."""
        item = await self._standing(scope, name)
        return item, await self._files.content(item)

    async def put(self, scope: Scope, name: str, content: bytes, media_type: str = "") -> Item:
        """Put something on the shelf; what stood there under that name is replaced."""
        drive = TurnDrive(self._store, scope, "", self._files, _no_file, self._limits.drive_bytes)
        try:
            item = await drive.save(name, _text(content, media_type) or content, media_type)
            await self._keep(drive.keeping())
        finally:
            await drive.close()
        return item

    async def remove(self, scope: Scope, name: str) -> None:
        """Take it off the shelf."""
        item = await self._standing(scope, name)
        await self._keep(Keeping(scope=scope, dropped=(item.id,)))

    async def overrides(self, session_id: str) -> dict[str, Any]:
        """What a session turned on for itself."""
        session = await self._store.session(SessionScope(session_id=session_id))
        if session is None:
            raise LookupError(f"there is no session {session_id}")
        return dict(session.overrides)

    async def override(self, session_id: str, overrides: Mapping[str, Any]) -> Session:
        """Replace what a live session turned on for itself."""
        checked_overrides(overrides, self._bases)
        check_size(overrides)
        scope = SessionScope(session_id=session_id)
        session = await self._store.override(scope, dict(overrides))
        self._changed(session)
        return session

    async def _standing(self, scope: Scope, name: str) -> Item:
        item = await self._store.item(scope, shelf_name(name))
        if item is None:
            raise LookupError(f"there is nothing called {name!r} on that shelf")
        return item

    async def _keep(self, keeping: Keeping | None) -> None:
        if keeping is not None:
            await self._keeps.keep(keeping)


def entry(item: Item) -> dict[str, Any]:
    """A thing of a shelf as it is listed: without its content, which may be long."""
    return {name: value for name, value in asdict(item).items() if name != "text"}


def _text(content: bytes, media_type: str) -> str:
    """What is searched as a text, and stored as one; empty for a file."""
    if media_type and not media_type.startswith("text/"):
        return ""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text


async def _no_file(attachment: Attachment) -> bytes:
    raise LookupError(f"there is no file {attachment.name!r} here")
