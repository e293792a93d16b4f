"""Everything that is kept of a person, as one file: an archive with ``export.json`` and ``files/``.

A single JSON document, indented, opens in any browser or editor and reads from top to bottom, and
programs read it too; the files beside it open as what they are. It is written piece by piece, so
that a long history is never whole in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, Protocol
from zipfile import ZIP_DEFLATED, ZipFile

import orjson

from gateway.belongings import Found, Item
from gateway.domain import Attachment, Message, Session
from gateway.files import safe_name
from gateway.ports.records import OwnerScope, PersonScope, SessionScope
from gateway.ports.store import Store

DOCUMENT = "export.json"
PAGE = 500
EVERYTHING = 1_000_000
"""More than anybody has on a shelf, or is remembered of them."""
_PIECE = 1 << 18
_NOTES_FIT_IN = 4096
_ABOUT = (
    "Everything that is kept of one person on one channel: their conversations, what is remembered"
    " of them, and what they said in conversations that others share. Times are UTC."
)

Record = dict[str, Any]


class Contents(Protocol):
    """Where the contents of files are read. Each raises ``LookupError`` for one that is gone."""

    async def read(self, attachment: Attachment) -> bytes:
        """That of a message's file."""
        ...

    async def content(self, item: Item) -> bytes:
        """That of a thing on a shelf."""
        ...


@dataclass(slots=True)
class _Files:
    """The files that are mentioned, by where they stand in the archive."""

    places: dict[str, Attachment | Item] = field(default_factory=dict)

    def place(self, file: Attachment | Item) -> str:
        path = f"files/{len(self.places) + 1:04d} {safe_name(file.name)}"
        self.places[path] = file
        return path


class Exporter:
    """Writes exports."""

    def __init__(self, *, store: Store, files: Contents) -> None:
        self._store = store
        self._files = files

    async def write(self, scope: PersonScope, target: IO[bytes], *, now: float, limit: int) -> int:
        """Write the archive of what is the person's; ``limit`` is how many bytes it should have (0:
        any number), for which contents of files are left out. Returns how many were."""
        files = _Files()
        with ZipFile(target, "w", ZIP_DEFLATED) as archive:
            with archive.open(DOCUMENT, "w", force_zip64=True) as document:
                async for piece in self._document(scope, files, now):
                    await asyncio.to_thread(document.write, piece)
            return await self._contents(archive, files, limit)

    async def _document(
        self, scope: PersonScope, files: _Files, now: float
    ) -> AsyncIterator[bytes]:
        head = {"about": _ABOUT, "channel": scope.channel, "exported_at": _moment(now)}
        yield orjson.dumps(head, option=orjson.OPT_INDENT_2).removesuffix(b"\n}")
        lists = {
            "conversations": self._conversations(scope, files),
            "remembered": self._remembered(scope, files),
            "said_in_shared_conversations": self._said(scope, files),
        }
        for name, records in lists.items():
            yield b',\n  "' + name.encode() + b'": ['
            comma = b"\n"
            async for record in records:
                yield comma + orjson.dumps(record, option=orjson.OPT_INDENT_2)
                comma = b",\n"
            yield b"]"
        yield b"\n}\n"

    async def _conversations(self, scope: PersonScope, files: _Files) -> AsyncIterator[Record]:
        for session in await self._store.own_sessions(scope) if scope.owner else ():
            within = SessionScope(session_id=session.id)
            summary = await self._store.summary(within)
            messages = [_message(m, files, quoted=True) async for m in self._messages(session)]
            yield {
                **_place(session),
                "name": session.name,
                "began_at": _moment(session.created_at),
                "last_activity": _moment(session.last_activity),
                "ended_at": _moment(session.ended_at),
                "summary": {"text": summary.text, "topics": summary.topics} if summary else None,
                "variables": session.variables,
                "settings": session.overrides,
                "messages": messages,
            }

    async def _messages(self, session: Session) -> AsyncIterator[Message]:
        scope = SessionScope(session_id=session.id)
        for after in range(0, session.last_number, PAGE):
            page = await self._store.history(
                scope, after=after, before=after + PAGE + 1, limit=PAGE
            )
            for message in page:
                yield message

    async def _remembered(self, scope: PersonScope, files: _Files) -> AsyncIterator[Record]:
        for owner in await self._store.own_scopes(scope) if scope.owner else ():
            facts = await self._store.facts(owner, (), EVERYTHING)
            yield {
                "agent": owner.agent,
                "data": await self._store.data(owner),
                "facts": [{"at": _moment(one.created_at), "text": one.text} for one in facts],
                "saved": [_item(item, files) for item in await self._items(owner)],
            }

    async def _items(self, owner: OwnerScope) -> list[Item]:
        return list(await self._store.items(owner, (), EVERYTHING))

    async def _said(self, scope: PersonScope, files: _Files) -> AsyncIterator[Record]:
        """Their own messages, and nobody else's words: not even those that they quote."""
        after = ("", 0)
        while scope.senders:
            page = await self._store.own_messages(scope, after=after, limit=PAGE)
            for found in page:
                yield {**_place(found.session), **_message(found.message, files, quoted=False)}
            if len(page) < PAGE:
                return
            after = _place_of(page[-1])

    async def _contents(self, archive: ZipFile, files: _Files, limit: int) -> int:
        """Put in what fits, the smaller first, and say what does not, or is gone."""
        left = {}
        room = limit - _NOTES_FIT_IN if limit else 0
        for path, file in sorted(files.places.items(), key=lambda one: one[1].size):
            if limit and archive.fp is not None and archive.fp.tell() + file.size > room:
                left[path] = "it would make the archive larger than it may be"
                continue
            try:
                content = await self._content(file)
            except LookupError:
                left[path] = "its content is gone"
            else:
                await asyncio.to_thread(archive.writestr, path, content)
        if left:
            notes = orjson.dumps(left, option=orjson.OPT_INDENT_2)
            archive.writestr("left out.json", notes)
        return len(left)

    async def _content(self, file: Attachment | Item) -> bytes:
        if isinstance(file, Item):
            return await self._files.content(file)
        return await self._files.read(file)


async def pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    """A written file, from its beginning."""
    file.seek(0)
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece


def _place(session: Session) -> Record:
    where = session.conversation
    return {
        "conversation": session.id,
        "agent": session.agent,
        "where": {"kind": where.kind.value, "id": where.id, "parent_id": where.parent_id},
    }


def _message(message: Message, files: _Files, *, quoted: bool) -> Record:
    record: Record = {
        "number": message.number,
        "at": _moment(message.created_at),
        "role": message.role.value,
        "from": message.sender,
        "text": message.text,
    }
    if message.attachments:
        record["files"] = [_file(one, files) for one in message.attachments]
    if quoted and message.quote is not None:
        record["quotes"] = {"from": message.quote.sender, "text": message.quote.text}
    return record


def _file(file: Attachment | Item, files: _Files) -> Record:
    stored = isinstance(file, Item) or bool(file.id)
    return {
        "name": file.name,
        "type": file.media_type,
        "size": file.size,
        "file": files.place(file) if stored else None,
    }


def _item(item: Item, files: _Files) -> Record:
    saved = {"at": _moment(item.created_at)}
    if item.digest:
        return {**_file(item, files), **saved}
    return {"name": item.name, "type": item.media_type, "text": item.text, **saved}


def _place_of(found: Found) -> tuple[str, int]:
    return found.session.id, found.message.number


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
