"""The shipped example with everything in it: every platform at once, and two bots of one."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from adapters.telegram.simulator import TelegramSimulator
from adapters.twilio.simulator import TwilioSimulator
from adapters.web.simulator import WebSimulator
from gateway.testing.simulator import PlaceKind, SimulatedPlace, Simulator, running
from tests.support.configuration import ROOT
from tests.support.people import Home
from tests.support.process import GatewayProcess
from tests.support.stage import heard_by

EXAMPLE = ROOT / "config" / "examples" / "all-at-once.toml"
PAUSE = 4.0
"""Seconds from one pair of messages to the next: a session takes 60 a minute, and WhatsApp lets
few more go to one person."""


@dataclass(frozen=True)
class Seat:
    """A channel of the example, as people see it: whose simulator, which account, what to share."""

    simulator: Simulator
    account: str = ""
    shared: PlaceKind | None = None

    def home(self, name: str) -> Home:
        """Somebody new in private."""
        person = self.simulator.person(name)
        place = self.simulator.place("direct", people=[person], account=self.account)
        return Home(self.simulator, person, place)

    def together(self, *names: str) -> list[Home]:
        """New people in a place that they share; none where there is nothing to share."""
        if self.shared is None:
            return []
        people = [self.simulator.person(name) for name in names]
        place = self.simulator.place(self.shared, people=people, account=self.account)
        return [Home(self.simulator, person, place) for person in people]


@dataclass
class Tale:
    """What is said in one place: each thing once, and nothing that was said elsewhere."""

    name: str
    homes: list[Home]
    told: list[str] = field(default_factory=list)

    @property
    def simulator(self) -> Simulator:
        """The platform it happens on."""
        return self.homes[0].simulator

    @property
    def place(self) -> SimulatedPlace:
        """Where."""
        return self.homes[0].place

    async def live(self, deadline: float) -> None:
        """Tell the bot something new, ask what it knows, and again, until the deadline."""
        loop = asyncio.get_running_loop()
        for number in count():
            secret = f"{self.name}x{number}x"
            home = self.homes[number % len(self.homes)]
            self.told.append(secret)
            assert secret in await home.ask(f"remember: {secret}", mention=True, timeout=30)
            known = await home.ask("what do you remember?", mention=True, timeout=30)
            missing = [one for one in self.told[-50:] if one not in known]
            assert not missing, f"{self.name} was forgotten {missing}: {known}"
            if loop.time() > deadline:
                return
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def example(folder: Path) -> AsyncIterator[Mapping[str, Seat]]:
    """The example as it is shipped, its platforms simulated with the limits they have."""
    config = tomllib.loads(EXAMPLE.read_text())
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(running(TelegramSimulator()))
        discord = await stack.enter_async_context(running(DiscordSimulator()))
        slack = await stack.enter_async_context(running(SlackSimulator("socket")))
        whatsapp = await stack.enter_async_context(running(TwilioSimulator("whatsapp")))
        sms = await stack.enter_async_context(running(TwilioSimulator("sms")))
        seats = {
            "support": Seat(telegram, telegram.add_bot("11111:support", "support_bot"), "group"),
            "sales": Seat(telegram, telegram.add_bot("22222:sales", "sales_bot"), "group"),
            "community": Seat(discord, shared="channel"),
            "office": Seat(slack, shared="group"),
            "whatsapp": Seat(whatsapp, shared="group"),
            "sms": Seat(sms, shared="group"),
        }
        assert set(config["channels"]) == {"page", *seats}
        for name, seat in seats.items():
            config["channels"][name].update(seat.simulator.settings(seat.account))
        gateway = GatewayProcess(config, folder, start=False)
        config["gateway"]["public_url"] = gateway.base_url
        gateway.configure(config)
        for name in ("whatsapp", "sms"):
            twilio: Any = seats[name].simulator
            twilio.webhook_url("", f"{gateway.base_url}/webhooks/{name}")
        await stack.enter_async_context(gateway)
        await gateway.start()
        for seat in seats.values():
            await heard_by(seat.simulator)
        page = await stack.enter_async_context(running(WebSimulator(gateway.base_url)))
        yield {**seats, "page": Seat(page)}


async def _lives(seats: Mapping[str, Seat], seconds: float) -> list[Tale]:
    """Three people alone and two together on every channel, all at once."""
    tales = []
    for name, seat in seats.items():
        groups = [[seat.home(f"{name}{number}")] for number in range(3)]
        groups.append(seat.together(f"{name} Ada", f"{name} Bob"))
        tales += [Tale(f"{name}{n}", group) for n, group in enumerate(groups) if group]
    deadline = asyncio.get_running_loop().time() + seconds
    async with asyncio.TaskGroup() as group:
        for tale in tales:
            group.create_task(tale.live(deadline))
    return tales


def _nothing_lost_doubled_or_misrouted(tales: list[Tale]) -> None:
    for tale in tales:
        sent = tale.simulator.sent(tale.place)
        assert len(sent) == 2 * len(tale.told), f"{tale.name}: {[one.text for one in sent]}"
        assert not tale.simulator.duplicates(tale.place)
        strangers = [other for other in tales if other is not tale]
        for message in sent:
            leaked = [s.name for s in strangers if any(one in message.text for one in s.told)]
            assert not leaked, f"{tale.name} was told what {leaked} had said: {message.text}"


def _all_taken(simulator: Simulator) -> bool:
    return not simulator.unacknowledged()


@pytest.mark.parametrize(
    "seconds", [3.0, pytest.param(60.0, marks=pytest.mark.soak)], ids=["moment", "minute"]
)
async def test_everybody_is_answered_and_nobody_hears_of_another(
    tmp_path: Path, seconds: float
) -> None:
    async with example(tmp_path) as seats:
        tales = await _lives(seats, seconds)
        for seat in seats.values():
            await seat.simulator.wait_until(partial(_all_taken, seat.simulator))
        _nothing_lost_doubled_or_misrouted(tales)
        for name, seat in seats.items():
            refusals: Any = getattr(seat.simulator, "refusals", [])
            assert name == "page" or not refusals
