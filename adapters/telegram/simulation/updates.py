"""The updates of one bot, from what happens to when its owner has taken them over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice, takewhile
from typing import Any

from adapters.telegram.simulation.errors import ApiError, conflict
from adapters.telegram.simulation.news import News

JsonObject = dict[str, Any]

FIRST_UPDATE = 700_000_001
# Sent only to bots that ask for them; https://core.telegram.org/bots/api#getupdates.
ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
SECOND_POLLER = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)


class UpdateQueue:
    """Updates wait here until they are acknowledged: by a poll's offset, or by a webhook's 2xx.

    Ids start at the same number for every bot, as nothing about them is unique among bots.
    """

    def __init__(self, *, keep: int | None, news: News) -> None:
        self.allowed: frozenset[str] | None = None
        self.on_arrival: Callable[[int], None] | None = None
        """Set while a webhook takes the updates; called with the id of each new one."""
        self._pending: dict[int, JsonObject] = {}
        self._history: dict[int, JsonObject] = {}
        self._keep = keep
        self._news = news
        self._next_id = FIRST_UPDATE
        self._again: set[int] = set()
        self._poller: asyncio.Future[ApiError | None] | None = None

    def add(self, kind: str, content: JsonObject) -> int | None:
        """Queue an update, unless its kind is not wanted; return its id."""
        wanted = kind not in ON_REQUEST if self.allowed is None else kind in self.allowed
        return self.inject({kind: content}) if wanted else None

    def inject(self, update: JsonObject) -> int:
        """Queue an update as it is, with the next id unless it brings one."""
        update_id = int(update.get("update_id", self._next_id))
        self._next_id = max(self._next_id, update_id + 1)
        self._queue(update_id, {"update_id": update_id, **update})
        return update_id

    def redeliver(self, update_id: int) -> None:
        """Deliver an update once more, though it may be acknowledged. Raises `LookupError`."""
        self._again.add(update_id)
        self._queue(update_id, self._history[update_id])

    def pending(self) -> dict[int, JsonObject]:
        """What is not acknowledged, by id, in order."""
        return self._pending

    def past(self, update_id: int) -> JsonObject:
        """An update of any time. Raises `LookupError`."""
        return self._history[update_id]

    def acknowledge(self, update_ids: Iterable[int]) -> None:
        """Forget these."""
        for update_id in update_ids:
            self._pending.pop(update_id, None)
        self._news.tell()

    def drop(self) -> None:
        """Forget all that wait."""
        self._pending.clear()

    async def poll(self, offset: int, limit: int, timeout: float) -> list[JsonObject]:
        """`getUpdates`: acknowledge what lies below the offset, then return or wait for the rest.

        A poll that is still open gives way to this one, with the 409 that Telegram sends.
        """
        self.interrupt(SECOND_POLLER)
        self._acknowledge_below(offset)
        if not self._pending and timeout > 0:
            await self._arrival(timeout)
        ready = dict(islice(self._pending.items(), min(max(limit, 1), 100)))
        self._again.difference_update(ready)
        return list(ready.values())

    def interrupt(self, reason: str) -> None:
        """End the open poll, if there is one, with a conflict."""
        self._settle(conflict(reason))

    def _queue(self, update_id: int, update: JsonObject) -> None:
        late = update_id < next(reversed(self._pending), 0)
        self._history[update_id] = self._pending[update_id] = update
        if self._keep is not None and len(self._history) > self._keep:
            del self._history[next(iter(self._history))]
        if late:
            self._pending = dict(sorted(self._pending.items()))
        if self.on_arrival is not None:
            self.on_arrival(update_id)
        self._settle(None)

    def _acknowledge_below(self, offset: int) -> None:
        if offset < 0:
            offset = next(islice(reversed(self._pending), -offset - 1, None), 0)
        below = takewhile(lambda known: known < offset, self._pending)
        self.acknowledge([known for known in below if known not in self._again])

    async def _arrival(self, timeout: float) -> None:
        self._poller = poller = asyncio.get_running_loop().create_future()
        error = None
        try:
            async with asyncio.timeout(timeout):
                error = await poller
        except TimeoutError:
            pass
        finally:
            if self._poller is poller:
                self._poller = None
        if error is not None:
            raise error

    def _settle(self, outcome: ApiError | None) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(outcome)
        self._poller = None
