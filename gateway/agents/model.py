"""Answers with a model: the agent of the ``llm`` kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from pydantic_ai.settings import ModelSettings

from gateway.agents import model_check, model_prompt, model_summary
from gateway.agents.model_client import ModelClient, Piece
from gateway.agents.model_errors import Filtered, TooLong
from gateway.agents.model_http import Endpoint
from gateway.agents.model_prompt import Prompt
from gateway.agents.model_settings import LlmSettings
from gateway.domain import Message, Summary
from gateway.errors import LimitExceeded
from gateway.ports.agent import Output, Text, Turn

DECLINED = "Sorry, I cannot answer that."
WITHHELD = "\n\n(The rest of this answer was withheld by a content filter.)"
CUT = "\n\n(This answer was cut off here: it became too long.)"
TOO_LONG = "Sorry, this is more than I can take in at once. Please send less, or start with /new."


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
        """Stream the model's answer; one that is empty is asked for once more, then let be."""
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        for _ in range(2):
            said = False
            async with aclosing(self._words(turn, deadline)) as words:
                async for text in words:
                    said = True
                    yield Text(text)
            if said:
                return

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

    async def _words(self, turn: Turn, deadline: float) -> AsyncGenerator[str, None]:
        """The answer in pieces for people, at most ``max_characters`` of the model's own."""
        left = self._settings.max_characters
        async with aclosing(self._pieces(turn, deadline)) as pieces:
            async for piece in pieces:
                if len(piece.text) > left:
                    yield piece.text[:left] + CUT
                    return
                left -= len(piece.text)
                untouched = left == self._settings.max_characters
                if text := piece.text + _ending(piece.finish, nothing=untouched):
                    yield text

    async def _pieces(self, turn: Turn, deadline: float) -> AsyncGenerator[Piece, None]:
        """The answer; where the history is too long for the model, to its newer half."""
        history: Sequence[Message] = turn.messages
        while True:
            prompt = await self._prompt(turn, history)
            try:
                async with aclosing(self._client.answer(prompt, deadline=deadline)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except Filtered:
                yield Piece("", "content_filter")
                return
            except TooLong as error:
                if not history or history is not turn.messages:
                    raise LimitExceeded(TOO_LONG) from error
                history = history[(len(history) + 1) // 2 :]

    async def _prompt(self, turn: Turn, history: Sequence[Message]) -> Prompt:
        return await model_prompt.prompt(
            turn, history, self._settings.instructions, images=self._settings.images
        )


def _ending(finish: str, *, nothing: bool) -> str:
    """What people are told when an answer did not simply come to its end."""
    if finish == "content_filter":
        return DECLINED if nothing else WITHHELD
    if finish == "length":
        return CUT.lstrip() if nothing else CUT
    return ""


def _options(settings: LlmSettings) -> ModelSettings:
    options = ModelSettings()
    if settings.temperature is not None:
        options["temperature"] = settings.temperature
    if settings.max_tokens is not None:
        options["max_tokens"] = settings.max_tokens
    return options
