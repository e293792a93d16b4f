"""Tools that consult the knowledge bases of a session."""

from __future__ import annotations

from pydantic import Field

from gateway.agents.model_material import bases
from gateway.agents.phrases import short
from gateway.agents.tools.base import Desk, Tool, named


class SearchKnowledge(Tool):
    """Search the documents for passages. Use words that they would contain, and cite a passage
    that you use by its number, like [1]."""

    done = "Searched the documents"

    words: str = Field(min_length=1, max_length=1000)

    async def use(self, desk: Desk) -> str:
        """Passages, numbered to be cited."""
        if not bases(desk.turn):
            raise LookupError("there are no documents here")
        found = await desk.turn.knowledge.search(self.words)
        return desk.cited.shown(found) if found else "No passage has any of these words."


class UseKnowledge(Tool):
    """Turn a collection of documents on or off for this conversation."""

    done = "Changed which documents are consulted"

    base: str
    on: bool = True

    async def use(self, desk: Desk) -> str:
        """Which are consulted from now on."""
        turn = desk.turn
        # What is not offered stays as it is: turned off, it could not be turned on again.
        if self.base not in desk.offered:
            there = named(desk.offered)
            raise LookupError(f"{short(self.base)!r} cannot be changed; what can be: {there}")
        kept = [base for base in bases(turn) if base != self.base]
        turn.overrides["knowledge"] = [*kept, self.base] if self.on else kept
        return f"Consulted from now on: {named(turn.overrides['knowledge'])}."
