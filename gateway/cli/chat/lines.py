"""What a person types, line by line; from a pipe or a file. See ``typed`` for a terminal."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress
from functools import partial
from io import FileIO
from typing import Protocol


class Lines(Protocol):
    """Where lines come from; None is the end of them."""

    async def next(self) -> str | None:
        """What was typed next."""
        ...


class Piped:
    """Standard input, a message on each line."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._reader: threading.Thread | None = None

    async def next(self) -> str | None:
        if self._reader is None:
            # A thread that is no executor's: nobody waits for a line that never comes.
            read = partial(self._read, asyncio.get_running_loop())
            self._reader = threading.Thread(target=read, name="stdin", daemon=True)
            self._reader.start()
        return await self._lines.get()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        # Unbuffered: a buffer's lock, held by a thread that waits, would break the process's end.
        # And the loop may be closed before the input is.
        with FileIO(sys.stdin.fileno(), closefd=False) as lines, suppress(RuntimeError):
            for line in lines:
                text = line.decode(errors="replace").rstrip("\r\n")
                loop.call_soon_threadsafe(self._lines.put_nowait, text)
            loop.call_soon_threadsafe(self._lines.put_nowait, None)
