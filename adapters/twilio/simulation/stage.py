"""What people do and what people see stand on: the world, and where in it a place is."""

from __future__ import annotations

from collections.abc import Callable

from adapters.twilio.simulation.model import Conversation, Number, NumberKind, Person, Shown
from adapters.twilio.simulation.news import News
from adapters.twilio.simulation.world import World
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace

GROUP_TEXT = "mms:"


class Stage:
    """Finds what the simulator's values stand for."""

    def __init__(self, kind: NumberKind, clock: Callable[[], float], keep: int | None) -> None:
        self.kind: NumberKind = kind
        self._clock = clock
        self._news = News()
        self._world = World(kind, clock, keep, self._news)

    def _number(self, account: str) -> Number:
        """The number with this address; the first one if none is named. Raises `LookupError`."""
        if account:
            return self._world.numbers[account]
        return next(iter(self._world.numbers.values()), None) or self._world.add_number("", "")

    def _who(self, person: SimulatedPerson) -> Person:
        return self._world.people[person.id]

    def _talk(self, place: SimulatedPlace) -> Conversation | None:
        """The conversation a place stands for by now, if it does."""
        if place.id.startswith(GROUP_TEXT):
            members = place.id.removeprefix(GROUP_TEXT).split(",")
            return self._world.group_of(self._number(place.account), members)
        return self._world.conversations.get(place.id)

    def _within(self, place: SimulatedPlace | None) -> list[Shown]:
        """What stands there, or would if it had arrived; without a place, everything."""
        if place is None:
            return list(self._world.shown)
        if place.kind == "direct":
            person = self._world.people[place.id]
            return list(self._world.shown_at((self._number(place.account).address, person.phone)))
        talk = self._talk(place)
        return [] if talk is None else list(self._world.shown_at(("", talk.sid)))
