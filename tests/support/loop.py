"""A platform without a platform: what people say is handed in, what is sent is kept.

For tests that need a whole gateway in their own process, and hundreds of them in a minute.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import orjson
from starlette.routing import BaseRoute

from gateway import (
    Address,
    Attachment,
    ChannelSettings,
    Conversation,
    ConversationKind,
    Delivery,
    Host,
    Ignored,
    Inbound,
    Moved,
    Participant,
    Receipt,
    Receive,
    Rule,
    Rules,
    Sent,
    Unavailable,
    new_id,
)


class LoopSettings(ChannelSettings):
    """A channel that only tests talk to."""

    platform: str = "loop"


class LoopAdapter:
    """``sent`` holds what went to each destination, files as their content. Derive a class for each
    gateway, with a ``made`` of its own: its adapters by their channel's name."""

    platform: ClassVar[str] = "loop"
    Settings: ClassVar[type[LoopSettings]] = LoopSettings
    boundary: ClassVar[Rules] = {
        ConversationKind.DIRECT: Rule.PER_USER,
        ConversationKind.GROUP: Rule.PER_GROUP,
        ConversationKind.CHANNEL: Rule.PER_CHANNEL,
        ConversationKind.THREAD: Rule.PER_THREAD,
    }
    made: ClassVar[dict[str, LoopAdapter]]

    def __init__(self, name: str, settings: LoopSettings, host: Host) -> None:
        self.settings = settings
        self.sent: dict[str, list[str]] = defaultdict(list)
        self._files = host.files
        self._receive: asyncio.Future[Receive] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Condition()
        self.made[name] = self

    def routes(self) -> Sequence[BaseRoute]:
        """None: nobody calls."""
        return ()

    async def run(self, receive: Receive) -> None:
        """Stay, so that ``say`` has somebody to say it to."""
        if not self._receive.done():
            self._receive.set_result(receive)
        await asyncio.Event().wait()

    async def send(self, delivery: Delivery) -> Sent:
        """Keep what is sent."""
        text = delivery.text
        if delivery.attachment is not None:
            text += (await self._files.read(delivery.attachment)).decode("latin-1")
        async with self._news:
            self.sent[delivery.address.destination].append(text)
            self._news.notify_all()
        return Sent(platform_id=new_id())

    def carries(self, attachment: Attachment) -> bool:
        """Any file."""
        return True

    def confide(self, address: Address, participant: Participant) -> Address | None:
        """Everybody can be written to in private."""
        return Address(destination=participant.id)

    def parse(self, raw: bytes) -> Inbound | Moved | Ignored:
        """Read what ``say`` wrote."""
        said: dict[str, Any] = orjson.loads(raw)
        place = said["place"]
        return Inbound(
            event_id=said["id"],
            conversation=Conversation(**{**place, "kind": ConversationKind(place["kind"])}),
            participant=Participant(id=said["who"], name=said["who"].title()),
            address=Address(destination=place["id"]),
            message_id=said["id"],
            text=said["text"],
        )

    async def say(self, who: str, place: dict[str, str], text: str) -> Receipt:
        """Hand in what somebody says at a place (``kind``, ``id``, ``parent_id``)."""
        event = {"id": new_id(), "who": who, "place": place, "text": text}
        receive = await asyncio.shield(self._receive)
        while True:
            try:
                return await receive(orjson.dumps(event))
            except Unavailable:
                await asyncio.sleep(0.01)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until enough was sent."""
        async with self._news:
            await self._news.wait_for(holds)

    async def answered(self, destination: str, before: int) -> None:
        """Wait until more was sent there than before."""
        await self.until(lambda: len(self.sent[destination]) > before)
