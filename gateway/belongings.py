"""What outlives a session: facts, things kept on a shelf, and what is found in what was said.

Whose it is stands in the scope it is asked for with: an owner's (a person, or a shared
conversation), on one channel with one agent, or the agent's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain import Message, Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that an agent remembers of its owner. ``session_id``: where it was learned."""

    id: str
    text: str
    created_at: float
    session_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing on a shelf of the Drive: a text, or a file whose content stands on disk.

    ``digest`` is the content's SHA-256 (hex), empty for a text; ``size`` is in bytes of either.
    Names are unique on a shelf: what is saved under a name again replaces it.
    """

    id: str
    name: str
    created_at: float
    text: str = ""
    media_type: str = "text/plain"
    size: int = 0
    digest: str = ""
    session_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A message of an earlier session that has what was searched for."""

    session: Session
    message: Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A piece of a document of a knowledge base, as it can be cited.

    ``document`` is the file's path within its base, ``heading`` what it stands under (empty: none),
    ``page`` counts from 1 where the document has pages, else 0. ``score``: higher fits better.
    """

    base: str
    document: str
    title: str
    text: str
    heading: str = ""
    page: int = 0
    score: float = 0.0


def words_of(text: str) -> tuple[str, ...]:
    """The words to search for, without regard to case."""
    return tuple(text.casefold().split())


def has_all(words: Sequence[str], *texts: str) -> bool:
    """Whether each of ``words_of`` stands in one of the texts, also within a word of it."""
    folded = [text.casefold() for text in texts]
    return all(any(word in text for text in folded) for word in words)
