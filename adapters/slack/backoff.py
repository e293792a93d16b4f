"""How long to wait before the next try."""

from __future__ import annotations

import asyncio
import random

from gateway import GatewayError, RateLimited

FIRST_WAIT = 0.1
LONGEST_WAIT = 15.0


class Backoff:
    """Waits that double from try to try, each shortened by chance so that not all come at once."""

    def __init__(self) -> None:
        self._tries = 0

    async def wait(self, error: GatewayError | None = None) -> None:
        """Sleep before the next try, and for as long as the platform asked to."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self._tries)
        self._tries = min(self._tries + 1, 20)
        asked = error.retry_after if isinstance(error, RateLimited) else 0.0
        await asyncio.sleep(asked + random.uniform(longest / 2, longest))  # noqa: S311 - jitter
