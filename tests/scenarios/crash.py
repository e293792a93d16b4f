"""Conversations that a ``kill -9`` cuts off somewhere, and what must hold afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest

from gateway.testing.simulator import PlaceKind, SimulatedPerson, SimulatedPlace, Simulator
from tests.support.agents import expected
from tests.support.process import GatewayProcess
from tests.support.stage import heard_by

SENDS_TWICE = frozenset({"during-send", "after-send"})
"""Where a crash leaves open whether a message arrived; there, and only there, it may come twice."""


@dataclass(frozen=True)
class Talk:
    """One person's private conversation, and what they say in it, in order."""

    person: SimulatedPerson
    place: SimulatedPlace
    before: list[str]
    after: list[str]

    @property
    def texts(self) -> list[str]:
        return self.before + self.after

    def answers(self) -> list[str]:
        """What they must be answered, in order."""
        return [expected(text, self.texts[:n]) for n, text in enumerate(self.texts)]


def talks(
    simulator: Simulator, account: str = "", *, long: bool, kind: PlaceKind = "direct"
) -> list[Talk]:
    """Three people, each in a place of their own; four things are said before the crash."""
    made = []
    for name in ("Ada", "Bob", "Cyd"):
        person = simulator.person(name)
        place = simulator.place(kind, people=[person], account=account)
        words = [f"{'long-' if long and n == 1 else ''}{name}-{n}" for n in range(5)]
        made.append(Talk(person, place, words[:4], words[4:]))
    return made


async def crash_and_recover(
    gateway: GatewayProcess,
    simulator: Simulator,
    *,
    failpoint: str,
    at: int,
    crowd: int = 3,
    kind: PlaceKind = "direct",
) -> None:
    """Kill the gateway at the ``at``-th pass of ``failpoint``, start it again, check everything."""
    people = talks(simulator, long=failpoint == "between-parts", kind=kind)[:crowd]
    gateway.launch(env={"GATEWAY_FAILPOINTS": f"{failpoint}=kill@{at}"})
    await heard_by(simulator)
    async with asyncio.TaskGroup() as group:
        for talk in people:
            group.create_task(_say(simulator, talk, gateway, crowd))
        assert await gateway.ended() == -9
        await gateway.start()
    # A platform that sends webhooks keeps no order between what it repeats and what is new.
    await simulator.wait_until(lambda: not simulator.unacknowledged(), timeout=20.0)
    for talk in people:
        for text in talk.after:
            await simulator.say(text, person=talk.person, place=talk.place)
    for talk in people:
        await _answered(simulator, talk)
        doubled = simulator.duplicates(talk.place)
        # Whatever stopped one conversation, another's message may have been on its way.
        assert len(doubled) <= (crowd > 1 or failpoint in SENDS_TWICE), doubled
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    assert await gateway.stop() == 0
    assert "Traceback" not in gateway.output


def question_windows(windows: Sequence[str], *, first: int) -> list[pytest.ParameterSet]:
    """Each window with its first pass, around the question, or its second, around the answer.

    They take turns, beginning with pass ``first``; what is left out here is in the soak.
    """
    return [
        pytest.param(window, at, marks=() if (at - first - n) % 2 == 0 else pytest.mark.soak)
        for n, window in enumerate(windows)
        for at in (1, 2)
    ]


async def question_over_a_crash(
    gateway: GatewayProcess, simulator: Simulator, *, failpoint: str, at: int
) -> None:
    """A question asked, the gateway killed around its answer: answered once, in its session."""
    person = simulator.person("Ada")
    place = simulator.place("direct", people=[person])
    gateway.launch(env={"GATEWAY_FAILPOINTS": f"{failpoint}=kill@{at}"})
    await heard_by(simulator)
    await simulator.say("ask", person=person, place=place)
    await _until_heard_or_dead(simulator, place, gateway)
    if gateway.running:
        await simulator.press("Blue", person=person, place=place)
        assert await gateway.ended() == -9
        await gateway.start()
    else:
        await gateway.start()
        await simulator.wait_sent(1, place)
        await gateway.until_settled()
        await simulator.press("Blue", person=person, place=place)
    await simulator.wait_until(lambda: "colour for ask? Blue" in _texts(simulator, place))
    await simulator.say("after", person=person, place=place)
    await simulator.wait_until(lambda: "after after ask|Blue" in _texts(simulator, place))
    heard = [text for text, _ in groupby(_texts(simulator, place))]
    assert heard == ["colour for ask?", "colour for ask? Blue", "after after ask|Blue"]
    assert len(simulator.duplicates(place)) <= (failpoint in SENDS_TWICE)
    assert await gateway.stop() == 0


async def _until_heard_or_dead(
    simulator: Simulator, place: SimulatedPlace, gateway: GatewayProcess
) -> None:
    for _ in range(1000):
        # What was sent is marked a moment later; a kill before that is another window.
        if not gateway.running or (simulator.sent(place) and await gateway.settled()):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("no question was asked")


def _texts(simulator: Simulator, place: SimulatedPlace) -> list[str]:
    return [message.text for message in simulator.sent(place)]


async def _say(simulator: Simulator, talk: Talk, gateway: GatewayProcess, crowd: int) -> None:
    """In a crowd all talk at once; somebody alone waits for each answer, while there is hope.

    Nor does somebody alone say the next thing before the last was taken over: see above.
    """
    for said, text in enumerate(talk.before, start=1):
        await simulator.say(text, person=talk.person, place=talk.place)
        await asyncio.sleep(0.01)
        for _ in range(3000 if crowd == 1 else 0):
            hopeless = not gateway.running and not simulator.unacknowledged()
            if hopeless or _has_heard(simulator, talk, said):
                break
            await asyncio.sleep(0.01)
        if crowd == 1:
            await _marked(gateway)


async def _marked(gateway: GatewayProcess) -> None:
    """What was heard is marked as sent a moment later; a kill before that is another window."""
    sqlite = gateway.folder / "data" / "gateway.db"
    for _ in range(1000):
        if not gateway.running or not sqlite.exists() or await gateway.settled():
            return
        await asyncio.sleep(0.01)


def _has_heard(simulator: Simulator, talk: Talk, said: int) -> bool:
    return _heard(simulator, talk) == "".join(_squeezed(talk.answers()[:said]))


async def _answered(simulator: Simulator, talk: Talk) -> None:
    wanted = "".join(_squeezed(talk.answers()))
    try:
        await simulator.wait_until(lambda: _heard(simulator, talk) == wanted, timeout=20.0)
    except TimeoutError as late:
        raise AssertionError(f"heard {_heard(simulator, talk)}, not {wanted}") from late


def _heard(simulator: Simulator, talk: Talk) -> str:
    doubled = {message.message_id for message in simulator.duplicates(talk.place)}
    sent = simulator.sent(talk.place)
    return "".join(_squeezed(m.text for m in sent if m.message_id not in doubled))


def _squeezed(texts: Any) -> list[str]:
    """Without white space, which is lost where a long text is cut."""
    return ["".join(text.split()) for text in texts]
