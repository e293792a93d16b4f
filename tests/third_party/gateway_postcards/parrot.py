"""The ``parrot`` kind: says it again, and learns a little."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway import AgentKind, Model, Output, Text, Turn


class ParrotSettings(Model):
    """The keys of a ``parrot`` agent."""

    times: int = 2


class Parrot:
    """Repeats what was said, so many times, and counts the words it heard."""

    def __init__(self, name: str, settings: ParrotSettings) -> None:
        self.name = name
        self._times = settings.times

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """Say it again."""
        turn.variables["words"] = turn.variables.get("words", 0) + len(turn.text.split())
        for _ in range(self._times):
            yield Text(f"{turn.text}! ")


KIND = AgentKind(settings=ParrotSettings, create=Parrot)
