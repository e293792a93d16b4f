"""Files on disk, by content: ``ab/abcdef…``, the name being the SHA-256. Synchronous; in threads.

A file appears whole or not at all: it is written beside the others, forced to disk, then renamed.
"""

from __future__ import annotations

import os
import secrets
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from gateway.domain import new_id
from gateway.errors import ConfigurationError, Problem
from gateway.files.media import media_type

_DRAFT = ".draft-"
_KEY = ".key"
_KEY_BYTES = 32
_CONTROLS = bytes({*range(32), 127} - {9, 10, 12, 13})


class Draft:
    """A file being written, at ``path``; ``text`` while all of it is plain UTF-8."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.text = True
        self._file: BinaryIO = os.fdopen(_private(path), "w+b")
        self._hash = sha256()
        self._decoder = getincrementaldecoder("utf-8")()

    def write(self, data: bytes) -> None:
        """Add to it."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        self._read(data)

    def finish(self, name: str, declared: str) -> tuple[str, str]:
        """Force it to disk; its digest and its media type."""
        self._read(b"", final=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        kind = media_type(self._file, text=self.text, name=name, declared=declared)
        return self._hash.hexdigest(), kind

    def close(self) -> None:
        """Let go of it; what was not put in its place is gone."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _read(self, data: bytes, *, final: bool = False) -> None:
        if not self.text:
            return
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError:
            self.text = False
        self.text = self.text and len(data.translate(None, _CONTROLS)) == len(data)


class Disk:
    """The folder that all files stand in; nobody else may look into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder, and remove what a crash left half-written."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        for draft in self._folder.glob(f"{_DRAFT}*"):
            draft.unlink(missing_ok=True)

    def draft(self) -> Draft:
        """A new file, empty."""
        return Draft(self._folder / f"{_DRAFT}{new_id()}")

    def place(self, draft: Draft, digest: str) -> None:
        """Let a finished draft appear."""
        path = self.path(digest)
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _sync(self._folder)
        draft.path.replace(path)
        _sync(path.parent)

    def path(self, digest: str) -> Path:
        """Where this content stands, if it does."""
        return self._folder / digest[:2] / digest

    def remove(self, digests: Iterable[str]) -> int:
        """Remove these; how many there were."""
        paths = [path for digest in digests if (path := self.path(digest)).exists()]
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)

    def older(self, moment: float) -> list[str]:
        """The digests of what has not changed since ``moment``."""
        return [path.name for path in self._all() if path.stat().st_mtime < moment]

    def key(self) -> bytes:
        """The key that links are signed with: made once, whoever asks first.

        Raises ``ConfigurationError`` when somebody changed it.
        """
        path = self._folder / _KEY
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_key(path)
        key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            hint = "delete it: a new one is made, and links given out so far end"
            raise ConfigurationError([Problem(where=str(path), what="is not a key", hint=hint)])
        return key

    def _make_key(self, path: Path) -> None:
        draft = self._folder / f"{_KEY}-{new_id()}"
        with os.fdopen(_private(draft), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename this takes nobody else's key away.
            path.hardlink_to(draft)
        except FileExistsError:
            return
        finally:
            draft.unlink()
        _sync(self._folder)

    def _all(self) -> Iterator[Path]:
        return self._folder.glob("[0-9a-f][0-9a-f]/" + "[0-9a-f]" * 64)


def _private(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
