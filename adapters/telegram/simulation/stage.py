"""What people do and what people see stand on: the world, and where in it a place is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.telegram.simulation.model import Chat, Message, Person
from adapters.telegram.simulation.news import News
from adapters.telegram.simulation.world import Bot, World
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace


class Stage:
    """Finds what the simulator's values stand for."""

    def __init__(self, clock: Callable[[], float], keep: int | None) -> None:
        self._clock = clock
        self._news = News()
        self._world = World(clock, keep, self._news)

    def _bot(self, account: str) -> Bot:
        return self._world.bot(account) if account else self._world.first_bot()

    def _who(self, person: SimulatedPerson) -> Person:
        return self._world.people[int(person.id)]

    def _chat(self, place: SimulatedPlace) -> tuple[Chat, int | None]:
        """The chat a place stands for, and the topic in it."""
        first, colon, second = place.id.rpartition(":")
        bot = self._bot(place.account)
        if place.kind == "direct" and colon:
            return bot.connections[first].chats[int(second)], None
        chat_id = int(first or second)
        topic = int(second) if colon else None
        if chat_id > 0:
            return self._world.dialog(bot, self._world.people[chat_id]), topic
        return self._world.chats[chat_id], topic

    def _within(
        self, pool: Iterable[Message], place: SimulatedPlace | None, *, deleted: bool = False
    ) -> list[Message]:
        visible = [message for message in pool if deleted or not message.deleted]
        if place is None:
            return visible
        chat, topic = self._chat(place)
        return [message for message in visible if message.chat is chat and message.topic == topic]
