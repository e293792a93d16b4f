"""Writing over what SQLite left behind in its file.

``secure_delete=ON`` has SQLite write zeros over deleted content and freed pages. What it leaves are
copies: a page that gives rows away to a neighbour keeps them between its pointers and its content,
where nobody looks any more; and a file from before that setting has old pages on its free list.
Both are unused bytes of pages whose layout is fixed (https://www.sqlite.org/fileformat2.html, 1.5
and 1.6), and zeros there change nothing for anybody who reads the file meanwhile, nor where it ends
in the middle: no byte that is in use is written. That a disk leaves alone the bytes beside those it
writes is what SQLite relies on with each commit to its log (https://www.sqlite.org/psow.html).

Needs a database whose log is empty while its write lock is held: then nobody changes the file.

How often something was erased since the last scrub stands in the database itself, so that whoever
comes after a crash knows; SQLite leaves ``user_version`` to applications.
"""

from __future__ import annotations

import os
import struct

from sqlalchemy import Connection

from gateway.ports.records import OperatorScope
from gateway.store.lanes import Writer
from gateway.store.scope import scoped

PIECE = 4 * 2**20
"""Bytes that are looked through in one go."""
TRUNKS = 16
"""Pages of the free list that are looked through in one go, each with up to a thousand leaves."""

_HEADER = 100
_MAGIC = b"SQLite format 3\0"
_LEAVES, _INTERIORS = (10, 13), (2, 5)
# Pages that are no part of a tree begin with a page's number: up to here never as those of one do.
_MOST_PAGES = 2 << 24

_MOST_OWED = 2**31 - 1
_LOCK_BYTE = 2**30

Span = tuple[int, int]


def owe(connection: Connection) -> None:
    """Something is erased in this transaction: a scrub is owed."""
    if connection.dialect.name == "sqlite":
        number = _owed(connection) % _MOST_OWED + 1
        connection.exec_driver_sql(f"PRAGMA user_version = {number:d}")


@scoped(OperatorScope)
def owed(connection: Connection, scope: OperatorScope) -> int:
    """How often something was erased since the last scrub; where a server cleans, never."""
    return _owed(connection) if connection.dialect.name == "sqlite" else 0


def settle(connection: Connection, _: Writer, *, number: int) -> None:
    """All that was owed when a scrub began is done; what was erased meanwhile is still owed."""
    if _owed(connection) == number:
        connection.exec_driver_sql("PRAGMA user_version = 0")


def _owed(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


class Pages:
    """A database file, opened for writing zeros."""

    def __init__(self, file: int) -> None:
        self._file = file
        head = os.pread(file, _HEADER, 0)
        if head[:16] != _MAGIC:
            raise ValueError("not a database of SQLite")
        size = int.from_bytes(head[16:18])
        self._size = 65536 if size == 1 else size
        self._usable = self._size - head[20]
        self._first_free = int.from_bytes(head[32:36])
        self._free = int.from_bytes(head[36:40])
        self._maps = int.from_bytes(head[52:56]) != 0
        self.count = os.fstat(file).st_size // self._size
        self.changed = False

    def scrub_trees(self, start: int) -> int:
        """Look through the pages from ``start`` on, as many as fit into a piece; the next one."""
        if self.count >= _MOST_PAGES:
            return self.count
        data = os.pread(self._file, PIECE // self._size * self._size, start * self._size)
        for at in range(0, len(data), self._size):
            page, number = data[at : at + self._size], start + at // self._size + 1
            if not self._is_map(number):
                self._clear((number - 1) * self._size, page, self._gap(page, number == 1))
        return start + max(1, len(data) // self._size)

    def scrub_free(self, start: int) -> int:
        """Look through some trunks of the free list, from the page ``start`` on, or from its first
        where that is none any more; the next one, 0 behind the last."""
        number = start if start in self._trunks() else self._first_free
        for _ in range(TRUNKS):
            if not number:
                break
            number = self._scrub_trunk(number)
        return number

    def _trunks(self) -> Iterator[int]:
        """The free list's, which has as many pages as the header says and no more."""
        number, left = self._first_free, self._free
        while self._exists(number) and left > 0:
            yield number
            head = os.pread(self._file, 8, (number - 1) * self._size)
            left -= 1 + int.from_bytes(head[4:])
            number = int.from_bytes(head[:4])

    def _scrub_trunk(self, number: int) -> int:
        pass

    def _gap(self, page: bytes, first: bool) -> Span:
        """Where a page of a tree has neither pointers nor content; nowhere in any other."""
        at = _HEADER if first else 0
        kind = page[at]
        if kind not in _LEAVES and kind not in _INTERIORS:
            return 0, 0
        cells = int.from_bytes(page[at + 3 : at + 5])
        start = at + (8 if kind in _LEAVES else 12) + 2 * cells
        end = int.from_bytes(page[at + 5 : at + 7]) or 65536
        return (start, end) if start <= end <= self._usable else (0, 0)

    def _clear(self, place: int, page: bytes, span: Span) -> None:
        start, end = span
        if start < end and page[start:end].strip(b"\0"):
            os.pwrite(self._file, bytes(end - start), place + start)
            self.changed = True
