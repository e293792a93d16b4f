"""What counts in one turn: the agent's configuration, and what the turn's session changed of it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway import observability as obs
from gateway.agents.model_material import bases
from gateway.agents.model_settings import LlmSettings
from gateway.agents.phrases import short
from gateway.agents.tools import TOOLS
from gateway.ports.agent import Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which model is asked under which rules with which tools. ``unasked``: nobody named these
    tools, so the model's server need not take them."""

    model: str
    instructions: str
    tools: tuple[str, ...]
    unasked: bool = False


def choose(settings: LlmSettings, turn: Turn) -> Choice:
    """The choice of one turn. Nothing of it is kept anywhere: another session's is its own."""
    own = turn.overrides
    model, prompt = own.get("model"), own.get("prompt")
    tools, unasked = _tools(settings, turn)
    return Choice(
        model=_plain(model) if isinstance(model, str) else settings.model,
        instructions=prompt if isinstance(prompt, str) else settings.instructions,
        tools=tools,
        unasked=unasked,
    )


def _tools(settings: LlmSettings, turn: Turn) -> tuple[tuple[str, ...], bool]:
    own = turn.overrides.get("tools")
    if isinstance(own, list | tuple):
        for name in own:
            if name not in TOOLS:
                obs.log.warning(
                    obs.Event.TOOL_UNKNOWN,
                    agent=turn.agent,
                    session=turn.session.id,
                    tool=short(str(name)),
                )
        return tuple(name for name in own if name in TOOLS), False
    if settings.tools is not None:
        return settings.tools, False
    return ("search_knowledge",) if bases(turn) else (), True


def _plain(model: str) -> str:
    return model.removeprefix("openai:").strip()
