"""A simulated Telegram with one bot on it, driven by the real client over our own transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from telegram import Bot
from telegram.error import TelegramError

from adapters.telegram.simulator import TelegramSimulator
from adapters.telegram.transport import AiohttpRequest
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running


@dataclass(kw_only=True, slots=True)
class Loopback:
    """The simulator, the client, and Ann, who has said hello in a private chat."""

    simulator: TelegramSimulator
    http: aiohttp.ClientSession
    ann: SimulatedPerson
    here: SimulatedPlace
    bot: Bot = field(init=False)

    def __post_init__(self) -> None:
        self.bot = self.client()

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method; return the raw result."""
        return await self.bot._post(method, parameters)

    async def send(self, text: str = "hello", chat_id: str = "", **parameters: Any) -> Any:
        """Send a message, to Ann unless told otherwise."""
        return await self.call(
            "sendMessage", chat_id=chat_id or self.ann.id, text=text, **parameters
        )

    async def refused(self, method: str, **parameters: Any) -> str:
        """Call a method that fails; return what Telegram says."""
        with pytest.raises(TelegramError) as caught:
            await self.call(method, **parameters)
        return str(caught.value)

    async def updates(self, **parameters: Any) -> list[dict[str, Any]]:
        """Poll once; return the raw updates."""
        result: list[dict[str, Any]] = await self.call("getUpdates", **parameters)
        return result

    def client(self, account: str = "", read_timeout: float = 20.0) -> Bot:
        """A client of a bot's."""
        settings = self.simulator.settings(account)
        request = AiohttpRequest(self.http, read_timeout=read_timeout)
        return Bot(
            settings["token"],
            base_url=f"{settings['api_url']}/bot",
            request=request,
            get_updates_request=request,
        )


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@asynccontextmanager
async def loopback(**options: Any) -> AsyncIterator[Loopback]:
    """Everything started; flood control is off unless it is asked for."""
    simulator = TelegramSimulator(**{"rates": None, **options})
    account = simulator.add_bot("1000:secret", "helper_bot")
    ann = simulator.person("Ann")
    here = simulator.place("direct", people=[ann], account=account)
    async with running(simulator), aiohttp.ClientSession() as http:
        tg = Loopback(simulator=simulator, http=http, ann=ann, here=here)
        event = await simulator.say("hello", person=ann, place=here)
        await tg.bot.get_updates(offset=int(event) + 1)
        yield tg
