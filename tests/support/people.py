"""People on a simulator, and what they do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, Simulator


@dataclass(frozen=True)
class Home:
    """One person and a place where they write."""

    simulator: Simulator
    person: SimulatedPerson
    place: SimulatedPlace

    async def say(self, text: str, *, mention: bool = False) -> str:
        """Write; the platform's event id."""
        return await self.simulator.say(text, person=self.person, place=self.place, mention=mention)

    async def ask(self, text: str, *, mention: bool = False, timeout: float = 30.0) -> str:
        """Write, and return the next message that appears here."""
        before = len(self.simulator.sent(self.place))
        await self.say(text, mention=mention)
        return (await self.heard(before + 1, timeout=timeout))[-1]

    async def press(self, label: str) -> str:
        """Press the newest button with this label, and return the next message."""
        before = len(self.simulator.sent(self.place))
        await self.simulator.press(label, person=self.person, place=self.place)
        return (await self.heard(before + 1))[-1]

    async def heard(self, count: int, *, timeout: float = 30.0) -> list[str]:
        """Wait for so many messages here; the texts of all."""
        sent = await self.simulator.wait_sent(count, self.place, timeout=timeout)
        return [message.text for message in sent]

    def texts(self) -> list[str]:
        """What stands here now."""
        return [message.text for message in self.simulator.sent(self.place)]


def new_key() -> str:
    """What nobody was told to ``hold`` yet; see ``tests.support.agents.gated``."""
    return uuid.uuid4().hex[:8]


def at_home(simulator: Simulator, name: str, account: str = "") -> Home:
    """A new person in their direct chat with the account."""
    person = simulator.person(name)
    return Home(simulator, person, simulator.place("direct", people=[person], account=account))


def in_group(simulator: Simulator, *names: str) -> list[Home]:
    """New people in one new group."""
    people = [simulator.person(name) for name in names]
    group = simulator.place("group", people=people)
    return [Home(simulator, person, group) for person in people]
