"""The ``echo`` kind: answers with what was said. For tests, benchmarks and first steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway.ports.agent import AgentKind, Output, Text, Turn
from gateway.settings import Model, Seconds


class EchoSettings(Model):
    """The keys of an ``echo`` agent."""

    prefix: str = ""
    """What stands before the text in each answer."""
    delay: Seconds = 0.0
    """How long to wait before answering."""


class EchoAgent:
    """Answers each turn with its text."""

    forgetful = True

    def __init__(self, name: str, settings: EchoSettings) -> None:
        self.name = name
        self._prefix = settings.prefix
        self._delay = settings.delay

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield one ``Text``: the prefix and what was said."""
        if self._delay:
            await asyncio.sleep(self._delay)
        yield Text(self._prefix + turn.text)


KIND = AgentKind(settings=EchoSettings, create=EchoAgent)
