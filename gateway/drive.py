"""Shelves, as one turn sees them: the owner's with what this turn saves and deletes, the agent's as
operators filled it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.belongings import Item, has_all, words_of
from gateway.domain import Attachment, new_id
from gateway.errors import Unavailable
from gateway.files import FileRoom, safe_name
from gateway.files.names import in_words
from gateway.limits import exceeded, incoming_text
from gateway.ports.records import AgentScope, Keeping, OwnerScope
from gateway.ports.shelves import Shelves

_FOLDERS = re.compile(r"[/\\]+")
_TEXT_KIND = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,100}")


def shelf_name(name: str) -> str:
    """The name under which an item stands: a file's, without folders. Raises ``ValueError``."""
    if not name.strip():
        raise ValueError("what is kept on the Drive needs a name")
    return safe_name(_FOLDERS.sub("-", name.strip()))


def _text_kind(media_type: str) -> str:
    """What a text is called: as it is said, where that is the name of a kind."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind if _TEXT_KIND.fullmatch(kind) else "text/plain"


@dataclass(slots=True)
class AgentShelf:
    """Implements ``gateway.ports.reach.Shelf``."""

    store: Shelves
    scope: AgentScope
    files: FileRoom

    async def list(self, words: str = "", *, limit: int = 50) -> Sequence[Item]:
        """See ``Shelf.list``."""
        return await self.store.items(self.scope, words_of(words), limit)

    async def read(self, name: str) -> bytes:
        """See ``Shelf.read``."""
        item = await self.store.item(self.scope, shelf_name(name))
        if item is None:
            raise LookupError(f"there is nothing called {name!r} on the agent's shelf")
        return await self.files.content(item)


@dataclass(slots=True)
class TurnDrive:
    """Implements ``gateway.ports.reach.Drive``. ``most`` bytes may be on the shelf; 0: any number.

    ``read_file`` reads the files of this turn and no others. ``close`` it when the turn is over.
    """

    store: Shelves
    scope: OwnerScope | AgentScope
    session_id: str
    files: FileRoom
    read_file: Callable[[Attachment], Awaitable[bytes]]
    most: int
    clock: Callable[[], float] = time.time
    _saved: dict[str, Item] = field(default_factory=dict, init=False)
    _deleted: set[str] = field(default_factory=set, init=False)
    _stored: dict[str, Item | None] = field(default_factory=dict, init=False)
    _made: dict[str, Item] = field(default_factory=dict, init=False)
    _size: int | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)

    async def save(
        self, name: str, content: str | bytes | Attachment, media_type: str = ""
    ) -> Item:
        """See ``Drive.save``. Raises ``ValueError`` where there is no name."""
        name = shelf_name(name)
        if isinstance(content, Attachment):
            media_type = media_type or content.media_type
            content = await self.read_file(content)
        if isinstance(content, str):
            content = incoming_text(content, longest=0)
        size = len(content.encode() if isinstance(content, str) else content)
        await self._room_for(name, size)
        if isinstance(content, bytes):
            item = await self._shelved(name, content, media_type)
        else:
            item = Item(
                id=new_id(),
                name=name,
                created_at=self.clock(),
                text=content,
                media_type=_text_kind(media_type),
                size=size,
                session_id=self.session_id,
            )
        self._saved.pop(name, None)
        self._saved[name] = item
        self._deleted.discard(name)
        return item

    async def list(self, words: str = "", *, limit: int = 50) -> Sequence[Item]:
        """See ``Drive.list``."""
        wanted, limit = words_of(words), max(limit, 0)
        saved = [item for item in self._saved.values() if has_all(wanted, item.name, item.text)]
        changed = self._saved.keys() | self._deleted
        found = await self.store.items(self.scope, wanted, limit + len(changed))
        old = [item for item in found if item.name not in changed]
        return [*reversed(saved), *old][:limit]

    async def read(self, name: str) -> bytes:
        """See ``Drive.read``."""
        item = await self._standing(shelf_name(name))
        if item is None:
            raise LookupError(f"there is nothing called {name!r} on the Drive")
        return await self.files.content(item)

    async def delete(self, name: str) -> bool:
        """See ``Drive.delete``."""
        name = shelf_name(name)
        if await self._standing(name) is None:
            return False
        self._saved.pop(name, None)
        self._deleted.add(name)
        return True

    def keeping(self) -> Keeping | None:
        """What this turn changed."""
        stood = (self._stored.get(name) for name in self._deleted)
        dropped = tuple(item.id for item in stood if item)
        if not (self._saved or dropped):
            return None
        return Keeping(scope=self.scope, items=tuple(self._saved.values()), dropped=dropped)

    async def close(self) -> None:
        """The turn is over: what it saved is stored by now, or is removed from disk."""
        self._closed = True
        made, self._made = tuple(self._made.values()), {}
        if made:
            # What is left where the store is away now, the hourly sweep finds.
            with suppress(Unavailable):
                await self.files.let_go(made)

    async def _standing(self, name: str) -> Item | None:
        """What stands under this name for this turn."""
        stored = await self._before(name)
        if name in self._saved or name in self._deleted:
            return self._saved.get(name)
        return stored

    async def _before(self, name: str) -> Item | None:
        """What stood under this name before this turn."""
        if name not in self._stored:
            self._stored[name] = await self.store.item(self.scope, name)
        return self._stored[name]

    async def _shelved(self, name: str, content: bytes, media_type: str) -> Item:
        item = await self.files.shelve(
            name, content, media_type=media_type, session_id=self.session_id
        )
        if self._closed:
            await self.files.let_go((item,))
            raise RuntimeError("this turn is over; nothing more of it is kept")
        self._made[item.id] = item
        return item

    async def _room_for(self, name: str, size: int) -> None:
        """Raises ``LimitExceeded``."""
        if self.files.limit and size > self.files.limit:
            raise exceeded("file_bytes", f"{name} is larger than {in_words(self.files.limit)}")
        if not self.most:
            return
        if self._size is None:
            self._size = (await self.store.shelf_size(self.scope))[1]
        changed = {name, *self._saved, *self._deleted}
        before = [await self._before(each) for each in changed]
        replaced = sum(item.size for item in before if item)
        others = sum(item.size for key, item in self._saved.items() if key != name)
        total = self._size - replaced + others + size
        if total > self.most:
            raise exceeded(
                "drive_bytes",
                f"with {name} there would be {total:,} bytes on the Drive;"
                f" {self.most:,} are allowed (limits.drive_bytes)",
            )
