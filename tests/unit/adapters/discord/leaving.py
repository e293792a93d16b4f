"""A simulated Discord, and what leaves one bot for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import orjson
import structlog

from adapters.discord.acknowledging import acknowledge
from adapters.discord.commands import offer
from adapters.discord.inbound import Me, parse
from adapters.discord.rest import Rest
from adapters.discord.sending import Sending
from adapters.discord.settings import DiscordSettings
from adapters.discord.simulation.model import token_of
from adapters.discord.simulator import DiscordSimulator
from gateway import (
    Address,
    Attachment,
    Delivery,
    Host,
    Inbound,
    NativeCommand,
    Question,
    QuestionKind,
    new_id,
)
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

BOT = 1_234_567_890_123_456_789
TOKEN = token_of(BOT)
ME = Me(id=str(BOT), application_id=str(BOT))


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Shelf:
    """The gateway's files, as far as an adapter reads them."""

    limit = 0

    def __init__(self, **contents: bytes) -> None:
        self.contents = contents

    async def read(self, attachment: Attachment) -> bytes:
        """What stands there. Raises `LookupError`."""
        return self.contents[attachment.id]

    def put(self, content: bytes, name: str, media_type: str = "text/plain") -> Attachment:
        """Keep a file."""
        self.contents[name] = content
        return Attachment(name=name, media_type=media_type, size=len(content), id=name)


class Bookmarks:
    """Bookmarks that live as long as the test."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}

    async def load(self, channel: str, *, limit: int = 1000, under: str = "") -> Mapping[str, str]:
        """All of them."""
        return self.marks

    def put(self, channel: str, place: str, position: str, *, lasting: bool = False) -> None:
        """Keep it."""
        self.marks[place] = position

    async def flush(self) -> None:
        """Nothing waits."""


@dataclass(kw_only=True, slots=True)
class StandInHost:
    """What of the host sending uses."""

    http: aiohttp.ClientSession
    files: Shelf


@dataclass(kw_only=True, slots=True)
class Leaving:
    """The simulator, what sends to it, Ann, her DM with the bot, and a channel of the server."""

    simulator: DiscordSimulator
    rest: Rest
    host: StandInHost
    sending: Sending
    ann: SimulatedPerson
    here: SimulatedPlace
    there: SimulatedPlace

    @property
    def files(self) -> Shelf:
        """The gateway's files."""
        return self.host.files

    def again(self, **settings: Any) -> Sending:
        """The same after a restart, or otherwise configured."""
        chosen = {"platform": "discord", **self.simulator.settings(), **settings}
        host = cast("Host", self.host)
        log = structlog.get_logger("test")
        return Sending(self.rest, DiscordSettings.model_validate(chosen), host, log=log)

    def address(self, place: SimulatedPlace | None = None, **data: Any) -> Address:
        """Where answers go: to Ann unless told otherwise."""
        where = (place or self.here).id
        return Address(destination=where, data={"channel": where, **data})

    def delivery(
        self, text: str = "hello", address: Address | None = None, *, age: float = 0.0, **more: Any
    ) -> Delivery:
        """Something to send, worded so many seconds ago."""
        return Delivery(
            id=new_id(),
            channel="garden",
            lane_id="lane",
            address=address or self.address(),
            text=text,
            created_at=time.time() - age,
            **more,
        )

    async def asked(self, place: SimulatedPlace) -> Inbound:
        """What comes of it when Ann asks in a channel."""
        event = await self.simulator.say("?", person=self.ann, place=place, mention=True)
        message = self.simulator._message(event)
        raw = self.simulator._world.showing.event(message)
        outcome = parse(orjson.dumps({"op": 0, "t": "MESSAGE_CREATE", "d": raw}), ME)
        assert isinstance(outcome, Inbound)
        return outcome

    def interaction(self, event: str) -> dict[str, Any]:
        """An interaction as the bot is told of it."""
        world = self.simulator._world
        return world.showing.interaction(world.interactions[int(event)])

    async def invoked(self, place: SimulatedPlace | None = None) -> Inbound:
        """What comes of it when Ann uses a slash command, and it was acknowledged."""
        commands = [NativeCommand(name="status", descriptions={"en": "how it goes"})]
        await offer(self.rest, str(BOT), commands, Bookmarks(), "garden")
        event = await self.simulator.command("status", person=self.ann, place=place or self.here)
        interaction = self.interaction(event)
        outcome = parse(orjson.dumps(interaction), ME)
        assert isinstance(outcome, Inbound)
        await acknowledge(self.rest, interaction)
        return outcome

    def texts(self, place: SimulatedPlace | None = None) -> list[str]:
        """What people see of the bot."""
        return [message.text for message in self.simulator.sent(place)]

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.simulator.calls()]


def question(*options: str) -> Question:
    """A choice."""
    return Question(
        id=new_id(),
        session_id="s",
        task_id="t",
        addressee="5",
        kind=QuestionKind.CHOICE,
        text="?",
        options=options,
    )


def parts(found: Sequence[Any]) -> dict[str, Any]:
    """The only part of a text, as a delivery's own."""
    (part,) = found
    return {"text": part.text, "format": part.format}


@asynccontextmanager
async def leaving(**options: Any) -> AsyncIterator[Leaving]:
    """Everything started; rate limits are off unless asked for."""
    simulator = DiscordSimulator(**{"rates": None, **options})
    account = simulator.add_bot(TOKEN, "helper")
    ann = simulator.person("Ann")
    here = simulator.place("direct", people=[ann], account=account)
    there = simulator.place("channel", account=account)
    async with running(simulator), aiohttp.ClientSession() as http:
        host = StandInHost(http=http, files=Shelf())
        keys = simulator.settings()
        rest = Rest(keys["token"], keys["api_url"], http)
        settings = DiscordSettings.model_validate({"platform": "discord", **keys})
        sending = Sending(rest, settings, cast("Host", host), log=structlog.get_logger("test"))
        yield Leaving(
            simulator=simulator,
            rest=rest,
            host=host,
            sending=sending,
            ann=ann,
            here=here,
            there=there,
        )
