"""Where an adapter's sending is tried: a person, their place, and the address of answers."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.domain import Address, Question
from gateway.errors import GatewayError, OutcomeUnknown, SendError, Unavailable
from gateway.ports.adapter import Sent
from gateway.testing._harness import Harness, Inbox, make_delivery, reach, running
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, Simulator

Outcome = Sent | SendError | Unavailable


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A person, their direct place, and the address that answers go to."""

    harness: Harness
    simulator: Simulator
    inbox: Inbox
    person: SimulatedPerson
    place: SimulatedPlace
    address: Address

    async def send(self, text: str, question: Question | None = None, **more: Any) -> Outcome:
        """Send; what the adapter says became of it. Any other error fails the test."""
        delivery = make_delivery(
            self.address, text, channel=self.harness.channel, question=question, **more
        )
        try:
            outcome: Outcome = await self.harness.adapter.send(delivery)
        except (SendError, Unavailable) as error:
            outcome = error
            self._check_secrets(error)
        return outcome

    def texts(self) -> list[str]:
        """What the person sees."""
        return [message.text for message in self.simulator.sent(self.place)]

    def stands(self, text: str) -> bool:
        """Whether the person sees it."""
        return any(text in one for one in self.texts())

    def check(self, text: str, outcome: Outcome) -> None:
        """What the adapter says is so: only an unknown outcome may be either."""
        if not isinstance(outcome, OutcomeUnknown):
            assert self.stands(text) == isinstance(outcome, Sent), repr(outcome)

    def _check_secrets(self, error: GatewayError) -> None:
        told = "".join(traceback.format_exception(error)) + repr(error)
        assert str(error), "say what became of it"
        for secret in self.harness.secrets:
            assert secret not in told


@asynccontextmanager
async def scene_of(harness: Harness, within: float) -> AsyncIterator[Scene]:
    """Run the adapter, and let somebody be heard within so many seconds."""
    simulator, inbox = harness.platform, Inbox(harness.adapter)
    person = simulator.person("Ada")
    place = simulator.place("direct", people=[person])
    async with running(harness.adapter, inbox):
        event = await reach(harness, inbox, within, (person, place))
        yield Scene(
            harness=harness,
            simulator=simulator,
            inbox=inbox,
            person=person,
            place=place,
            address=event.address,
        )
