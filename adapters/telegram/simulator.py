"""Telegram on loopback: the Bot API for any number of bots, and the people they talk with.

It keeps Telegram's rules (lengths, keyboards, flood control, privacy mode, one receiver for each
bot) and answers in Telegram's words, so that what passes here is likely to pass there. Point a
client's base URL at `url`. To try it by hand: `python -m adapters.telegram.simulator --port 8081`.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from adapters.telegram.simulation.api import DOWNLOAD, BotApi
from adapters.telegram.simulation.errors import ApiError
from adapters.telegram.simulation.faults import refuse, respond, suffer
from adapters.telegram.simulation.methods import Methods
from adapters.telegram.simulation.model import JsonObject
from adapters.telegram.simulation.parameters import read_parameters, readable
from adapters.telegram.simulation.people import People
from adapters.telegram.simulation.rates import FloodControl, Rates
from adapters.telegram.simulation.receiving import Receiving
from adapters.telegram.simulation.screen import Screen
from adapters.telegram.simulation.vocabulary import posts
from adapters.telegram.simulation.webhook import WebhookPolicy
from adapters.telegram.simulation.world import DEFAULT_TOKEN, Bot
from gateway.testing.loopback import HOST, LoopbackServer
from gateway.testing.simulator import (
    Fault,
    FaultPlan,
    ReceivedCall,
    SentMessage,
    SimulatedPlace,
    running,
)

__all__ = ["Rates", "TelegramSimulator", "WebhookPolicy"]


class TelegramSimulator(People, Screen):
    """`gateway.testing.simulator.Simulator` for Telegram. An account is a bot's id, as a string.

    `rates=None` turns flood control off. A bot comes to be with `add_bot` or the first use of its
    token, which `strict` forbids (401). With `schema`, aiogram's description of the Bot API, every
    call is checked and what is wrong with it goes to `violations`. `clock` returns epoch seconds;
    flood control, dates and `callback_lifetime` (of a pressed button) run by it. `keep` bounds how
    many calls, updates and messages of a chat are remembered; `None` keeps all.

    What was refused goes to `refusals`, as `method: description`; planned faults do not count.
    One liberty: webhooks may be plain HTTP. Update ids start alike for every bot, message ids in
    every chat: nothing but the bot and the chat tells them apart.
    """

    def __init__(
        self,
        *,
        rates: Rates | None = Rates(),  # noqa: B008 - frozen
        strict: bool = False,
        schema: Mapping[str, Any] | None = None,
        webhooks: WebhookPolicy = WebhookPolicy(),  # noqa: B008 - frozen
        callback_lifetime: float = 60.0,
        clock: Callable[[], float] = time.time,
        keep: int | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(clock, keep)
        self._server = LoopbackServer(self._handle, port)
        self._receiving = Receiving(webhooks)
        flood = FloodControl(rates, clock) if rates is not None else None
        self._api = BotApi(
            self._world,
            Methods(self._world, flood, callback_lifetime=callback_lifetime),
            self._receiving,
            add_bot=None if strict else self._world.add_unknown_bot,
            schema=schema,
        )
        self.violations = self._api.violations
        self.refusals = self._api.refusals
        self._faults = FaultPlan(posts)
        self._calls: deque[ReceivedCall] = deque(maxlen=keep)

    # The platform as a whole

    @property
    def url(self) -> str:
        """What stands for `https://api.telegram.org`."""
        return f"http://{HOST}:{self._server.port}"

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        await self._server.start()

    async def close(self) -> None:
        """Stop everything."""
        await self._receiving.close(list(self._world.bots.values()))
        await self._server.close()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """Token and address."""
        return {"token": self._bot(account).token, "api_url": self.url}

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Break the next calls that post a message, or those to `method` ("*": any)."""
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    async def disconnect(self) -> None:
        """Reset every open connection, long polls too."""
        self._server.disconnect()

    async def outage(self, on: bool) -> None:
        """Refuse and reset everything, and deliver nothing, until it is over."""
        self._receiving.pause(list(self._world.bots.values()), on)
        if on:
            self._server.refuse()
        else:
            await self._server.listen()

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every call that arrived whole; a file's download is one to `download`."""
        return [call for call in self._calls if method in {None, call.method}]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            bot, method, named = self._api.route(request.raw_path)
            given = self._api.read(method, {**await read_parameters(request), **named})
        except ApiError as error:
            return refuse(error)
        self._calls.append(
            ReceivedCall(
                method=method, parameters=readable(given), account=str(bot.id), at=self._clock()
            )
        )
        self._news.tell()
        planned = self._faults.take(method)
        if planned is None:
            return respond(*await self._answer(bot, method, given), file=method == DOWNLOAD)
        return await suffer(*planned, request, partial(self._answer, bot, method, given))

    async def _answer(self, bot: Bot, method: str, given: JsonObject) -> tuple[int, bytes]:
        answer = await self._api.answer(bot, method, given)
        self._news.tell()
        return answer


async def _try_out(port: int, token: str) -> None:
    """Talk with a bot by hand: one person at the terminal, in a private chat."""
    simulator = TelegramSimulator(rates=None, port=port)
    account = simulator.add_bot(token, "simulated_bot")
    you = simulator.person("You")
    here = simulator.place("direct", people=[you], account=account)
    async with running(simulator), asyncio.TaskGroup() as tasks:
        sys.stdout.write(f"{simulator.url} - type what to say, !LABEL to press a button\n")
        screen = tasks.create_task(_show(simulator, here))
        while line := await asyncio.to_thread(sys.stdin.readline):
            if not line.startswith("!"):
                await simulator.say(line.strip(), person=you, place=here)
            else:
                with suppress(LookupError):
                    await simulator.press(line[1:].strip(), person=you, place=here)
        screen.cancel()


async def _show(simulator: TelegramSimulator, place: SimulatedPlace) -> None:
    shown: list[SentMessage] = []
    while True:
        now = await simulator.wait_sent(partial(list.__ne__, shown), place, timeout=math.inf)
        for message in (message for message in now if message not in shown):
            sys.stdout.write(f"  bot> {message.text} {list(message.buttons) or ''}\n")
        shown = now


def main() -> None:
    """`python -m adapters.telegram.simulator`."""
    parser = argparse.ArgumentParser(description="Telegram on loopback, to try a bot by hand.")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the bot's (default: %(default)s)")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_try_out(arguments.port, arguments.token))


if __name__ == "__main__":
    main()
