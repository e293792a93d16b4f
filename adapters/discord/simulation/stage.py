"""What people do and what people see stand on: the world, and where in it a place is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.discord.simulation.files import Cdn
from adapters.discord.simulation.model import Bot, Channel, Message, Person
from adapters.discord.simulation.news import News
from adapters.discord.simulation.sessions import Sessions
from adapters.discord.simulation.world import World
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace


class Stage:
    """Finds what the simulator's values stand for."""

    def __init__(
        self,
        clock: Callable[[], float],
        keep: int | None,
        *,
        resume_within: float,
        link_lifetime: float,
        url: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._news = News()
        self._sessions = Sessions(clock, self._news, lifetime=resume_within, keep=keep)
        self._cdn = Cdn(url, clock, link_lifetime)
        self._world = World(clock, self._sessions, keep, self._cdn.link)

    def _bot(self, account: str) -> Bot:
        return self._world.bots[int(account)] if account else self._world.first_bot()

    def _who(self, person: SimulatedPerson) -> Person:
        return self._world.people[int(person.id)]

    def _channel(self, place: SimulatedPlace) -> Channel:
        return self._world.channels[int(place.id)]

    def _message(self, message_id: str, place: SimulatedPlace | None = None) -> Message:
        """A message by its id, wherever it is unless told. Raises `LookupError`."""
        channels = self._world.channels.values() if place is None else [self._channel(place)]
        for channel in channels:
            if int(message_id) in channel.messages:
                return channel.messages[int(message_id)]
        raise LookupError(f"no message {message_id}")

    def _within(
        self, pool: Iterable[Message], place: SimulatedPlace | None, *, deleted: bool = False
    ) -> list[Message]:
        visible = [message for message in pool if deleted or message.seen()]
        if place is None:
            return visible
        channel = self._channel(place)
        return [message for message in visible if message.channel is channel]
