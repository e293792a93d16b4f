"""What a turn reaches beyond its session: the owner's facts, shelf and earlier sessions, knowledge.

Each is bound to the turn's own scope and can ask for nothing else. What is changed through it is
committed with the turn, or not at all; until then only this very turn sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.belongings import Fact, Found, Item, Passage
from gateway.domain import Attachment, Message, Session, Summary


class Facts(Protocol):
    """Durable facts about the owner of the session: the person, or the shared conversation."""

    async def remember(self, text: str) -> Fact:
        """Keep a fact; the same text is kept once. Raises ``LimitExceeded``."""
        ...

    async def recall(self, words: str = "", *, limit: int = 20) -> Sequence[Fact]:
        """The newest facts that have all of the words, whatever their case; with none, any."""
        ...

    async def forget(self, fact_id: str) -> bool:
        """Drop one; whether there was one."""
        ...


class Drive(Protocol):
    """A shelf: what sessions saved to keep."""

    async def save(
        self, name: str, content: str | bytes | Attachment, media_type: str = ""
    ) -> Item:
        """Keep a text or a file under a name; what stood under that name is replaced.

        An ``Attachment`` is one of this turn's. Raises ``LimitExceeded`` and ``LookupError``.
        """
        ...

    async def list(self, words: str = "", *, limit: int = 50) -> Sequence[Item]:
        """What is on the shelf, the newest first; with words, what has all of them in its name or
        text, whatever their case."""
        ...

    async def read(self, name: str) -> bytes:
        """What was saved under this name. Raises ``LookupError``."""
        ...

    async def delete(self, name: str) -> bool:
        """Take it off the shelf; whether it was there."""
        ...


class Shelf(Protocol):
    """The agent's own shelf: operators write it, its sessions read it."""

    async def list(self, words: str = "", *, limit: int = 50) -> Sequence[Item]:
        """As ``Drive.list``."""
        ...

    async def read(self, name: str) -> bytes:
        """As ``Drive.read``."""
        ...


class Earlier(Protocol):
    """The owner's earlier sessions with this agent on this channel, the newest of them: as many as
    the agent's ``num_history_sessions``. The session that the turn is in is not among them."""

    async def sessions(self) -> Sequence[Session]:
        """They themselves, the latest first."""
        ...

    async def summary(self, session_id: str) -> Summary:
        """What one's older messages come to. Raises ``LookupError`` for any other session."""
        ...

    async def messages(self, session_id: str, *, limit: int = 50) -> Sequence[Message]:
        """What was said last in one, oldest first. Raises ``LookupError`` for any other session."""
        ...

    async def search(
        self, words: str = "", *, since: float = 0.0, until: float = 0.0, limit: int = 20
    ) -> Sequence[Found]:
        """Messages in them that have all of the words, whatever their case, the newest first;
        said at or after ``since`` and before ``until`` (seconds since the epoch; 0: whenever)."""
        ...


class Knowledge(Protocol):
    """The knowledge bases that this session may consult."""

    bases: Sequence[str]
    """Their names."""

    async def search(self, words: str, *, limit: int = 5) -> Sequence[Passage]:
        """What fits best, best first; nothing where nothing has any of the words."""
        ...
