"""What is in a base's folder: regular files of the kinds that can be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.knowledge.shelfmark import Unreadable

SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown", ".html", ".htm", ".pdf"})
LARGEST = 50 * 2**20
"""Bytes of a file."""
MOST = 50_000
"""Files in one base."""
DEEPEST = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file: its path within the base, with slashes, and where it really is."""

    name: str
    path: Path
    size: int
    written: int


def entries(root: Path, trouble: Callable[[str, OSError], None]) -> Iterator[Entry]:
    """Every file below ``root`` that can be a document, in no order.

    What is hidden is left out. A symbolic link to a file is followed where it stays within the
    folder, one to a folder is not. What cannot be looked into is told to ``trouble``.
    """
    home, count = Path(os.path.realpath(root)), 0
    waiting = [("", home)]
    while waiting:
        inside, folder = waiting.pop()
        try:
            found = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as error:
            trouble(inside or ".", error)
            continue
        for one in found:
            name = f"{inside}{one.name}"
            if one.name.startswith("."):
                continue
            if one.is_dir(follow_symlinks=False):
                if inside.count("/") < DEEPEST:
                    waiting.append((f"{name}/", folder / one.name))
            elif (entry := _file(home, one, name)) is not None:
                count += 1
                if count > MOST:
                    trouble(".", OSError(f"has more than {MOST} documents; the rest is left out"))
                    return
                yield entry


def _file(home: Path, one: os.DirEntry[str], name: str) -> Entry | None:
    if Path(one.name).suffix.lower() not in SUFFIXES:
        return None
    try:
        # Names that are no text, which other systems can write, could never be cited.
        name.encode()
        # The folder is a real one, so that only the file itself can lead elsewhere.
        path = Path(os.path.realpath(one.path) if one.is_symlink() else one.path)
        about = one.stat()
    except (OSError, UnicodeEncodeError):
        return None
    if not stat.S_ISREG(about.st_mode) or not path.is_relative_to(home):
        return None
    return Entry(name=name, path=path, size=about.st_size, written=about.st_mtime_ns)


def state(root: Path) -> tuple[str, str]:
    """What is wrong with a folder, and what is remarkable of it, for operators; or neither."""
    try:
        root.stat()
        if not root.is_dir():
            return "is not a folder", ""
        os.scandir(root).close()
    except FileNotFoundError:
        return "there is no such folder", ""
    except OSError as error:
        return f"cannot be read: {error.strerror}", ""
    found = next(entries(root, lambda _, __: None), None)
    kinds = ", ".join(sorted(SUFFIXES))
    return "", "" if found else f"the folder has no document yet ({kinds})"


def read(entry: Entry) -> bytes:
    """A file's content. Raises ``Unreadable`` and ``OSError``."""
    if entry.size > LARGEST:
        raise Unreadable(f"is larger than {LARGEST // 2**20} MB")
    # What it was when it was found, it may not be any more.
    handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("is not a file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST // 2**20} MB")
    return content
