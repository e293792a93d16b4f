"""Waiting before the next try."""

from __future__ import annotations

import asyncio
import random

FIRST_WAIT = 0.1
LONGEST_WAIT = 15.0


class Backoff:
    """Waits that double from try to try, each shortened by chance so that not all come at once."""

    def __init__(self, longest: float = LONGEST_WAIT) -> None:
        self.tries = 0
        self._longest = longest

    def reset(self) -> None:
        """Begin anew, after a success."""
        self.tries = 0

    async def wait(self, at_least: float = 0.0) -> None:
        """Sleep before the next try."""
        longest = min(self._longest, FIRST_WAIT * 2.0**self.tries)
        self.tries = min(self.tries + 1, 20)
        await asyncio.sleep(at_least + random.uniform(longest / 2, longest))  # noqa: S311 - jitter
