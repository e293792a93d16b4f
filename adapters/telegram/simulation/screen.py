"""What people see of the bots on the simulated Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from adapters.telegram.simulation.model import Chat, Draft, Message
from adapters.telegram.simulation.stage import Stage
from adapters.telegram.simulation.world import scope_key
from gateway.testing.simulator import SentFile, SentMessage, SimulatedPlace, Until


class Screen(Stage):
    """The part of the simulator that shows what happened."""

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see of the bots."""
        pool = self._world.sent if place is None else self._chat(place)[0].sent
        return [as_sent(message) for message in self._within(pool, place)]

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

    def drafts(self, place: SimulatedPlace) -> list[Draft]:
        """Answers that people see being written in a private chat now, or in a topic of it.

        One that has no text shows "Thinking…".
        """
        chat, topic = self._chat(place)
        drafts = chat.shown_drafts(self._clock())
        return [draft for draft in drafts if draft.topic == (topic or 0)]

    def draft(self, place: SimulatedPlace) -> str | None:
        """The text of the answer that people see being written there."""
        return next((draft.text or "Thinking…" for draft in self.drafts(place)), None)

    def reactions(self, place: SimulatedPlace) -> dict[str, tuple[str, ...]]:
        """What the bots reacted with, by message id; a custom emoji by its id."""
        messages = self._chat(place)[0].messages.values()
        found = {
            str(message.id): tuple(
                str(each.get("emoji") or each.get("custom_emoji_id") or each["type"])
                for reactions in message.reactions.values()
                for each in reactions
            )
            for message in messages
        }
        return {message_id: emoji for message_id, emoji in found.items() if emoji}

    def commands(
        self, scope: Mapping[str, Any] | str = "default", language: str = "", *, account: str = ""
    ) -> dict[str, str]:
        """The commands a bot offers in a scope (an object, or its type): name to description."""
        found = {"type": scope} if isinstance(scope, str) else scope
        kept = self._bot(account).commands.get(scope_key(found, language), [])
        return {each["command"]: each["description"] for each in kept}

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages accepted directly after one with the same text and file."""
        return [as_sent(m) for m in self._within(self._world.repeated, place, deleted=True)]

    def unacknowledged(self) -> list[str]:
        """Ids of updates that wait for their bot."""
        return [str(key) for bot in self._world.bots.values() for key in bot.updates.pending()]

    def _reached(self, until: Until, place: SimulatedPlace | None) -> bool:
        if not isinstance(until, int):
            return until(self.sent(place))
        most = self._world.sent if place is None else self._chat(place)[0].sent
        return len(most) >= until and len(self._within(most, place)) >= until


def as_sent(message: Message) -> SentMessage:
    """A message as people see it; the text of one with a file is its caption."""
    file = message.file
    return SentMessage(
        place_id=_place_id(message.chat, message.topic),
        message_id=str(message.id),
        text=message.text,
        buttons=tuple(button["text"] for button in message.buttons()),
        reply_to=None if message.reply_to is None else str(message.reply_to.id),
        edited=message.edited is not None,
        at=message.date,
        account=str(message.bot_id),
        entities=tuple(message.entities),
        files=()
        if file is None
        else (SentFile(name=file.name, media_type=file.media_type, content=file.content),),
    )


def _place_id(chat: Chat, topic: int | None) -> str:
    if chat.connection is not None:
        return f"{chat.connection.id}:{chat.id}"
    return str(chat.id) if topic is None else f"{chat.id}:{topic}"
