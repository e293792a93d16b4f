"""Asks a model over the chat-completions API of OpenAI, which Ollama, vLLM, LM Studio and many
services speak too (https://platform.openai.com/docs/api-reference/chat), by way of pydantic-ai.
"""

from __future__ import annotations

import asyncio
import logging.config
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pydantic_ai
from openai import AsyncOpenAI
from pydantic_ai import Agent, UsageLimits
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import (
    AgentStreamEvent,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.result import AgentStream
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import ExternalToolset

from gateway import observability as obs
from gateway.agents import model_errors, model_http, model_tasks
from gateway.agents.model_http import Endpoint
from gateway.agents.model_prompt import Prompt
from gateway.agents.model_thoughts import Thoughts
from gateway.errors import ModelFailed, Unavailable

OPENAI_HOST = "api.openai.com"
MOST_UNSEEN = 1_000_000
"""Characters that a model may think and call with in one answer; all of them are kept until it
ends."""

# Both libraries speak on their own account unless told not to: one prints a banner at its first
# run on a terminal, the other logs whole conversations where OPENAI_LOG is set.
pydantic_ai.BANNER_ENABLED = False
logging.config.dictConfig(
    {"version": 1, "incremental": True, "loggers": {"openai": {"level": "WARNING"}}}
)

_ONE_REQUEST = UsageLimits(request_limit=1)
_CUT_SHORT = {"length", "content_filter"}
_NO_CHUNK = (AttributeError, KeyError, TypeError, ValueError)
"""What the libraries trip over when an event holds something else than a chunk of an answer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of an answer as it came; ``finish`` says why this is the last (``stop``, ``length``,
    ``content_filter``, ``tool_call``). ``calls`` is the whole answer where it calls tools."""

    text: str
    finish: str = ""
    calls: ModelResponse | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one request differs in from the client's others."""

    model: OpenAIChatModel | None
    tools: list[ToolDefinition]


class ModelClient:
    """One model on one server, with a pool of connections of its own, opened when first used."""

    def __init__(self, endpoint: Endpoint, settings: ModelSettings | None = None) -> None:
        self.endpoint = endpoint
        self.http = model_http.connect(endpoint)
        if endpoint.api_key:
            obs.register_secret(endpoint.api_key)
        asked = ModelSettings(extra_headers={"Accept": model_http.EVENTS}, **(settings or {}))
        self.toolless: set[str] = set()
        """Models that were found to take no tools."""
        self._sdk = self._connected()
        self._agent = Agent(_model(endpoint, self._sdk), model_settings=asked, retries=0)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.http.aclose()

    async def answer(
        self,
        prompt: Prompt,
        *,
        deadline: float,
        model: str = "",
        tools: Sequence[ToolDefinition] = (),
    ) -> AsyncGenerator[Piece, None]:
        """Ask, and yield the answer as it arrives; ``deadline`` is on the loop's clock.

        ``model`` is another one of the same server's, for this answer alone. The model may call
        the ``tools``; to make the calls, and to ask again, is the caller's.

        Left early, it hangs up, and the server sees that. Raises ``Unavailable``, ``ModelFailed``,
        or its kinds ``TooLong``, ``Filtered``, ``NoTools`` and ``NoModel``.
        """
        loop = asyncio.get_running_loop()
        due = min(loop.time() + self.endpoint.first_token, deadline)
        thoughts, begun, unseen, asked = Thoughts(), False, 0, self._asked(model, tools)
        stream: AgentStream[None, str] | None = None
        failed: Unavailable | ModelFailed | None = None
        try:
            async with AsyncExitStack() as stack:
                own = stack.enter_context(model_tasks.ended())
                stream = await self._ask(stack, prompt, due, own, asked)
                events = aiter(stream)
                while (event := await _next(events, due)) is not None:
                    if isinstance(event, PartStartEvent | PartDeltaEvent):
                        begun = True
                        due = min(loop.time() + self.endpoint.stall, deadline)
                    if text := thoughts.visible(_text(event)):
                        yield Piece(text)
                    unseen += _length(event) - len(text)
                    if unseen > MOST_UNSEEN:
                        raise ModelFailed(f"{self.endpoint.host} thinks or calls without end")
        except TimeoutError:
            over = loop.time() >= deadline
            failed = model_errors.late(self.endpoint, begun=begun, over=over)
        except AgentRunError as error:
            failed = model_errors.failure(self.endpoint, error, begun=begun)
        except ModelFailed as error:
            failed = error
        response = stream.response if stream is not None else ModelResponse(parts=[])
        # A server that has said why it ends has ended, even if it then keeps the line.
        if failed is not None and not response.finish_reason:
            raise failed
        yield _last(response, thoughts.rest())

    async def _ask(
        self,
        stack: AsyncExitStack,
        prompt: Prompt,
        due: float,
        tasks: model_tasks.OwnTasks,
        asked: _Asked,
    ) -> AgentStream[None, str]:
        """The first step of a run, up to the headers of its answer."""
        async with asyncio.timeout_at(due):
            run = await stack.enter_async_context(
                self._agent.iter(
                    prompt.question,
                    message_history=prompt.history,
                    instructions=prompt.instructions or None,
                    usage_limits=_ONE_REQUEST,
                    capabilities=[tasks],
                    model=asked.model,
                    toolsets=[ExternalToolset(asked.tools)] if asked.tools else None,
                )
            )
            node = run.next_node
            while not Agent.is_model_request_node(node):
                if Agent.is_end_node(node):
                    raise ModelFailed("the run ended before its model was asked")
                node = await run.next(node)
            return await stack.enter_async_context(node.stream(run.ctx))

    def _asked(self, model: str, tools: Sequence[ToolDefinition]) -> _Asked:
        own = model not in {"", self.endpoint.model}
        other = _model(replace(self.endpoint, model=model), self._sdk) if own else None
        return _Asked(other, list(tools))

    def _connected(self) -> AsyncOpenAI:
        # The library wants a key or takes one from the environment; the real one is model_http's.
        return AsyncOpenAI(
            base_url=self.endpoint.base_url,
            api_key="none",
            max_retries=0,
            http_client=self.http,
        )


def _model(endpoint: Endpoint, sdk: AsyncOpenAI) -> OpenAIChatModel:
    theirs = urlsplit(endpoint.base_url).hostname == OPENAI_HOST
    provider = (
        OpenAIProvider(openai_client=sdk)
        if theirs
        else OpenAICompatibleProvider(endpoint.host, openai_client=sdk)
    )
    profile = OpenAIModelProfile(
        # OpenAI's reasoning models know only the newer name, most other servers only the older.
        openai_chat_supports_max_completion_tokens=theirs,
        openai_chat_streaming_requires_finish_reason=True,
        # The library knows only tags that are a piece of their own; Thoughts knows all.
        thinking_tags=("", ""),
    )
    return OpenAIChatModel(endpoint.model, provider=provider, profile=profile)


async def _next(events: AsyncIterator[AgentStreamEvent], due: float) -> AgentStreamEvent | None:
    """What comes next, or None at the end."""
    failed: ModelFailed
    try:
        async with asyncio.timeout_at(due):
            return await anext(events, None)
    except _NO_CHUNK as error:
        what = type(error).__name__
        failed = ModelFailed(f"the model's server sent an event that is no chunk ({what})")
    raise failed


def _text(event: AgentStreamEvent) -> str:
    match event:
        case PartStartEvent(part=TextPart(content=text)):
            return text
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
    return ""


def _length(event: AgentStreamEvent) -> int:
    """How many characters came with it, of whatever."""
    match event:
        case PartStartEvent(part=TextPart(content=str(said)) | ThinkingPart(content=str(said))):
            return len(said)
        case PartDeltaEvent(
            delta=TextPartDelta(content_delta=str(said))
            | ThinkingPartDelta(content_delta=str(said))
        ):
            return len(said)
        case (
            PartStartEvent(part=ToolCallPart(args=given))
            | PartDeltaEvent(delta=ToolCallPartDelta(args_delta=given))
        ):
            # A call without arguments costs something, too.
            return 100 + len(given) if isinstance(given, str) else 100
    return 0


def _last(response: ModelResponse, rest: str) -> Piece:
    """The end of an answer; a refusal comes as a whole."""
    refusal = (response.provider_details or {}).get("refusal")
    if refusal:
        return Piece(f"{rest}{refusal}", "stop")
    finish = response.finish_reason or ""
    # Calls that were cut off are none.
    calls = response if response.tool_calls and finish not in _CUT_SHORT else None
    return Piece(rest, finish, calls)
