"""Shows that an answer is being written, and what of it there is, where a platform can.

Cosmetic, and shed first. A preview that is a real message is remembered with the row, so that the
answer becomes it, also after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from gateway.channels import Channel
from gateway.domain import Address
from gateway.errors import GatewayError
from gateway.lane import Lane, Showing, Waiting
from gateway.lanes import Lanes
from gateway.ports.adapter import Preview, Previewing, Retracting, Typing

FIRST_AFTER = 1.0
"""Seconds a turn runs before typing shows; most answers are there sooner."""
_LOOK_EVERY = 0.5


class Presence:
    """Looks over the running turns twice a second; a turn costs nothing for it."""

    def __init__(
        self,
        *,
        lanes: Lanes,
        channels: Mapping[str, Channel],
        typing: Callable[[Channel, Address], Awaitable[None]],
        preview: Callable[[Channel, Preview], Awaitable[str]],
        retract: Callable[[Channel, Address, str], Awaitable[None]],
        remember: Callable[[str, str], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._lanes = lanes
        self._typing = typing
        self._preview = preview
        self._retract = retract
        self._remember = remember
        self._spawn = spawn
        adapters = {name: channel.adapter for name, channel in channels.items()}
        self._every = {n: a.typing_every for n, a in adapters.items() if isinstance(a, Typing)}
        self._preview_every = {
            n: a.preview_every
            for n, a in adapters.items()
            if isinstance(a, Previewing) and a.preview_every
        }
        self._channels = channels

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while self._every or self._preview_every:
            await asyncio.sleep(_LOOK_EVERY)
            now = loop.time()
            for lane in self._lanes.running():
                self._look(lane, now)

    def left(self, row: Waiting) -> None:
        """The turn of this row is over, and no answer becomes what was shown of one."""
        channel = self._channels[row.channel]
        if isinstance(channel.adapter, Retracting):
            _ = self._spawn(self._take_back(channel, row.inbound.address, row.preview))

    async def _take_back(self, channel: Channel, address: Address, message_id: str) -> None:
        with suppress(GatewayError, TimeoutError):
            await self._retract(channel, address, message_id)

    def _look(self, lane: Lane, now: float) -> None:
        if not lane.in_agent or not lane.current or now - lane.began < FIRST_AFTER:
            return
        head = lane.current[0]
        if lane.showing is not None and self._show_more(lane.showing, head, now):
            return
        every = self._every.get(head.channel)
        if every is not None and now - lane.typed >= every:
            lane.typed = now
            _ = self._spawn(self._show(self._channels[head.channel], head.inbound.address))

    def _show_more(self, showing: Showing, head: Waiting, now: float) -> bool:
        """Show what was said since, if it is time; whether there is anything to be seen at all."""
        every = self._preview_every.get(head.channel)
        if every is None or not any(piece.strip() for piece in showing.pieces):
            return False
        news = len(showing.pieces) > showing.shown and showing.under_way is None
        if news and now - showing.at >= every:
            showing.at = now
            showing.under_way = self._spawn(self._write(showing, head))
        return True

    async def _write(self, showing: Showing, head: Waiting) -> None:
        count = len(showing.pieces)
        preview = Preview(
            address=head.inbound.address,
            task_id=showing.task_id,
            text="".join(showing.pieces),
            message_id=showing.message_id,
        )
        try:
            message_id = await self._preview(self._channels[head.channel], preview)
            showing.shown = count
            if message_id != showing.message_id:
                showing.message_id = head.preview = message_id
                await self._remember(head.id, message_id)
        except (GatewayError, TimeoutError):
            return
        finally:
            showing.under_way = None

    async def _show(self, channel: Channel, address: Address) -> None:
        try:
            await self._typing(channel, address)
        except (GatewayError, TimeoutError):
            return
