"""The ``llm`` kind: a model answers, on any server that speaks OpenAI's chat-completions API."""

from __future__ import annotations

from gateway.agents.model_settings import OPENAI, LlmSettings
from gateway.errors import ConfigurationError, Problem
from gateway.ports.agent import Agent, AgentKind


def create(name: str, settings: LlmSettings) -> Agent:
    """Make the agent; nothing is opened before its first turn.

    What it stands on takes a second or two to import, and is needed by nobody else.
    """
    if settings.base_url == OPENAI and settings.api_key is None:
        hint = 'api_key = "${OPENAI_API_KEY}", or base_url for another server'
        raise ConfigurationError(
            [Problem(where=f"agents.{name}.api_key", what="OpenAI needs a key", hint=hint)]
        )
    from gateway.agents.model import LlmAgent

    return LlmAgent(name, settings)


KIND = AgentKind(settings=LlmSettings, create=create)
