"""What people do and what people see stand on: the world, and where in it a place is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.slack.simulation.model import App, Channel, Message, Person
from adapters.slack.simulation.news import News
from adapters.slack.simulation.world import World
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace


class Stage:
    """Finds what the simulator's values stand for."""

    def __init__(self, clock: Callable[[], float], keep: int | None) -> None:
        self._clock = clock
        self._news = News()
        self._world = World(clock, keep, self._news)

    def _add_first_app(self) -> App:
        raise NotImplementedError

    def _app(self, account: str) -> App:
        """The app with this id; the first one if none is named. Raises `LookupError`."""
        if account:
            return self._world.apps[account]
        return next(iter(self._world.apps.values()), None) or self._add_first_app()

    def _who(self, person: SimulatedPerson) -> Person:
        return self._world.people[person.id]

    def _where(self, place: SimulatedPlace) -> tuple[Channel, str | None]:
        """The conversation a place stands for, and the thread in it."""
        if place.kind == "thread":
            return self._world.thread(place.id), place.id
        return self._world.channels[place.id], None

    def _within(
        self, pool: Iterable[Message], place: SimulatedPlace | None, *, deleted: bool = False
    ) -> list[Message]:
        """Which messages stand there.

        Direct messages and groups also show the threads that answers began there, but none that
        is a place of its own.
        """
        visible = [message for message in pool if deleted or not message.deleted]
        if place is None:
            return visible
        channel, thread = self._where(place)
        return [
            message
            for message in visible
            if message.channel is channel
            and (
                message.thread_ts == thread != message.ts
                if thread is not None
                else not channel.room(message)
            )
        ]
