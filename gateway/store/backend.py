"""What a dialect brings: a transaction for a batch of writes, and a connection for a read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from gateway.store.batches import Kind
from gateway.store.schema import SchemaState

P = ParamSpec("P")
T = TypeVar("T")


class Backend(Protocol):
    """One database, opened by one process."""

    async def open(self) -> None:
        """As ``Store.open``."""
        ...

    async def close(self) -> None:
        """As ``Store.close``."""
        ...

    async def migrate(self) -> list[str]:
        """Take the lock, apply the revisions that are missing, give the lock back."""
        ...

    async def state(self) -> SchemaState:
        """What the database holds; one that does not exist is empty."""
        ...

    async def write(self, kind: Kind, item: Any, *, patient: bool = False) -> Any:
        """Write this with whatever else is submitted now; returns once it is durable.

        A ``patient`` write may wait some milliseconds for company.
        """
        ...

    async def scrub(self) -> None:
        """As ``Erasing.scrub``."""
        ...

    async def read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call the function with a connection that sees everything written so far."""
        ...
