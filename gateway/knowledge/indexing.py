"""Brings the index to what the folders hold, document by document and in nobody's way."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from gateway import observability as obs
from gateway.knowledge import folder, passages, reading
from gateway.knowledge.folder import Entry
from gateway.knowledge.index import Index
from gateway.knowledge.shelfmark import Document, Mark, Unreadable

AGAIN = -1
"""As when a file was written whose content could not be had: it is asked for each time."""


class Indexing:
    """One pass after another over these folders, by base, in the caller's thread.

    ``stopped`` ends a pass between two documents; ``rests``: after each document as much time is
    left to others as it took.
    """

    def __init__(
        self,
        index: Index,
        folders: Mapping[str, Path],
        stopped: Callable[[], bool] = lambda: False,
        *,
        rests: bool = True,
    ) -> None:
        self._index = index
        self._folders = folders
        self._stopped = stopped
        self._rests = rests
        self._told: set[tuple[str, str, str]] = set()

    def update(self) -> int:
        """Read what is new or changed and drop what is gone; how many documents that were."""
        changed = 0
        for base in self._index.bases() - self._folders.keys():
            changed += self._drop(base, self._index.marks(base))
        for base, path in self._folders.items():
            if done := self._base(base, path):
                held = self._index.holding(base)
                obs.log.info(
                    obs.Event.KNOWLEDGE_INDEXED, base=base, changed=done,
                    documents=held.documents, passages=held.passages,
                )  # fmt: skip
                changed += done
        if changed:
            self._index.tidy()
        return changed

    def _base(self, base: str, path: Path) -> int:
        known = dict(self._index.marks(base))
        changed = 0

        def trouble(name: str, error: OSError) -> None:
            self._tell(base, name, error.strerror or str(error))

        for entry in folder.entries(path, trouble):
            if self._stopped():
                return changed
            mark = known.pop(entry.name, None)
            if mark is None or (mark.size, mark.written) != (entry.size, entry.written):
                began = time.monotonic()
                changed += self._read(base, entry, mark)
                if self._rests:
                    time.sleep(min(1.0, time.monotonic() - began))
        return changed + self._drop(base, known)

    def _drop(self, base: str, gone: Mapping[str, Mark]) -> int:
        for dropped, name in enumerate(gone):
            if self._stopped():
                return dropped
            self._index.remove(base, name)
        return len(gone)

    def _read(self, base: str, entry: Entry, known: Mark | None) -> bool:
        """Read a document again, unless it says what it said; whether it does not."""
        mark = Mark(size=entry.size, written=entry.written)
        document: Document | None = None
        try:
            content = folder.read(entry)
            mark = replace(mark, digest=hashlib.sha256(content).hexdigest())
            if known is not None and known.digest == mark.digest:
                self._index.touch(base, entry.name, mark)
                return False
            document = reading.read(entry.name, content, self._stopped)
        except Unreadable as error:
            mark = replace(mark, problem=str(error))
        except InterruptedError:
            return False
        except OSError as error:
            mark = replace(mark, written=AGAIN, problem=error.strerror or type(error).__name__)
            if known is not None and (known.problem, known.written) == (mark.problem, AGAIN):
                return False
        if mark.problem:
            self._tell(base, entry.name, mark.problem)
        cut = list(islice(passages.cut(document.blocks), passages.MOST)) if document else []
        self._index.put(base, entry.name, mark, document, cut, time.time())
        return True

    def _tell(self, base: str, name: str, why: str) -> None:
        """Once while the gateway runs."""
        if (base, name, why) not in self._told:
            self._told.add((base, name, why))
            obs.log.warning(obs.Event.KNOWLEDGE_LEFT_OUT, base=base, document=name, reason=why)


def be_nice() -> None:
    """Let this thread, and on Linux no other, stand back where the processor is wanted."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        urgency = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, urgency + 10))
