"""Writing over what SQLite left behind in its file.

``secure_delete=ON`` has SQLite write zeros over deleted content and freed pages. What it leaves are
copies: a page that gives rows away to a neighbour keeps them between its pointers and its content,
where nobody looks any more; and a file from before that setting has old pages on its free list.
Both are unused bytes of pages whose layout is fixed (https://www.sqlite.org/fileformat2.html, 1.5
to 1.8), and zeros there change nothing for anybody who reads the file meanwhile, nor where it ends
in the middle: no byte that is in use is written. That a disk leaves alone the bytes beside those it
writes is what SQLite relies on with each commit to its log (https://www.sqlite.org/psow.html).

Needs a database whose log is empty while its write lock is held: then nobody changes the file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from gateway.errors import StoreCorrupt

PIECE = 4 * 2**20
"""Bytes that are looked through in one go."""
TRUNKS = 16
"""Pages of the free list that are looked through in one go, with all that each of them names."""

_HEADER = 100
_MAGIC = b"SQLite format 3\0"
_LEAVES, _INTERIORS = (10, 13), (2, 5)
# Overflow pages and trunks begin with a page's number: up to here never as those of a tree do.
_MOST_PAGES = 2 << 24
_LOCK_BYTE = 2**30

Span = tuple[int, int]


class Place(NamedTuple):
    """Where to go on: in the free list from a trunk on (0: the first), or in the file's pages."""

    free: bool = True
    page: int = 0


class Pages:
    """A database file, opened for writing zeros."""

    def __init__(self, file: int) -> None:
        self._file = file
        head = os.pread(file, _HEADER, 0)
        if head[:16] != _MAGIC:
            raise StoreCorrupt("its file has another header than SQLite writes")
        size = int.from_bytes(head[16:18])
        self._size = 65536 if size == 1 else size
        self._usable = self._size - head[20]
        self._first_free = int.from_bytes(head[32:36])
        self._free = int.from_bytes(head[36:40])
        self._has_maps = any(head[52:56])
        self._count = os.fstat(file).st_size // self._size
        self.changed = False

    def scrub(self, place: Place) -> Place | None:
        """Look through one piece; where the next one is."""
        if place.free:
            trunk = self._scrub_free(place.page)
            return Place(page=trunk) if trunk else Place(free=False)
        following = self._scrub_trees(place.page)
        return Place(free=False, page=following) if following < self._count else None

    def _scrub_trees(self, start: int) -> int:
        if self._count >= _MOST_PAGES:
            return self._count
        data = os.pread(self._file, PIECE // self._size * self._size, start * self._size)
        for at in range(0, len(data), self._size):
            page, number = data[at : at + self._size], start + at // self._size + 1
            if not self._is_apart(number):
                self._clear(number, page, self._gap(page, number == 1))
        return start + max(1, len(data) // self._size)

    def _scrub_free(self, start: int) -> int:
        trunks = list(dict.fromkeys(self._trunks()))
        # What is none any more was used up, with all that were before it.
        first = trunks.index(start) if start in trunks else 0
        for number in trunks[first : first + TRUNKS]:
            self._scrub_trunk(number)
        return next(iter(trunks[first + TRUNKS :]), 0)

    def _trunks(self) -> Iterator[int]:
        """Of the free list, which has as many pages as the header says and no more."""
        number, left = self._first_free, self._free
        while left > 0 and self._exists(number):
            yield number
            following, leaves = struct.unpack(">II", os.pread(self._file, 8, self._at(number)))
            number, left = following, left - 1 - leaves

    def _scrub_trunk(self, number: int) -> None:
        page = os.pread(self._file, self._size, self._at(number))
        most = self._usable // 4 - 2
        leaves = struct.unpack_from(f">{min(int.from_bytes(page[4:8]), most)}I", page, 8)
        self._clear(number, page, (8 + 4 * len(leaves), self._usable))
        for leaf in filter(self._exists, leaves):
            page = os.pread(self._file, self._size, self._at(leaf))
            self._clear(leaf, page, (0, self._size))

    def _at(self, number: int) -> int:
        return (number - 1) * self._size

    def _exists(self, number: int) -> bool:
        """Whether it can be on the free list; never the first page."""
        return 1 < number <= self._count and not self._is_apart(number)

    def _is_apart(self, number: int) -> bool:
        """Whether it is the page that locks are taken in, or, where ``auto_vacuum`` is on, one of
        those that map pages to their parents: each stands before as many as it has entries for."""
        lock = _LOCK_BYTE // self._size + 1
        between = self._usable // 5 + 1
        map_page = (number - 2) // between * between + 2
        map_page += map_page == lock
        return number == lock or (self._has_maps and number == map_page)

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

    def _clear(self, number: int, page: bytes, span: Span) -> None:
        start, end = span
        if start < end and page[start:end].strip(b"\0"):
            os.pwrite(self._file, bytes(end - start), self._at(number) + start)
            self.changed = True
