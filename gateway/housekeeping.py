"""Recovery and housekeeping: what is done at the start, now and then, and never in a hurry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from gateway import lifecycle
from gateway import observability as obs
from gateway.domain import Delivery, DeliveryState
from gateway.errors import Unavailable
from gateway.files import FileRoom
from gateway.lanes import Lanes
from gateway.outbox import Outbox
from gateway.ports.records import Erased, OperatorScope, Traces
from gateway.ports.store import Store
from gateway.router import Router
from gateway.settings import RetentionSection

SCAN_EVERY = 30.0
FORGET_EVERY = 3600.0
REMEMBER_KEYS_FOR = 30 * 86400.0


class Housekeeping:
    """Finds what memory lost, and drops what has outlived its use."""

    def __init__(
        self,
        *,
        store: Store,
        lanes: Lanes,
        router: Router,
        outbox: Outbox,
        files: FileRoom,
        forgotten: Callable[[], None],
        retention: RetentionSection,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._router = router
        self._outbox = outbox
        self._files = files
        self._forgotten = forgotten
        self._retention = retention

    async def recover(self) -> None:
        """Take up what an earlier process left: deliveries in doubt, rows without an outcome."""
        deliveries = await self._pending()
        rows = await self._router.recover()
        if deliveries or rows:
            obs.log.info(obs.Event.RECOVERED, rows=rows, deliveries=deliveries)

    async def _pending(self) -> int:
        scope = OperatorScope(why="deliveries that an earlier process left")
        found = await self._store.pending(scope, limit=100_000)
        self._outbox.put(_doubted(delivery) for delivery in found)
        return len(found)

    async def scan(self) -> None:
        """Slowly cover what memory lost: rows and deliveries in the store that nobody serves."""
        while True:
            await asyncio.sleep(SCAN_EVERY)
            with suppress(Unavailable):
                await self._router.recover(before=time.time() - SCAN_EVERY)
                await self._adopt()
            self._lanes.nudge()

    async def _adopt(self) -> None:
        """Send what the store has long had to send and nobody here does.

        Each is read again once it is seen to be nobody's: the list may be older than its sending.
        """
        scope = OperatorScope(why="deliveries nobody sends")
        long_ago = time.time() - SCAN_EVERY
        for found in await self._store.pending(scope):
            if found.created_at > long_ago or self._outbox.knows(found):
                continue
            now = await self._store.delivery(scope, found.id)
            if now is not None and now.state is DeliveryState.PENDING:
                self._outbox.put([_doubted(now)])

    async def forget(self) -> None:
        """Every hour, what is no longer needed."""
        while True:
            with suppress(Unavailable):
                await self.tidy()
                await self.retire(time.time())
                await self._files.sweep()
                await self._scrub()
            await asyncio.sleep(FORGET_EVERY)

    async def tidy(self) -> None:
        """Drop what has outlived its use, once."""
        now = time.time()
        gone = await self._store.forget(rows_before=now - REMEMBER_KEYS_FOR, now=now)
        lifecycle.outlived(gone.sessions)
        if gone.sessions:
            self._forgotten()
        await self._files.discard(gone.digests)

    async def retire(self, now: float) -> None:
        """Delete what the configuration keeps for a while only."""
        keeps = self._retention
        if not (keeps.dormant_sessions or keeps.ended_sessions or keeps.long_term):
            return
        gone = await self._store.retire(
            dormant_before=_ago(now, keeps.dormant_sessions),
            ended_before=_ago(now, keeps.ended_sessions),
            kept_before=_ago(now, keeps.long_term),
        )
        lifecycle.outlived(gone.traces.sessions)
        if gone != Erased(traces=Traces()):
            self._forgotten()
        await self._files.discard(gone.digests)
        for lane_id in gone.lanes:
            self._lanes.revoke(lane_id)
        if gone.lanes:
            self._router.forget()
            # Somebody may have written meanwhile to a lane that is served no more.
            await self._router.recover()

    async def _scrub(self) -> None:
        """Where anything was erased, also before a crash, no file has it any longer."""
        if await self._store.unscrubbed():
            await self._store.scrub()


def _ago(now: float, seconds: float) -> float | None:
    return now - seconds if seconds else None


def _doubted(delivery: Delivery) -> Delivery:
    """A delivery as a new process sees it: an attempt that had begun may have arrived."""
    return replace(delivery, state=DeliveryState.UNKNOWN) if delivery.started else delivery
