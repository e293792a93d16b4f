"""The agent's contract as tests, and what authors need to test more: ``make_turn``, ``run_turn``.

Derive a class from ``AgentContract``, supply ``agent``, and run pytest with pytest-asyncio in auto
mode. An agent that asks a model or a service is tested against a stand-in for it.
"""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain import (
    Answer,
    Conversation,
    ConversationKind,
    Message,
    Participant,
    Question,
    QuestionKind,
    Role,
    Session,
    new_id,
)
from gateway.errors import Unavailable
from gateway.ports.agent import Agent, Ask, File, Output, Publish, Step, Text, Turn

SEEDED = frozenset({"current_user_id", "current_session_id", "message_count", "last_visit"})
"""Variables that the gateway fills in; an agent reads them and leaves them alone."""


def make_turn(
    text: str = "hello",
    *,
    sender: str = "Ada",
    messages: Sequence[Message | tuple[str, str]] = (),
    variables: Mapping[str, Any] | None = None,
    answer: Answer | None = None,
    published: tuple[str, ...] = (),
    kind: ConversationKind = ConversationKind.DIRECT,
    shared: bool = False,
    session_id: str = "",
    last_visit: float | None = None,
) -> Turn:
    """A turn as the gateway would make it, in a session of its own unless ``session_id`` is given.

    ``messages`` are entries of the history, or pairs of role and text; ``last_visit`` is in seconds
    since the epoch, and None on a first visit. ``variables`` join the ones the gateway seeds.
    """
    now = time.time()
    who = Participant(id=f"id-of-{sender}", name=sender)
    place = Conversation(kind=kind, id="somewhere", title=None if kind == "direct" else "Somewhere")
    history = tuple(_message(number, entry) for number, entry in enumerate(messages, start=1))
    session = Session(
        id=session_id or new_id(),
        lane_id=new_id(),
        channel="test",
        agent="agent",
        owner="conversation:somewhere" if shared else f"participant:{who.id}",
        conversation=place,
        created_at=now,
        last_activity=last_visit or now,
        message_count=len(history),
        last_number=len(history),
    )
    return Turn(
        id=new_id(),
        task_id=new_id(),
        channel="test",
        agent="agent",
        text=text,
        session=session,
        participant=who,
        conversation=place,
        messages=history,
        answer=answer,
        variables=dict(variables or {}) | _seeded(session, who, last_visit),
        published=published,
        shared=shared,
    )


def make_answer(ask: Ask, text: str) -> Answer:
    """What a person answers to ``ask``: any text, or the label of an option."""
    options = ask.options or (("Yes", "No") if ask.kind is QuestionKind.APPROVAL else ())
    question = Question(
        id=new_id(),
        session_id=new_id(),
        task_id=new_id(),
        addressee=ask.addressee,
        kind=ask.kind,
        text=ask.text,
        options=options,
    )
    option = options.index(text) if text in options else None
    return Answer(question=question, text=text, option=option)


async def run_turn(agent: Agent, turn: Turn, *, within: float = 10.0) -> list[Output]:
    """Run one turn to its end. Raises ``TimeoutError`` when that takes longer than ``within``."""
    async with asyncio.timeout(within), _closing(agent.run(turn)) as run:
        return [output async for output in run]


def answer_text(said: Sequence[Output]) -> str:
    """The answer that the pieces of text add up to."""
    return "".join(output.text for output in said if isinstance(output, Text))


class AgentContract(ABC):
    """What every agent owes."""

    texts: Sequence[str] = ("hello", "", "zwei\nZeilen 👋", "{name}", "x" * 5_000)
    """What is said to the agent; put in what makes it ask, publish or stream."""
    within: float = 10.0
    """Seconds that a turn may take."""
    prompt: float = 1.0
    """Seconds that ending a cancelled turn may take."""

    @pytest.fixture
    @abstractmethod
    def agent(self) -> Agent | AsyncIterator[Agent]:
        """The agent, ready to run."""

    @pytest.fixture
    def away(self) -> Agent | None:
        """The agent when what it needs is away; None when it needs nothing."""
        return None

    async def test_says_only_what_the_contract_knows(self, agent: Agent) -> None:
        for text in self.texts:
            said = await self._run(agent, make_turn(text))
            for output in said:
                assert isinstance(output, Text | Publish | Ask | File | Step)
                _check(output)
            asks = [output for output in said if isinstance(output, Ask)]
            assert asks in ([], said[-1:]), "a question ends the turn"

    async def test_remembers_only_what_can_be_stored(self, agent: Agent) -> None:
        for text in self.texts:
            turn = make_turn(text)
            before = {name: turn.variables[name] for name in SEEDED}
            await self._run(agent, turn)
            assert json.loads(json.dumps(turn.variables, allow_nan=False)) == turn.variables
            assert {name: turn.variables.get(name) for name in SEEDED} == before

    async def test_runs_the_same_turn_again(self, agent: Agent) -> None:
        for text in self.texts:
            turn = make_turn(text, messages=[("user", "hello"), ("assistant", "hello")])
            again = replace(turn, variables=deepcopy(turn.variables), attempt=2)
            first = await self._run(agent, turn)
            second = await self._run(agent, again)
            assert bool(first) == bool(second)

    async def test_takes_an_answer_it_never_asked_for(self, agent: Agent) -> None:
        ask = Ask(text="Tea?", kind=QuestionKind.CHOICE, options=("Yes, please", "Never"))
        turn = make_turn("Never", answer=make_answer(ask, "Never"))
        for output in await self._run(agent, turn):
            _check(output)

    async def test_sessions_do_not_see_each_other(self, agent: Agent) -> None:
        words = ("zanzibar", "xylophone")
        turns = [
            make_turn(f"remember the word {word}", sender=f"{word}-person", variables={"own": word})
            for word in words
        ]
        both = await asyncio.gather(*(self._run(agent, turn) for turn in turns))
        for turn, said, other in zip(turns, both, reversed(words), strict=True):
            assert other not in repr(said)
            assert other not in repr(turn.variables)

    async def test_a_new_session_knows_nothing_of_the_last(self, agent: Agent) -> None:
        await self._run(agent, make_turn("remember the word zanzibar", sender="zanzibar-person"))
        turn = make_turn("what do you remember?", sender="somebody else")
        assert "zanzibar" not in repr(await self._run(agent, turn))
        assert "zanzibar" not in repr(turn.variables)

    async def test_can_be_left_at_any_point(self, agent: Agent) -> None:
        for text in self.texts:
            before = asyncio.all_tasks()
            for steps in range(3):
                async with _closing(agent.run(make_turn(text))) as run:
                    for _ in range(steps):
                        async with asyncio.timeout(self.within):
                            await anext(run, None)
                    left = time.monotonic()
                assert time.monotonic() - left < self.prompt
            await self._quiet(before)

    @pytest.mark.parametrize("after", [0.0, 0.001, 0.05])
    async def test_can_be_cancelled_at_any_moment(self, agent: Agent, after: float) -> None:
        for text in self.texts:
            before = asyncio.all_tasks()
            running = asyncio.create_task(self._run(agent, make_turn(text)))
            await asyncio.sleep(after)
            running.cancel()
            cancelled = time.monotonic()
            await asyncio.wait([running])
            assert time.monotonic() - cancelled < self.prompt
            assert running.cancelled() or running.exception() is None
            await self._quiet(before)

    async def test_says_when_it_is_away(self, away: Agent | None) -> None:
        if away is None:
            pytest.skip("this agent needs nothing that could be away")
        with pytest.raises(Unavailable) as raised:
            await self._run(away, make_turn())
        assert raised.value.retry_after > 0

    async def _run(self, agent: Agent, turn: Turn) -> list[Output]:
        return await run_turn(agent, turn, within=self.within)

    async def _quiet(self, before: set[asyncio.Task[Any]]) -> None:
        until = time.monotonic() + self.prompt
        while left := asyncio.all_tasks() - before:
            assert time.monotonic() < until, f"the turn left behind {left}"
            await asyncio.sleep(0.001)


def _check(output: Output) -> None:
    match output:
        case Text(text) | Publish(text) | Step(text):
            assert text.encode() or isinstance(output, Text)
        case Ask():
            assert output.text.strip()
            assert len(set(output.options)) == len(output.options)
            assert all(label.strip() for label in output.options)
            assert output.options or output.kind is not QuestionKind.CHOICE
        case File():
            assert output.name
            assert isinstance(output.data, bytes)


def _closing(run: AsyncIterator[Output]) -> AbstractAsyncContextManager[AsyncIterator[Output]]:
    return aclosing(run) if isinstance(run, AsyncGenerator) else nullcontext(run)


def _message(number: int, entry: Message | tuple[str, str]) -> Message:
    if isinstance(entry, Message):
        return entry
    role, text = entry
    return Message(number=number, role=Role(role), text=text, created_at=time.time())


def _seeded(session: Session, who: Participant, last_visit: float | None) -> dict[str, Any]:
    visit = None if last_visit is None else datetime.fromtimestamp(last_visit, UTC).isoformat()
    return {
        "current_user_id": who.id,
        "current_session_id": session.id,
        "message_count": session.message_count,
        "last_visit": visit,
    }
