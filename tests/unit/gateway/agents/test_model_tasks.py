"""A turn that is cut off leaves nothing behind, at whichever step of the library's it was."""

from __future__ import annotations

import asyncio

from gateway.agents.model import LlmAgent
from gateway.agents.model_settings import LlmSettings
from gateway.testing.agent import answer_text, make_turn, run_turn
from gateway.testing.openai import ModelServer, in_thread

STEPS = 60
"""More than the loop takes from the beginning of a run to its request."""


async def test_whenever_it_is_cut_off_nothing_goes_on() -> None:
    with in_thread(ModelServer(pace=0.01)) as server:
        agent = LlmAgent("model", LlmSettings(**server.agent()))
        before = asyncio.all_tasks()
        for steps in range(STEPS):
            running = asyncio.create_task(run_turn(agent, make_turn("x" * 200)))
            for _ in range(steps):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running])
            await _quiet(before, f"cut off after {steps} steps")
        # All connections are free again; and by now the server has let in whoever knocked.
        assert answer_text(await run_turn(agent, make_turn("hello")))
        await agent.aclose()


async def _quiet(before: set[asyncio.Task[object]], when: str) -> None:
    for _ in range(5000):
        if not asyncio.all_tasks() - before:
            return
        await asyncio.sleep(0.001)
    left = [task.get_coro() for task in asyncio.all_tasks() - before]
    raise AssertionError(f"{when} {left} go on")
