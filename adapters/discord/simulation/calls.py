"""A call to the REST API, read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.discord.simulation.model import Bot, Interaction, JsonObject

MAX_ID = (1 << 63) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file that came with a call, as it came."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """`ids` are those of its path. `interaction` is the one whose token the path has."""

    operation: str
    bot: Bot
    ids: Mapping[str, int]
    query: Mapping[str, str]
    body: Any = None
    uploads: Mapping[int, Upload] = field(default_factory=dict)
    interaction: Interaction | None = None

    @property
    def fields(self) -> JsonObject:
        """The body, where it is an object."""
        return self.body if isinstance(self.body, dict) else {}

    def readable(self) -> JsonObject:
        """What `calls()` shows: ids, query, body; of files what they are called and how large."""
        shown: JsonObject = {name: str(value) for name, value in self.ids.items()}
        shown.update(self.query)
        if isinstance(self.body, dict):
            shown.update(self.body)
        elif self.body is not None:
            shown["body"] = self.body
        if self.uploads:
            shown["files"] = [
                {"name": file.name, "size": len(file.content)} for file in self.uploads.values()
            ]
        return shown


Operation = Callable[[Call], Any]
"""Carries a call out; what it returns is the answer's JSON, None for an answer without."""
