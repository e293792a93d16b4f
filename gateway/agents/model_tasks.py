"""The tasks that the library runs a question in, so that none of them outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic_ai import AgentRunResult, RunContext
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler, WrapRunHandler
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestContext


class OwnTasks(AbstractCapability[object]):
    """Notes the tasks of one run; the library begins each of them here.

    A run that is cancelled just as it hands over, from the beginning of such a task to what it was
    begun for, forgets it: it would wait for ever, and keep its connection to the model open.
    """

    def __init__(self) -> None:
        self._asker = asyncio.current_task()
        self._tasks: list[asyncio.Task[Any]] = []

    async def wrap_run(
        self, ctx: RunContext[object], *, handler: WrapRunHandler
    ) -> AgentRunResult[Any]:
        """The task around everything."""
        self._note()
        return await handler()

    async def wrap_model_request(
        self,
        ctx: RunContext[object],
        *,
        request_context: ModelRequestContext,
        handler: WrapModelRequestHandler,
    ) -> ModelResponse:
        """The task around the request to the model."""
        self._note()
        return await handler(request_context)

    def _note(self) -> None:
        task = asyncio.current_task()
        if task is not None and task is not self._asker:
            self._tasks.append(task)

    def end(self) -> None:
        """Cancel those that were left behind."""
        for task in self._tasks:
            task.cancel()


@contextmanager
def ended() -> Iterator[OwnTasks]:
    """For one run: at the end of the block none of its tasks goes on."""
    tasks = OwnTasks()
    try:
        yield tasks
    finally:
        tasks.end()
