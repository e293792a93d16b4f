"""What people see of the bots on the simulated Discord."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from adapters.discord.simulation.model import Flags, JsonObject, Message
from adapters.discord.simulation.stage import Stage
from gateway.testing.simulator import SentFile, SentMessage, SimulatedPlace, Until


class Screen(Stage):
    """The part of the simulator that shows what happened."""

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see of the bots; a promised answer once it is there."""
        return [as_sent(message) for message in self._visible(place)]

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait for anything."""
        async with asyncio.timeout(timeout):
            while not holds():
                await self._news.wait()

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 30.0
    ) -> list[SentMessage]:
        """Wait for what people see."""
        try:
            await self.wait_until(partial(self._reached, until, place), timeout=timeout)
        except TimeoutError:
            texts = [message.text for message in self.sent(place)]
            raise TimeoutError(f"after {timeout:g} s, {len(texts)} were sent: {texts}") from None
        return self.sent(place)

    def promised(self, place: SimulatedPlace | None = None) -> list[str]:
        """Ids of the messages that only say that an answer will come ("... is thinking")."""
        pool = self._within(self._world.sent, place, deleted=True)
        return [
            str(message.id)
            for message in pool
            if message.flags & Flags.LOADING and not message.deleted
        ]

    def typing(self, place: SimulatedPlace) -> bool:
        """Whether people see a bot typing there."""
        now = self._clock()
        return any(until > now for until in self._channel(place).typing.values())

    def pings(self, place: SimulatedPlace | None = None) -> list[str]:
        """Whom bots' messages ever notified, as it is written: `@everyone`, `<@&7>`, `<@5>`."""
        found = self._within((message for message, _ in self._world.pings), place, deleted=True)
        return [name for message, name in self._world.pings if message in found]

    def commands(self, *, account: str = "") -> dict[str, JsonObject]:
        """The slash commands that a bot has registered, by name."""
        return {each["name"]: each for each in self._bot(account).commands}

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages accepted directly after one with the same text and files."""
        return [as_sent(m) for m in self._within(self._world.repeated, place, deleted=True)]

    def unacknowledged(self) -> list[str]:
        """Ids of what people did and no bot has taken over yet; see `sessions` for when that is.

        What can no longer reach a bot is in `lost()` instead.
        """
        return [event.id for event in self._sessions.pending]

    def lost(self) -> list[str]:
        """Ids of what no bot can be told any more.

        With their session go edits, deletions and interactions: no history shows them. What was
        answered in time is not among them.
        """
        answered = {str(each.id) for each in self._world.interactions.values() if each.answer}
        return [event_id for event_id in self._sessions.lost if event_id not in answered]

    def _reached(self, until: Until, place: SimulatedPlace | None) -> bool:
        if not isinstance(until, int):
            return until(self.sent(place))
        most = self._world.sent
        return len(most) >= until and len(self._visible(place)) >= until

    def _visible(self, place: SimulatedPlace | None) -> list[Message]:
        if place is None:
            return self._within(self._world.sent, None)
        messages = self._channel(place).messages.values()
        return [each for each in messages if each.bot is not None and each.seen()]


def as_sent(message: Message) -> SentMessage:
    """A message as people see it."""
    return SentMessage(
        place_id=str(message.channel.id),
        message_id=str(message.id),
        text=message.text,
        buttons=tuple(str(button.get("label") or "") for button in message.buttons()),
        reply_to=None if message.refers_to is None else str(message.refers_to),
        edited=message.edited is not None,
        at=message.at,
        account=str(message.author_id),
        files=tuple(
            SentFile(name=file.name, media_type=file.media_type, content=file.content)
            for file in message.files
        ),
    )
