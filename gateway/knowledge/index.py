"""The index: documents, their passages and the words in them, in one SQLite file.

Everything in it can be read again from the folders, so a file that is damaged, or that another
version wrote, is removed and made anew. Each document comes, changes and goes in one transaction:
who searches meanwhile sees it as it was or as it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway import observability as obs
from gateway.belongings import Passage
from gateway.knowledge import words
from gateway.knowledge.shelfmark import Block, Document, Holding, Mark
from gateway.store.sqlite import driver

VERSION = 1
"""Of the tables, and of how words are compared and documents cut. Raise it with any of them."""
APPLICATION = 0x6B6E6F77
BUSY = 10.0
WEIGHTS = "4.0, 3.0, 1.0"
"""What a word counts in the title, in the heading and in the text."""
ERASES_SINCE = (3, 42, 0)
"""Since then a deleted row's words can be made to leave the index with it
(https://sqlite.org/fts5.html#the_secure_delete_configuration_option)."""

_TABLES = f"""
CREATE TABLE documents (
  id INTEGER PRIMARY KEY, base TEXT NOT NULL, path TEXT NOT NULL, title TEXT NOT NULL,
  digest TEXT NOT NULL, size INTEGER NOT NULL, written INTEGER NOT NULL, problem TEXT NOT NULL,
  passages INTEGER NOT NULL, indexed_at REAL NOT NULL, UNIQUE (base, path)
);
CREATE TABLE passages (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL, heading TEXT NOT NULL, page INTEGER NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX passages_document ON passages (document);
CREATE VIRTUAL TABLE words USING fts5 (title, heading, text, tokenize="{words.TOKENIZER}");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""

_DRIVER = driver()
Damaged: type[Exception] = _DRIVER.DatabaseError
"""What SQLite raises of a file that is not sound, and for other reasons: see ``is_damage``."""
_BROKEN = (
    "malformed",
    "invalid fts5",
    "not a database",
    "no such table",
    "unable to open",
    "corrupt",
)


def is_damage(error: Exception) -> bool:
    """Whether an error means that the file is to be made anew."""
    return any(said in str(error) for said in _BROKEN)


class Index:
    """``knowledge.db`` in ``folder``. Its methods block, and may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder.absolute() / "knowledge.db"
        # One changes it at a time.
        self._changing = threading.Lock()
        self._erases = _DRIVER.sqlite_version_info >= ERASES_SINCE

    def open(self) -> None:
        """See that there is a sound index of this version. Raises ``OSError``."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._changing:
            if self.path.exists():
                if self._sound():
                    return
                obs.log.warning(obs.Event.KNOWLEDGE_REBUILT, path=str(self.path))
            self._make()

    def _make(self) -> None:
        draft = self._beside(".new")
        # A crash may have left them.
        for old in (draft, self._beside(".new-journal")):
            old.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT, 0o600))
        connection = _connect(draft, "rw")
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
            if self._erases:
                connection.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 1)")
        finally:
            connection.close()
        # What an old log holds would be written into the new file.
        for old in (self.path, self._beside("-wal"), self._beside("-shm")):
            old.unlink(missing_ok=True)
        draft.rename(self.path)

    # asking

    def search(self, bases: Sequence[str], text: str, limit: int) -> list[Passage]:
        """The passages of these bases, and of no other, that have any of the words; best first."""
        asked = words.query(text)
        if not asked or not bases or limit < 1 or not self.path.exists():
            return []
        with self._read() as connection:
            found = _found(connection, bases, asked, limit)
            # Looking into every word takes longer, and finds what was not meant.
            if not found and (others := _containing(connection, words.insides(text))):
                found = _found(connection, bases, words.quoted(others), limit)
        return found

    def marks(self, base: str) -> Mapping[str, Mark]:
        """By what each document of a base was known when it was read."""
        with self._read() as connection:
            found = connection.execute(
                "SELECT path, size, written, digest, problem FROM documents WHERE base = ?", (base,)
            ).fetchall()
        return {
            path: Mark(size=size, written=written, digest=digest, problem=problem)
            for path, size, written, digest, problem in found
        }

    def bases(self) -> set[str]:
        """The bases that the index has something of."""
        with self._read() as connection:
            return {name for (name,) in connection.execute("SELECT DISTINCT base FROM documents")}

    def holding(self, base: str) -> Holding:
        """How much it has of one."""
        if not self.path.exists():
            return Holding(base=base, documents=0, passages=0, indexed_at=None)
        with self._read() as connection:
            documents, passages, indexed_at = connection.execute(
                "SELECT count(*), sum(passages), max(indexed_at) FROM documents"
                " WHERE base = ? AND problem = ''",
                (base,),
            ).fetchone()
            problems = connection.execute(
                "SELECT path, problem FROM documents WHERE base = ? AND problem <> ''"
                " ORDER BY path",
                (base,),
            ).fetchall()
        return Holding(
            base=base,
            documents=documents,
            passages=passages or 0,
            indexed_at=indexed_at,
            problems=tuple(problems),
        )

    # changing

    def put(
        self,
        base: str,
        path: str,
        mark: Mark,
        document: Document | None,
        passages: Sequence[Block],
        now: float,
    ) -> None:
        """A document as it is now, in place of what it was; None: it cannot be read."""
        title = document.title if document else ""
        folded = [(words.fold(p.heading), words.fold(p.text)) for p in passages]
        named = words.fold(title)
        with self._transaction() as connection:
            _remove(connection, base, path)
            row = (base, path, title, mark.digest, mark.size, mark.written, mark.problem)
            document_id = connection.execute(
                "INSERT INTO documents (base, path, title, digest, size, written, problem,"
                " passages, indexed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, len(passages), now),
            ).lastrowid
            for passage, (heading, text) in zip(passages, folded, strict=True):
                passage_id = connection.execute(
                    "INSERT INTO passages (document, heading, page, text) VALUES (?, ?, ?, ?)",
                    (document_id, passage.heading, passage.page, passage.text),
                ).lastrowid
                connection.execute(
                    "INSERT INTO words (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
                    (passage_id, named, heading, text),
                )

    def touch(self, base: str, path: str, mark: Mark) -> None:
        """The same content was written again."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE documents SET size = ?, written = ? WHERE base = ? AND path = ?",
                (mark.size, mark.written, base, path),
            )

    def remove(self, base: str, path: str) -> None:
        """Nothing of a document is left."""
        with self._transaction() as connection:
            _remove(connection, base, path)

    def tidy(self) -> None:
        """What was removed is not in the file either; an older SQLite has to write it anew."""
        if not self._erases:
            with self._transaction() as connection:
                connection.execute("INSERT INTO words (words) VALUES ('optimize')")

    # connections

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}{suffix}")

    def _sound(self) -> bool:
        try:
            with self._read() as connection:
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except Damaged:
            return False
        return (application, version, found) == (APPLICATION, VERSION, "ok")

    @contextmanager
    def _read(self) -> Iterator[Any]:
        """A connection of one's own: no search waits for another."""
        connection = _connect(self.path, "ro")
        try:
            connection.execute("PRAGMA query_only=ON")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._changing:
            connection = _connect(self.path, "rw")
            try:
                for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
                    connection.execute(f"PRAGMA {pragma}")
                connection.execute("BEGIN IMMEDIATE")
                # What is not committed when the connection closes has never been.
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()


def _connect(path: Path, mode: str) -> Any:
    uri = f"{path.as_uri()}?mode={mode}"
    return _DRIVER.connect(uri, uri=True, isolation_level=None, timeout=BUSY)


def _found(connection: Any, bases: Sequence[str], asked: str, limit: int) -> list[Passage]:
    places = ", ".join("?" for _ in bases)
    statement = f"""
        SELECT d.base, d.path, d.title, p.text, p.heading, p.page, best.distance
        FROM (
          SELECT p.id, p.document, bm25(words, {WEIGHTS}) AS distance
          FROM words JOIN passages AS p ON p.id = words.rowid
          WHERE words MATCH ?
            AND p.document IN (SELECT id FROM documents WHERE base IN ({places}))
          ORDER BY distance, p.id LIMIT ?
        ) AS best
        JOIN passages AS p ON p.id = best.id
        JOIN documents AS d ON d.id = best.document
        ORDER BY best.distance, best.id
    """  # noqa: S608 - only placeholders are put in
    found = connection.execute(statement, (asked, *bases, limit))
    return [
        Passage(
            base=base, document=path, title=title, text=said, heading=heading, page=page,
            score=-distance,
        )
        for base, path, title, said, heading, page, distance in found
    ]  # fmt: skip


def _containing(connection: Any, insides: Sequence[str]) -> list[str]:
    """Words of the index that have one of these in them."""
    if not insides:
        return []
    places = " OR ".join("instr(term, ?)" for _ in insides)
    statement = f"SELECT term FROM vocabulary WHERE {places} LIMIT ?"  # noqa: S608 - as above
    found = connection.execute(statement, (*insides, words.MOST_TERMS))
    return [term for (term,) in found]


def _remove(connection: Any, base: str, path: str) -> None:
    found = connection.execute(
        "SELECT id FROM documents WHERE base = ? AND path = ?", (base, path)
    ).fetchone()
    if found is None:
        return
    connection.execute(
        "DELETE FROM words WHERE rowid IN (SELECT id FROM passages WHERE document = ?)", found
    )
    connection.execute("DELETE FROM passages WHERE document = ?", found)
    connection.execute("DELETE FROM documents WHERE id = ?", found)
