"""Discord on loopback: gateway, REST API and CDN for any number of bots, and the people there.

It keeps Discord's rules (lengths, components, mentions, intents, sessions, the times in which an
interaction has to be answered) and answers in Discord's words, so that what passes here is likely
to pass there. To try it by hand: `python -m adapters.discord.simulator --port 8082`.
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
from typing import TYPE_CHECKING, Any

from aiohttp import web

from adapters.discord.simulation.directory import Directory
from adapters.discord.simulation.errors import ApiError
from adapters.discord.simulation.faults import Answer, refusal, suffer
from adapters.discord.simulation.gateway import INVALID_SESSION, RECONNECT, Gateway
from adapters.discord.simulation.interactions import Interactions
from adapters.discord.simulation.messages import Messages
from adapters.discord.simulation.model import Bot, JsonObject
from adapters.discord.simulation.people import People
from adapters.discord.simulation.rates import RateLimits, Rates
from adapters.discord.simulation.rest import BASE, RestApi, posts
from adapters.discord.simulation.screen import Screen
from gateway.testing.loopback import HOST, LoopbackServer
from gateway.testing.simulator import (
    Fault,
    FaultPlan,
    ReceivedCall,
    SentMessage,
    SimulatedPlace,
    running,
)

if TYPE_CHECKING:
    from adapters.discord.simulation.schema import Schema

__all__ = ["DiscordSimulator", "Rates"]

DOWNLOAD = "download"
"""What a file's download is called among the calls."""


class DiscordSimulator(People, Screen):
    """`gateway.testing.simulator.Simulator` for Discord. An account is a bot's id, as a string.

    There is one server, with text channels, forums and threads; and the DMs of each bot. Calls are
    named as in Discord's own description of its API (`create_message`, `list_messages`); those to
    the gateway `IDENTIFY` and `RESUME`; a file's `download`. With `schema`, that description
    (openapi.json), the body of every call is checked, and what is wrong with it goes to
    `violations`. What was refused goes to `refusals`, as `call: status code words`; planned faults
    do not count.

    `rates=None` turns rate limits off. `clock` returns epoch seconds, and everything below runs
    by it but `heartbeat`, the interval that clients are told: theirs is 41 s on Discord, and here
    short, as heartbeats say what was taken over (see `unacknowledged`). A session can be resumed
    `resume_within` seconds; a nonce is remembered for `nonce_lifetime`, an interaction answered
    within `patience`, its token used within `token_lifetime`; links to files end after
    `link_lifetime`. `keep` bounds how many calls, messages of a channel and events of a session
    are remembered; `None` keeps all.
    """

    def __init__(
        self,
        *,
        rates: Rates | None = Rates(),  # noqa: B008 - frozen
        schema: Mapping[str, Any] | None = None,
        heartbeat: float = 0.25,
        resume_within: float = 180.0,
        nonce_lifetime: float = 180.0,
        patience: float = 3.0,
        token_lifetime: float = 900.0,
        link_lifetime: float = 86_400.0,
        clock: Callable[[], float] = time.time,
        keep: int | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(
            clock,
            keep,
            resume_within=resume_within,
            link_lifetime=link_lifetime,
            url=lambda: self.url,
        )
        self._server = LoopbackServer(self._handle, port)
        self._calls: deque[ReceivedCall] = deque(maxlen=keep)
        self._faults = FaultPlan(posts)
        self._gateway = Gateway(
            self._world, heartbeat=heartbeat, url=self._resume_url, record=self._record
        )
        messages = Messages(self._world, self._cdn, remembers=nonce_lifetime)
        self._interactions = Interactions(
            self._world, messages, patience=patience, lifetime=token_lifetime
        )
        directory = Directory(self._world, messages, self._gateway_url)
        self._rest = RestApi(
            self._world,
            [messages.table, self._interactions.table, directory.table],
            self._interactions,
            RateLimits(rates, clock),
            None if schema is None else _schema(schema),
        )
        self.violations = self._rest.violations
        self.refusals = self._rest.refusals

    # The platform as a whole

    @property
    def url(self) -> str:
        """What stands for `https://discord.com`, and for the CDN."""
        return f"http://{HOST}:{self._server.port}"

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        await self._server.start()

    async def close(self) -> None:
        """Stop everything."""
        await self._server.close()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """Token and addresses."""
        return {
            "token": self._bot(account).token,
            "api_url": f"{self.url}{BASE}",
            "gateway_url": self._gateway_url(),
        }

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Break the next calls that post a message, or those to `method` ("*": any).

        `GATEWAY` is the method that a connection to the gateway is.
        """
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    async def disconnect(self) -> None:
        """Reset every open connection, those to the gateway too; sessions can be resumed."""
        self._server.disconnect()

    async def outage(self, on: bool) -> None:
        """Refuse and reset everything, and deliver nothing, until it is over."""
        if on:
            self._server.refuse()
        else:
            await self._server.listen()

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every call that arrived whole and was authorized."""
        return [call for call in self._calls if method in {None, call.method}]

    def unanswered(self) -> list[str]:
        """Ids of the interactions that people were told failed: nobody answered in time."""
        return [str(interaction.id) for interaction in self._interactions.unanswered()]

    def age_nonces(self) -> None:
        """Forget all nonces: what comes again from now on is sent again."""
        for bot in self._world.bots.values():
            bot.nonces.clear()

    # The gateway

    def connected(self, account: str = "") -> bool:
        """Whether a bot has a session that is connected."""
        return bool(self._gateway.of(self._bot(account)))

    def kill_session(self, account: str = "") -> None:
        """End the bot's sessions and connections: a resume is answered with op 9, false."""
        bot = self._bot(account)
        for session in self._sessions.of(bot):
            self._sessions.end(session)
        for connection in self._gateway.of(bot):
            connection.reset()

    def invalidate(self, account: str = "", *, resumable: bool = False) -> None:
        """Tell connected clients with op 9 that their session is over, or to resume it."""
        for connection in self._gateway.of(self._bot(account)):
            connection.send_op(INVALID_SESSION, resumable)
            if not resumable and connection.session is not None:
                self._sessions.end(connection.session)

    def reconnect(self, account: str = "") -> None:
        """Tell connected clients with op 7 to connect again and resume."""
        for connection in self._gateway.of(self._bot(account)):
            connection.send_op(RECONNECT, None)

    def go_silent(self, account: str = "") -> None:
        """Let open connections stay open and say nothing any more, not even to heartbeats."""
        for connection in self._gateway.of(self._bot(account)):
            connection.silent = True

    def close_gateway(self, code: int, account: str = "") -> None:
        """Close the bot's connections with a code; some end the session too."""
        for connection in self._gateway.of(self._bot(account)):
            connection.close(code)

    def _gateway_url(self) -> str:
        return f"ws://{HOST}:{self._server.port}/"

    def _resume_url(self) -> str:
        return f"{self._gateway_url()}resume"

    # Requests

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if planned := self._faults.take("GATEWAY"):
                return await suffer(*planned, request, _nothing)
            return await self._gateway.serve(request)
        if request.path.startswith("/attachments/"):
            return await self._download(request)
        try:
            call = await self._rest.read(request)
        except ApiError as error:
            return refusal(error).response()
        self._note(call.operation, call.bot, call.readable())
        planned = self._faults.take(call.operation)

        async def answer() -> Answer:
            given = await self._rest.answer(call)
            self._news.tell()
            return given

        if planned is None:
            return (await answer()).response()
        return await suffer(*planned, request, answer)

    async def _download(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            file = self._cdn.open(request.raw_path)
        except ApiError as error:
            return refusal(error).response()
        self._note(DOWNLOAD, None, {"name": file.name})

        async def answer() -> Answer:
            return Answer(body=file.content, kind=file.media_type)

        planned = self._faults.take(DOWNLOAD)
        if planned is None:
            return (await answer()).response()
        return await suffer(*planned, request, answer)

    def _record(self, bot: Bot, method: str, parameters: JsonObject) -> None:
        self._note(method, bot, parameters)

    def _note(self, method: str, bot: Bot | None, parameters: JsonObject) -> None:
        account = str(bot.id) if bot is not None else ""
        self._calls.append(
            ReceivedCall(method=method, parameters=parameters, account=account, at=self._clock())
        )
        self._news.tell()


async def _nothing() -> Answer:
    return Answer()


def _schema(description: Mapping[str, Any]) -> Schema:
    # What checks is there for tests only.
    from adapters.discord.simulation.schema import Schema

    return Schema(description)


async def _try_out(port: int, token: str) -> None:
    """Talk with a bot by hand: one person at the terminal, in a DM."""
    simulator = DiscordSimulator(rates=None, port=port)
    account = simulator.add_bot(token)
    you = simulator.person("You")
    here = simulator.place("direct", people=[you], account=account)
    async with running(simulator), asyncio.TaskGroup() as tasks:
        for name, value in simulator.settings(account).items():
            sys.stdout.write(f'{name} = "{value}"\n')
        sys.stdout.write("type what to say, !LABEL to press a button, /NAME TEXT for a command\n")
        screen = tasks.create_task(_show(simulator, here))
        while line := await asyncio.to_thread(sys.stdin.readline):
            first, _, rest = line.strip().partition(" ")
            with suppress(LookupError, ValueError):
                if line.startswith("!"):
                    await simulator.press(line[1:].strip(), person=you, place=here)
                elif first[1:] in simulator.commands(account=account) and first[0] == "/":
                    await simulator.command(first[1:], rest, person=you, place=here)
                else:
                    await simulator.say(line.strip(), person=you, place=here)
        screen.cancel()


async def _show(simulator: DiscordSimulator, place: SimulatedPlace) -> None:
    shown: list[SentMessage] = []
    while True:
        now = await simulator.wait_sent(partial(list.__ne__, shown), place, timeout=math.inf)
        for message in (message for message in now if message not in shown):
            sys.stdout.write(f"  bot> {message.text} {list(message.buttons) or ''}\n")
        shown = now


def main() -> None:
    """`python -m adapters.discord.simulator`."""
    parser = argparse.ArgumentParser(description="Discord on loopback, to try a bot by hand.")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--token", default="", help="the bot's (default: one is made)")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_try_out(arguments.port, arguments.token))


if __name__ == "__main__":
    main()
