"""What every part of the store stands on: one way to read, one way to act."""

from __future__ import annotations

from typing import Any

from gateway.store.backend import Backend
from gateway.store.batches import Act, Kind


class Acting:
    """Reads and acts on whatever ``backend`` talks to."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._read = backend.read

    async def _act(self, act: Act) -> Any:
        """One write, in a transaction with what else comes at that instant."""
        return await self._backend.write(Kind.ACT, act)
