"""Answers with a model: the agent of the ``llm`` kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from pydantic_ai.settings import ModelSettings

from gateway.agents import model_check, model_summary
from gateway.agents.model_answer import Answering
from gateway.agents.model_client import ModelClient
from gateway.agents.model_http import Endpoint
from gateway.agents.model_settings import LlmSettings
from gateway.domain import Message, Summary
from gateway.ports.agent import Output, Turn


class LlmAgent:
    """Answers each turn with what a model says to it and the history before it."""

    def __init__(self, name: str, settings: LlmSettings) -> None:
        self.name = name
        self._settings = settings
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        endpoint = Endpoint(
            agent=name,
            base_url=settings.base_url,
            model=settings.model,
            api_key=key,
            first_token=settings.first_token,
            stall=settings.stall,
        )
        self._client = ModelClient(endpoint, _options(settings))
        self.summarises = bool(settings.summary_model)
        self._summariser = self._client
        if self.summarises and settings.summary_model != settings.model:
            self._summariser = ModelClient(replace(endpoint, model=settings.summary_model))

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """Stream the model's answer, with the calls that it makes on the way."""
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        answering = Answering(self._client, self._settings, turn, deadline)
        async with aclosing(answering.outputs()) as outputs:
            async for output in outputs:
                yield output

    async def condense(
        self, summary: Summary, messages: Sequence[Message]
    ) -> tuple[str, Sequence[str]]:
        """Ask the model for it; see ``Summarising``."""
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        return await model_summary.condense(self._summariser, summary, messages, deadline=deadline)

    async def check(self) -> str:
        """Ask the server for its models; see ``CheckedAgent``."""
        return await model_check.check(self._client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._summariser.aclose()


def _options(settings: LlmSettings) -> ModelSettings:
    options = ModelSettings()
    if settings.temperature is not None:
        options["temperature"] = settings.temperature
    if settings.max_tokens is not None:
        options["max_tokens"] = settings.max_tokens
    return options
