"""Shows that an answer is being written, where a platform can; cosmetic, and shed first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from gateway.channels import Channel
from gateway.domain import Address
from gateway.errors import GatewayError
from gateway.lanes import Lane, Lanes
from gateway.ports.adapter import Typing

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
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._lanes = lanes
        self._typing = typing
        self._spawn = spawn
        self._every = {
            name: channel.adapter.typing_every
            for name, channel in channels.items()
            if isinstance(channel.adapter, Typing)
        }
        self._channels = channels

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while self._every:
            await asyncio.sleep(_LOOK_EVERY)
            now = loop.time()
            for lane in self._lanes.running():
                self._look(lane, now)

    def _look(self, lane: Lane, now: float) -> None:
        if not lane.in_agent or not lane.current or now - lane.began < FIRST_AFTER:
            return
        head = lane.current[0]
        every = self._every.get(head.channel)
        if every is not None and now - lane.typed >= every:
            lane.typed = now
            self._spawn(self._show(self._channels[head.channel], head.inbound.address))

    async def _show(self, channel: Channel, address: Address) -> None:
        try:
            await self._typing(channel, address)
        except (GatewayError, TimeoutError):
            return
