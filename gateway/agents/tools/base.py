"""What every tool of a model is, and the words in which it tells what it found.

A tool is its arguments: docstring and fields of the class are what the model is told of it, its
name is the class's in lower case (``DriveSave``: ``drive_save``). It reaches what its own turn
reaches, and nothing else; what it changes is committed with the turn, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gateway.agents.model_material import Cited, fenced
from gateway.agents.phrases import short
from gateway.ports.agent import File, Turn

LONGEST = 8000
"""Characters of material that one call returns."""


@dataclass(slots=True)
class Desk:
    """What the tools of one turn work with: ``offered`` are knowledge bases that a session may
    turn on and off, ``files`` go out with the answer."""

    turn: Turn
    cited: Cited = field(default_factory=Cited)
    offered: tuple[str, ...] = ()
    files: list[File] = field(default_factory=list)


class Tool(BaseModel):
    """One call. ``done`` is the step that people see after it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    done: ClassVar[str]

    async def use(self, desk: Desk) -> str:
        """Do it; returns what the model reads of it.

        A ``LimitExceeded``, ``LookupError`` or ``ValueError`` tells the model what was wrong.
        """
        raise NotImplementedError


def listed(lines: Iterable[str]) -> str:
    """The lines as material, cut where they become too many."""
    text = "\n".join(" ".join(line.split()) for line in lines)
    return fenced(text, LONGEST) if text else "There is nothing."


def named(names: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(short(name) for name in names) or "none"


def day(at: float) -> str:
    """The date of a time, in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()
