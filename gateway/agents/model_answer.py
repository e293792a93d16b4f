"""How one turn is answered: the model is asked, its calls are made, it is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    UserPromptPart,
)

from gateway import observability as obs
from gateway.agents import model_errors, model_material, model_prompt
from gateway.agents.model_choice import choose
from gateway.agents.model_client import ModelClient, Piece
from gateway.agents.model_errors import Filtered, NoModel, NoTools, TooLong
from gateway.agents.model_prompt import Prompt
from gateway.agents.model_settings import LlmSettings
from gateway.agents.model_toolbox import Toolbox
from gateway.agents.phrases import short
from gateway.agents.tools import Desk
from gateway.domain import Message
from gateway.errors import LimitExceeded
from gateway.ports.agent import Output, Text, Turn

T = TypeVar("T")

DECLINED = "Sorry, I cannot answer that."
WITHHELD = "\n\n(The rest of this answer was withheld by a content filter.)"
CUT = "\n\n(This answer was cut off here: it became too long.)"
TOO_LONG = "Sorry, this is more than I can take in at once. Please send less, or start with /new."
NO_END = (
    "Sorry, I came to no answer: I kept looking things up. Please ask again, or more precisely."
)


class Answering:
    """One turn's. Whatever the turn's session chose for itself stands here, and nowhere else."""

    def __init__(
        self, client: ModelClient, settings: LlmSettings, turn: Turn, deadline: float
    ) -> None:
        self._client = client
        self._settings = settings
        self._turn = turn
        self._deadline = deadline
        self._choice = choose(settings, turn)
        self._desk = Desk(turn=turn, offered=settings.knowledge_offered)
        needless = self._choice.unasked and self._choice.model in client.toolless
        tools = () if needless else self._choice.tools
        self._tools = Toolbox(self._desk, tools, settings.max_tool_calls)
        self._history: Sequence[Message] = turn.messages
        self._known = self._passages = ""
        self._asked: Prompt | None = None
        self._rounds: list[ModelMessage] = []
        self._left = settings.max_characters
        self._said: list[str] = []
        self._apart = False

    async def outputs(self) -> AsyncGenerator[Output, None]:
        """The answer, streamed; one that is empty is asked for once more, then let be."""
        await self._gather()
        for _ in range(2):
            async with aclosing(self._answer()) as outputs:
                async for output in outputs:
                    yield output
            if self._said:
                break
        if sources := self._desk.cited.sources("".join(self._said)):
            yield Text(f"\n\n{sources}")

    async def _gather(self) -> None:
        """What the model is shown unasked."""
        turn, settings = self._turn, self._settings
        if settings.shows_facts:
            self._known = await self._in_time(model_material.known(turn))
        found = model_material.passages(turn, self._desk.cited, settings.knowledge_passages)
        self._passages = await self._in_time(found)

    async def _answer(self) -> AsyncGenerator[Output, None]:
        """What the model says, until it calls nothing more."""
        while True:
            calls: ModelResponse | None = None
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    calls = piece.calls
                    if text := self._visible(piece):
                        yield Text(text)
                    if self._left < 0:
                        return
            if calls is None or not self._tools:
                return
            if self._tools.over:
                # Behind its last calls it has said nothing.
                if self._apart or not self._said:
                    self._said.append(f"\n\n{NO_END}" if self._said else NO_END)
                    yield Text(self._said[-1])
                return
            async with aclosing(self._called(calls)) as outputs:
                async for output in outputs:
                    yield output

    async def _called(self, calls: ModelResponse) -> AsyncGenerator[Output, None]:
        """Make the calls, in their order; what comes of them is read when the model is asked next.

        What people see of one is seen when it is done.
        """
        parts: list[ModelRequestPart] = []
        for call in calls.tool_calls:
            part, seen = await self._in_time(self._tools.call(call))
            parts.append(part)
            for output in seen:
                yield output
        self._rounds += [calls, ModelRequest(parts=parts)]
        self._apart = bool(self._said)

    def _visible(self, piece: Piece) -> str:
        """A piece for people: at most ``max_characters`` of the model's own, what is said after
        calls in a paragraph of its own, and in words why an answer did not simply end."""
        text, self._left = piece.text[: self._left], self._left - len(piece.text)
        text += CUT if self._left < 0 else _ending(piece.finish, nothing=not (self._said or text))
        if text and self._apart:
            text, self._apart = f"\n\n{text.lstrip()}", False
        if text:
            self._said.append(text)
        return text

    async def _pieces(self) -> AsyncGenerator[Piece, None]:
        """What the model says next; where the history is too long for it, to the newer half."""
        while True:
            prompt, tools = await self._prompt(), self._tools.definitions()
            answer = self._client.answer(
                prompt, deadline=self._deadline, model=self._choice.model, tools=tools
            )
            try:
                async with aclosing(answer) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except Filtered:
                yield Piece("", "content_filter")
                return
            except NoTools:
                if not self._choice.unasked:
                    raise
                obs.log.warning(obs.Event.TOOLS_REFUSED, agent=self._turn.agent)
                self._client.toolless.add(self._choice.model)
                self._tools = Toolbox(self._desk, (), 0)
            except NoModel:
                if self._choice.model in {"", self._settings.model}:
                    raise
                self._usual_model()
            except TooLong as error:
                if not self._history or self._history is not self._turn.messages:
                    raise LimitExceeded(TOO_LONG) from error
                self._history = self._history[(len(self._history) + 1) // 2 :]
            self._asked = None

    def _usual_model(self) -> None:
        """The session's own is not there: whoever writes in it is answered all the same."""
        turn, model = self._turn, short(self._choice.model)
        obs.log.warning(
            obs.Event.MODEL_UNKNOWN, agent=turn.agent, session=turn.session.id, model=model
        )
        self._choice = replace(self._choice, model=self._settings.model)

    async def _prompt(self) -> Prompt:
        """What was asked, and behind it the calls that were made since."""
        if self._asked is None:
            self._asked = await model_prompt.prompt(
                self._turn,
                self._history,
                self._choice.instructions,
                images=self._settings.images,
                known=self._known,
                passages=self._passages,
                tools=bool(self._tools),
            )
        if not self._rounds:
            return self._asked
        question = ModelRequest(parts=[UserPromptPart(self._asked.question or "")])
        history = [*self._asked.history, question, *self._rounds]
        return replace(self._asked, history=history, question=None)

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await work
        except TimeoutError as error:
            raise model_errors.late(self._client.endpoint, begun=True, over=True) from error


def _ending(finish: str, *, nothing: bool) -> str:
    """What people are told when an answer did not simply come to its end."""
    if finish == "content_filter":
        return DECLINED if nothing else WITHHELD
    if finish == "length":
        return CUT.lstrip() if nothing else CUT
    return ""
