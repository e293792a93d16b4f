"""What the demo's scenes work on: one turn, and what may be tried next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.ports.agent import Output, Turn

HINTS = (
    "remember my cat is called Ada",
    "ask me something",
    "count to ten",
    "tell me a story",
    "interview me",
    "work for a while",
    "send me a file",
    "show me some formatting",
    "roll a die",
    "which session is this?",
    "what did I say first?",
    "what do you remember?",
    "note: water the plants",
    "show my notes",
)
"""What a visitor may try; each is understood as it stands here."""

BEAT = None
Script = Iterator[Output | None]
"""What is said, with a pause at each ``BEAT``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One turn, with what the demo needs to know beyond it."""

    turn: Turn
    now: float
    die: int

    @property
    def name(self) -> str:
        """Who speaks: in a group by the name they have there, alone by the one they chose."""
        turn = self.turn
        chosen = "" if turn.shared else str(turn.variables.get("name", ""))
        return chosen or (turn.participant.name if turn.shared else "")

    @property
    def facts(self) -> list[str]:
        """What was told to be remembered, oldest first; the list is a copy."""
        facts = self.turn.variables.get("facts", [])
        return [str(fact) for fact in facts] if isinstance(facts, list) else []

    @property
    def notes(self) -> list[str]:
        """What was to be noted, oldest first; a copy of what outlives the session."""
        notes = self.turn.data.get("notes", [])
        return [str(note) for note in notes] if isinstance(notes, list) else []

    def called(self, greeting: str) -> str:
        """``greeting``, with the name of whoever speaks when it is known."""
        return f"{greeting}, {self.name}" if self.name else greeting

    @property
    def hint(self) -> str:
        """Another thing to try each time."""
        return HINTS[int(self.turn.variables.get("message_count", 0)) // 2 % len(HINTS)]


def last_visit(turn: Turn) -> float | None:
    """When this session was last active, seconds since the epoch; None in its first turn."""
    value: Any = turn.variables.get("last_visit")
    try:
        return datetime.fromisoformat(value).timestamp() if value else None
    except (TypeError, ValueError):
        return None
