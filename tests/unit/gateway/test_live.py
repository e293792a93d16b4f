"""What whoever watches a session is shown of an answer that is being written."""

from __future__ import annotations

import asyncio

from gateway import live as module
from gateway.coordination.memory import MemoryCoordinator
from gateway.live import Live
from gateway.ports.coordinator import LiveEvent


async def test_the_first_piece_at_once_and_the_rest_together() -> None:
    coordinator = MemoryCoordinator(backlog=16)
    live = Live(coordinator)
    async with coordinator.watch(Live.topic("s")) as events:
        for number in range(1000):
            live.delta("s", "t", f"{number},")
        await asyncio.sleep(module.GATHER * 2)
        live.delta("s", "t", "later,")
        live.delta("s", "t2", "other")
        live.step("s", "t2", "a step")
        await asyncio.sleep(module.GATHER * 3)
        shown: list[LiveEvent] = []
        async with asyncio.timeout(5):
            while len(shown) < 5:
                shown.append(await anext(events))
    assert [event.kind for event in shown] == ["delta", "delta", "delta", "delta", "step"]
    assert shown[0].data == {"task_id": "t", "text": "0,"}
    told = "".join(event.data["text"] for event in shown if event.data.get("task_id") == "t")
    assert told == "".join(f"{number}," for number in range(1000)) + "later,"
    assert shown[3].data == {"task_id": "t2", "text": "other"}
    assert live._gathered == {}


async def test_nothing_is_gathered_for_nobody() -> None:
    live = Live(MemoryCoordinator())
    live.delta("s", "t", "word")
    assert live._gathered == {}
