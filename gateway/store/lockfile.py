"""One process for each SQLite database: a lock that dies with its holder, and says who that is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.errors import StoreLocked


class LockFile:
    """An exclusive lock on ``path``, which it fills with JSON: pid, host, started, command.

    The file stays when the lock is given back: removing it would let two processes lock two files
    of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock, or raise ``StoreLocked`` with the holder's name."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 65536)
            os.close(file)
            raise StoreLocked(f"{self.path.name[:-5]} is in use by {_words(holder)}") from None
        self._file = file
        os.ftruncate(file, 0)
        os.pwrite(file, orjson.dumps(describe()), 0)

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def describe() -> dict[str, object]:
    """This process, as a lock names it."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
    }


def name(pid: object, host: object, started: object, command: object = "") -> str:
    """A holder in words."""
    return f"process {pid} on {host} since {started}" + (f": {command}" if command else "")


def _words(holder: bytes) -> str:
    with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError):
        found = orjson.loads(holder)
        return name(found["pid"], found["host"], found["started"], found["command"])
    return "another process"
