"""What a turn works on, and what its agent's run came to. Values, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain import (
    JSON,
    Address,
    Answer,
    Attachment,
    Inbound,
    Question,
    Session,
)
from gateway.ports.adapter import Part
from gateway.ports.agent import Ask
from gateway.ports.records import Hold, Keeping


class Way(Protocol):
    """How a channel carries what is said: pure questions, which ``Channel`` answers."""

    def spell(self, text: str, question: Question | None, address: Address) -> str:
        """What asks ``question`` there."""
        ...

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """The parts in which the platform takes ``text``."""
        ...

    def carries(self, attachment: Attachment) -> bool:
        """Whether the platform takes this file."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one turn works on.

    ``stored``: the session is in the store; ``noted``: so is the user's message of this turn.
    ``way`` is how the channel carries what is said. ``closes`` is the session that this turn's
    fresh one replaces (``/new TEXT``); ``open_questions`` are then that one's. ``preview`` is the
    platform's id of a message that shows the answer so far; what is said at the end becomes it.
    ``preface`` is told before what the agent says first.
    """

    turn_id: str
    task_id: str
    row_id: str
    folded: tuple[str, ...]
    hold: Hold
    channel: str
    inbound: Inbound
    session: Session
    now: float
    said_at: float
    way: Way
    transcript: bool = False
    stored: bool = True
    noted: bool = False
    open_questions: tuple[Question, ...] = ()
    answer: Answer | None = None
    start_first: bool = False
    closes: Session | None = None
    preview: str = ""
    origin: str = ""
    preface: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What a run changed of what the turn was given; None: nothing of it.

    Of ``overrides`` it has the changed ones alone, None for one that is dropped.
    """

    variables: JSON | None = None
    overrides: JSON | None = None
    keepings: tuple[Keeping, ...] = ()


UNCHANGED = Changes()


def overridden(before: JSON, changes: JSON) -> JSON:
    """What a session has turned on after these ``Changes`` of it."""
    return {key: value for key, value in {**before, **changes}.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What an agent's run came to; for what it changed see ``Changes``."""

    text: str = ""
    ask: Ask | None = None
    steps: tuple[str, ...] = ()
    published: bool = False
    variables: JSON | None = None
    overrides: JSON | None = None
    keepings: tuple[Keeping, ...] = ()
    attachments: tuple[Attachment, ...] = ()
