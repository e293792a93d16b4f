"""One run of a channel's receiving end: its rooms, joined."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from adapters.slack.api import SlackApi
from adapters.slack.catching_up import Called, CatchingUp
from adapters.slack.events import Events
from adapters.slack.history import History
from adapters.slack.inbound import Me
from adapters.slack.intake import Aftermath, Intake
from adapters.slack.positions import Positions
from adapters.slack.socket import OpenUrl, SocketMode
from adapters.slack.surroundings import Surroundings
from adapters.slack.turns import Turns
from gateway import Host, RateLimited, Receive, SendError, Unavailable

PULSE_EVERY = 30.0
"""Seconds between two questions whether Slack is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """What both ways of receiving stand on. `events` is the webhook; `open_url` where a socket
    is, None where Slack calls us. `everywhere`: in all of an organisation."""

    channel: str
    host: Host
    api: SlackApi
    events: Events
    open_url: OpenUrl | None
    around: Surroundings
    aftermath: Aftermath
    me: Me
    window: float
    called: Called
    everywhere: bool
    log: Any


class Receiving:
    """Takes what Slack tells from now on, and asks for what it told nobody."""

    def __init__(self, ends: Ends, receive: Receive) -> None:
        self._ends = ends
        turns = Turns()
        self._positions = Positions(ends.host.bookmarks, ends.channel)
        history = partial(History, ends.api.call, ends.log, everywhere=ends.everywhere)
        self.intake = Intake(
            receive,
            turns=turns,
            positions=self._positions,
            around=ends.around,
            me=ends.me,
            aftermath=ends.aftermath,
            log=ends.log,
        )
        self._catching_up = CatchingUp(
            history(),
            history(patient=False),
            self.intake.make_up_for,
            turns=turns,
            positions=self._positions,
            window=ends.window,
            learn=ends.around.learn,
            called=ends.called,
            head=head(ends.me),
            log=ends.log,
        )
        self.intake.behind = self._catching_up.want_soon
        self._socket = self._socket_mode(ends.open_url) if ends.open_url else None

    def _socket_mode(self, open_url: OpenUrl) -> SocketMode:
        return SocketMode(
            open_url,
            self._ends.host.http,
            self.intake.take,
            passes=self.intake.passes,
            gap=self._catching_up.want,
            repeated=self._catching_up.want_soon,
            log=self._ends.log,
        )

    async def run(self) -> None:
        """Until cancelled. Raises `ConfigurationError`; `Unavailable` when the store is away."""
        await self._positions.load()
        pulse = Pulse(
            partial(self._ends.api.call, "auth.test"),
            again=self._catching_up.want,
            log=self._ends.log,
        )
        listen = self._socket.run if self._socket else self._serve
        works: list[Callable[[], Awaitable[NoReturn]]] = [self._catching_up.run, pulse.run, listen]
        tasks = [asyncio.ensure_future(work()) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        raise next(error for error in ended if isinstance(error, Exception))

    async def _serve(self) -> NoReturn:
        """Take what comes to the webhook; what came before was answered with 503."""
        self._ends.events.take = self.intake.take
        self._ends.events.repeated = self._catching_up.want_soon
        try:
            self._catching_up.want()
            while True:
                await asyncio.get_running_loop().create_future()
        finally:
            self._ends.events.take = None


class Pulse:
    """Asks Slack now and then who we are; `again` is called when it answers after it had not."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Any]],
        *,
        again: Callable[[], None],
        log: Any,
    ) -> None:
        self._ask = ask
        self._again = again
        self._log = log
        self._there = True

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PULSE_EVERY)
            await self._feel()

    async def _feel(self) -> None:
        try:
            await self._ask()
        except RateLimited:
            return
        except (SendError, Unavailable) as error:
            if self._there:
                self._log.warning("slack.away", error=str(error))
            self._there = False
            return
        if not self._there:
            self._log.info("slack.reached")
            self._again()
        self._there = True


def head(me: Me) -> Mapping[str, Any]:
    """What an event says of the workspace, and of whom it is for."""
    mine = {"team_id": me.team_id, "user_id": me.user_id, "is_bot": True}
    return {"team_id": me.team_id, "authorizations": [mine]}
