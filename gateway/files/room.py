"""Where files of messages are kept: content on disk, and in the store whose it is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway import observability as obs
from gateway.belongings import Item
from gateway.domain import Attachment, Session, new_id
from gateway.errors import Unavailable
from gateway.files import links
from gateway.files.disk import Disk, Draft
from gateway.files.links import LinkRefused
from gateway.files.names import in_words, safe_name
from gateway.limits import exceeded
from gateway.ports.records import FileScope, OperatorScope, SessionScope, StoredFile
from gateway.ports.store import Store

SPARED = 3600.0
"""Seconds for which ``sweep`` leaves alone what nobody refers to."""

_PIECE = 1 << 18
_BATCH = 500
_UNUSED = OperatorScope(why="files on disk that nobody refers to")

AnyResult = TypeVar("AnyResult")


class FileRoom:
    """Implements ``gateway.ports.host.Files``.

    Whoever writes here holds the store's lock, so that a folder has one writer. ``limit`` is the
    bytes one file may have; 0 is any number.
    """

    def __init__(
        self, *, folder: Path, store: Store, limit: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.limit = limit
        self._store = store
        self._clock = clock
        self._disk = Disk(folder)
        self._prepared = False
        self._signing_key = b""
        # Held while a file is put in its place, and while any is removed.
        self._places = asyncio.Lock()
        self._recording: Counter[str] = Counter()

    async def keep(
        self, session: Session, name: str, content: AsyncIterator[bytes], *, media_type: str = ""
    ) -> Attachment:
        """See ``Files.keep``. Raises ``Unavailable`` when the disk does not take it."""
        shown = safe_name(name)
        await self._prepare()
        with self._draft() as draft:
            await self._fill(draft, shown, content)
            digest, kind = await _on_disk(partial(draft.finish, shown, media_type))
            file = StoredFile(
                id=new_id(),
                session_id=session.id,
                digest=digest,
                name=shown,
                media_type=kind,
                size=draft.size,
                created_at=self._clock(),
            )
            await self._record(draft, file)
        return _attachment(file)

    async def find(self, session: Session, file_id: str) -> Attachment | None:
        """See ``Files.find``."""
        file = await self._store.file(SessionScope(session_id=session.id), file_id)
        return _attachment(file) if file else None

    async def read(self, attachment: Attachment) -> bytes:
        """See ``Files.read``."""
        file = await self._store.file(FileScope(file_id=attachment.id), attachment.id)
        if file is None:
            raise LookupError(f"the file {attachment.name} is gone")
        try:
            return await asyncio.to_thread(self._disk.path(file.digest).read_bytes)
        except FileNotFoundError:
            raise LookupError(f"the content of {attachment.name} is gone") from None

    async def shelve(
        self, name: str, content: bytes, *, media_type: str = "", session_id: str = ""
    ) -> Item:
        """An item for a shelf, with its content on disk. Raises ``LimitExceeded``, ``Unavailable``.

        It is nobody's before the store has it; ``let_go`` once it has, or never will.
        """
        await self._prepare()
        with self._draft() as draft:
            await self._fill(draft, name, _whole(content))
            digest, kind = await _on_disk(partial(draft.finish, name, media_type))
            self._recording[digest] += 1
            try:
                async with self._places:
                    await _on_disk(partial(self._disk.place, draft, digest))
            except BaseException:
                self._recorded(digest)
                raise
        return Item(
            id=new_id(),
            name=name,
            created_at=self._clock(),
            media_type=kind,
            size=len(content),
            digest=digest,
            session_id=session_id,
        )

    async def let_go(self, items: Iterable[Item]) -> None:
        """See ``shelve``: what the store does not have is removed."""
        digests = [item.digest for item in items if item.digest]
        for digest in digests:
            self._recorded(digest)
        await self.discard(digests)

    async def content(self, item: Item) -> bytes:
        """What is in an item of a shelf. Raises ``LookupError`` when it is gone."""
        if not item.digest:
            return item.text.encode()
        try:
            return await asyncio.to_thread(self._disk.path(item.digest).read_bytes)
        except FileNotFoundError:
            raise LookupError(f"the content of {item.name} is gone") from None

    def link(self, attachment: Attachment) -> str:
        """See ``Files.link``."""
        return links.link(self._key(), attachment.id, self._clock())

    async def open(self, file_id: str, exp: str, sig: str) -> tuple[StoredFile, Path]:
        """The file that a link opens, and where it stands. Raises ``LinkRefused``."""
        links.check(self._key(), file_id, exp, sig, self._clock())
        file = await self._store.file(FileScope(file_id=file_id), file_id)
        if file is not None:
            path = self._disk.path(file.digest)
            if await asyncio.to_thread(path.is_file):
                return file, path
        raise LinkRefused(404, "This file was deleted.")

    async def discard(self, digests: Sequence[str]) -> int:
        """Remove those of these contents that nobody refers to any more; how many."""
        removed = 0
        for at in range(0, len(digests), _BATCH):
            batch = digests[at : at + _BATCH]
            async with self._places:
                # One that is being recorded is not known yet; no other appears under the lock.
                idle = [digest for digest in batch if digest not in self._recording]
                known = await self._store.known_digests(_UNUSED, idle)
                unused = [digest for digest in idle if digest not in known]
                removed += await _on_disk(partial(self._disk.remove, unused))
        return removed

    async def sweep(self) -> None:
        """Remove what a crash left: contents that nobody refers to, an hour later."""
        await self._prepare()
        old = await _on_disk(partial(self._disk.older, self._clock() - SPARED))
        if removed := await self.discard(old):
            obs.log.info(obs.Event.FILES_SWEPT, count=removed)

    async def _prepare(self) -> None:
        """Once, before the first file of this process is written."""
        if not self._prepared:
            async with self._places:
                if not self._prepared:
                    await _on_disk(self._disk.prepare)
                    self._prepared = True

    @contextmanager
    def _draft(self) -> Iterator[Draft]:
        try:
            draft = self._disk.draft()
        except OSError as error:
            raise _unavailable(error) from error
        try:
            yield draft
        finally:
            draft.close()

    async def _fill(self, draft: Draft, name: str, content: AsyncIterator[bytes]) -> None:
        waiting = bytearray()
        async for piece in content:
            waiting += piece
            if self.limit and draft.size + len(waiting) > self.limit:
                raise exceeded("file_bytes", f"{name} is larger than {in_words(self.limit)}")
            if len(waiting) >= _PIECE:
                await _on_disk(partial(draft.write, bytes(waiting)))
                waiting.clear()
        await _on_disk(partial(draft.write, bytes(waiting)))

    async def _record(self, draft: Draft, file: StoredFile) -> None:
        self._recording[file.digest] += 1
        try:
            async with self._places:
                await _on_disk(partial(self._disk.place, draft, file.digest))
            await self._store.add_file(file)
        finally:
            self._recorded(file.digest)

    def _recorded(self, digest: str) -> None:
        self._recording[digest] -= 1
        if not self._recording[digest]:
            del self._recording[digest]

    def _key(self) -> bytes:
        if not self._signing_key:
            self._signing_key = self._disk.key()
        return self._signing_key


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _on_disk(work: Callable[[], AnyResult]) -> AnyResult:
    """Do it in a thread, and never leave it running: its file is about to be closed."""
    doing = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        while not doing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([doing])
        doing.exception()
        raise
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> Unavailable:
    obs.log.error(obs.Event.FILES_FAILED, reason=error.strerror or str(error))
    return Unavailable("files cannot be written or read now")


def _attachment(file: StoredFile) -> Attachment:
    return Attachment(name=file.name, media_type=file.media_type, size=file.size, id=file.id)
