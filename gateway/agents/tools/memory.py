"""Tools that remember: facts, earlier sessions, variables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import orjson
from pydantic import Field

from gateway.agents.model_material import fenced
from gateway.agents.phrases import short
from gateway.agents.tools.base import LONGEST, Desk, Tool, day, listed
from gateway.domain import Message, Session

SEEDED = frozenset({"current_user_id", "current_session_id", "message_count", "last_visit"})
"""Variables that the gateway fills in."""
_DAY = 86_400.0
_MESSAGE = 1000
_LONGEST_VALUE = 10_000
_MOST = 2**63 - 1
"""What JSON has for a whole number here."""


class Remember(Tool):
    """Keep one fact about the person (or group) for later conversations, in one short sentence."""

    done = "Remembered something"

    text: str = Field(min_length=1, max_length=2000)

    async def use(self, desk: Desk) -> str:
        """The fact's id."""
        fact = await desk.turn.facts.remember(self.text)
        return f"Kept, under the id {fact.id}."


class Recall(Tool):
    """Look up facts kept about the person (or group): the newest that have all of the words, or
    without words the newest of all."""

    done = "Looked up what is remembered"

    words: str = ""

    async def use(self, desk: Desk) -> str:
        """Facts with their ids."""
        facts = await desk.turn.facts.recall(self.words)
        return listed(f"{day(f.created_at)} (id {f.id}) {f.text}" for f in facts)


class ForgetFact(Tool):
    """Drop a fact, by the id that recall shows."""

    done = "Forgot something"

    id: str

    async def use(self, desk: Desk) -> str:
        """That it is gone."""
        if not await desk.turn.facts.forget(self.id):
            raise LookupError("there is no fact with this id; recall shows the ids")
        return "Forgotten."


class SearchEarlier(Tool):
    """Find messages of earlier conversations with this person (or group): those that have all of
    the words, said on or between two days. Every argument may be left out."""

    done = "Searched earlier conversations"

    words: str = ""
    since: date | None = None
    until: date | None = None

    async def use(self, desk: Desk) -> str:
        """Messages, each with its session's id."""
        until = _epoch(self.until) + _DAY if self.until else 0.0
        found = await desk.turn.earlier.search(self.words, since=_epoch(self.since), until=until)
        return listed(f"(session {each.session.id}) {_told(each.message)}" for each in found)


class ReadEarlier(Tool):
    """Read an earlier conversation with this person (or group) by its id; without one, list those
    there are."""

    done = "Read an earlier conversation"

    session: str = ""

    async def use(self, desk: Desk) -> str:
        """Sessions, or a session's summary and newest messages."""
        earlier = desk.turn.earlier
        if not self.session:
            return listed(_headed(session) for session in await earlier.sessions())
        summary = await earlier.summary(self.session)
        messages = [_told(message) for message in await earlier.messages(self.session)]
        before = [f"Before that: {' '.join(summary.text.split())}"] if summary else []
        return _newest([*before, *messages])


class GetVariables(Tool):
    """Show the variables of this conversation."""

    done = "Looked at the variables"

    async def use(self, desk: Desk) -> str:
        """All of them, as JSON."""
        return fenced(orjson.dumps(desk.turn.variables).decode(), LONGEST)


class SetVariable(Tool):
    """Set a variable of this conversation; a value of null removes it."""

    done = "Noted something"

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
    value: (
        Annotated[str, Field(max_length=_LONGEST_VALUE)]
        | Annotated[int, Field(ge=-_MOST, le=_MOST)]
        | Annotated[float, Field(allow_inf_nan=False)]
        | bool
        | None
    )

    async def use(self, desk: Desk) -> str:
        """That it is set."""
        if self.name in SEEDED:
            raise LookupError("this one is filled in by the gateway")
        if self.value is None:
            desk.turn.variables.pop(self.name, None)
            return "Removed."
        desk.turn.variables[self.name] = self.value
        return "Set."


def _newest(lines: list[str]) -> str:
    """Of what is too long, the end."""
    text = "\n".join(lines)
    return fenced(text if len(text) <= LONGEST else f"…{text[-LONGEST:]}") if text else "Nothing."


def _told(message: Message) -> str:
    who = short(message.sender) or str(message.role)
    return f"{day(message.created_at)} {who}: {' '.join(message.text.split())[:_MESSAGE]}"


def _headed(session: Session) -> str:
    name = short(session.name) or "no name"
    days = f"{day(session.created_at)} to {day(session.last_activity)}"
    return f"(session {session.id}) {name}, {days}, {session.message_count} messages"


def _epoch(day: date | None) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() if day else 0.0
