"""What operators do, on a store that this process holds; the API and the command line share it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from gateway.domain import Delivery, DeliveryState, Session
from gateway.ports.records import Mark, OperatorScope, SessionScope
from gateway.ports.store import Store

_SCOPE = OperatorScope(why="an operator's act")
_OPEN_TO_RETRY = frozenset(
    {DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.HELD, DeliveryState.DEAD}
)


async def session(store: Store, session_id: str) -> Session:
    """The session. Raises ``LookupError``."""
    found = await store.session(SessionScope(session_id=session_id))
    if found is None:
        raise LookupError(f"there is no session {session_id}")
    return found


async def retry_delivery(store: Store, delivery_id: str) -> Delivery:
    """Pending again, attempts at 0. Raises ``LookupError`` when it is not one to retry."""
    delivery = await _settled(store, delivery_id)
    await store.mark((Mark(delivery_id=delivery.id, state=DeliveryState.PENDING),))
    return replace(delivery, state=DeliveryState.PENDING, attempts=0, not_before=0.0, started=False)


async def discard_delivery(store: Store, delivery_id: str) -> None:
    """Failed for good. Raises ``LookupError`` when it is sent or still being sent."""
    delivery = await _settled(store, delivery_id)
    mark = Mark(
        delivery_id=delivery.id,
        state=DeliveryState.FAILED,
        attempts=delivery.attempts,
        error="discarded by an operator",
    )
    await store.mark((mark,))


async def _settled(store: Store, delivery_id: str) -> Delivery:
    delivery = await store.delivery(_SCOPE, delivery_id)
    if delivery is None:
        raise LookupError(f"there is no delivery {delivery_id}")
    if delivery.state not in _OPEN_TO_RETRY:
        raise LookupError(f"delivery {delivery_id} is {delivery.state}, not failed")
    return delivery


class Acts:
    """Operators' acts on a running gateway: on the store, and on what runs. See ``http.operator``.

    Each raises ``LookupError`` for an id that does not fit.
    """

    def __init__(
        self,
        *,
        store: Store,
        close: Callable[[Session], Awaitable[None]],
        end: Callable[[Session], Awaitable[None]],
        put: Callable[[Iterable[Delivery]], None],
        recover: Callable[[], Awaitable[int]],
    ) -> None:
        self._store = store
        self._close = close
        self._end = end
        self._put = put
        self._recover = recover

    async def reset_session(self, session_id: str) -> None:
        """End it; its lane's next message starts afresh."""
        await self._close(await session(self._store, session_id))

    async def delete_session(self, session_id: str) -> None:
        """End it and delete everything in it."""
        await self._end(await session(self._store, session_id))

    async def retry_delivery(self, delivery_id: str) -> None:
        """Send it again."""
        self._put([await retry_delivery(self._store, delivery_id)])

    async def discard_delivery(self, delivery_id: str) -> None:
        """Never send it."""
        await discard_delivery(self._store, delivery_id)

    async def retry_row(self, row_id: str) -> None:
        """Run a dead-lettered message again."""
        await self._store.retry_row(_SCOPE, row_id)
        await self._recover()

    async def discard_row(self, row_id: str) -> None:
        """Erase a dead-lettered message."""
        await self._store.discard_row(_SCOPE, row_id)
