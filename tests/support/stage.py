"""Every platform on one stage: a simulator each, and one gateway that serves them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from adapters.discord import simulator as discord
from adapters.discord.simulator import DiscordSimulator
from adapters.slack import simulator as slack
from adapters.slack.simulator import SlackSimulator
from adapters.telegram import simulator as telegram
from adapters.telegram.simulator import TelegramSimulator
from adapters.twilio import simulator as twilio
from adapters.twilio.simulator import TwilioSimulator
from adapters.web.simulator import WebSimulator
from gateway.testing.simulator import PlaceKind, SimulatedPlace, Simulator, running
from tests.support.configuration import ROOT, configuration
from tests.support.people import Home
from tests.support.process import GatewayProcess

CANNOT_BE_KNOWN = (
    "40060",
    "conversations.replies: thread_not_found",
    "FetchConversation: 20404",
)
"""Refusals without a fault: of a press acknowledged twice (Discord's code for it), since whoever
took it over from a process that died cannot know; of a thread that people deleted meanwhile; and of
a group that Twilio is asked for before it is made."""
SECOND = ("understudy",)
"""Whom people may change to: it does the same, and knows nothing of what the first was told."""
WEBHOOK = {"mode": "webhook", "secret": "s3cret", "max_connections": 1}


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What scenarios have to know of a platform.

    ``simulator`` makes one, with more arguments of its class; the web's is made last. ``shared`` is
    a place whose people share a session, without which it has none. ``keys`` are settings of its
    channel: budgets are off, since scenarios are faster than people. ``rates`` are the platform's
    own limits. ``buttons``: where questions have some. ``mentions``: whether people can address the
    bot among others. ``alone``: whether who shares a place can write to the bot in private, too.
    ``most`` people fit into one place.
    """

    simulator: Callable[..., Simulator] | None
    rates: Any = None
    shared: PlaceKind | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)
    previews: bool = True
    edits: bool = True
    buttons: frozenset[str] = frozenset({"direct", "shared"})
    mentions: bool = True
    alone: bool = True
    most: int = 100


_TELEGRAM = {"platform": "telegram", "chat_rate": "0", "group_rate": "0", "overall_rate": "0"}
_DISCORD = {"platform": "discord", "channel_rate": "0", "overall_rate": "0"}
_TWILIO = {"overall_rate": "0"}
_SLACK = {"platform": "slack", "channel_rate": "0", "update_rate": "0", "stream_rate": "0"}


def _telegram(token: str, **more: Any) -> TelegramSimulator:
    """One whose bot is no other's."""
    simulator = TelegramSimulator(**{"rates": None, **more})
    simulator.add_bot(token, "sim_bot")
    return simulator


def _discord(**more: Any) -> DiscordSimulator:
    return DiscordSimulator(**{"rates": None, **more})


def _slack(mode: Literal["socket", "events"], **more: Any) -> SlackSimulator:
    return SlackSimulator(mode, **{"rates": None, **more})


def _twilio(kind: Literal["whatsapp", "sms"], **more: Any) -> TwilioSimulator:
    return TwilioSimulator(kind, **{"rates": None, **more})


PLATFORMS: Mapping[str, Platform] = {
    "telegram-polling": Platform(
        simulator=partial(_telegram, "11111:polled"),
        rates=telegram.Rates(),
        shared="group",
        keys=_TELEGRAM,
    ),
    "telegram-webhook": Platform(
        simulator=partial(_telegram, "22222:called"),
        rates=telegram.Rates(),
        shared="group",
        keys={**_TELEGRAM, **WEBHOOK},
    ),
    "discord": Platform(simulator=_discord, rates=discord.Rates(), shared="channel", keys=_DISCORD),
    "slack-socket": Platform(
        simulator=partial(_slack, "socket"), rates=slack.Rates(), shared="group", keys=_SLACK
    ),
    "slack-events": Platform(
        simulator=partial(_slack, "events"), rates=slack.Rates(), shared="group", keys=_SLACK
    ),
    "whatsapp": Platform(
        simulator=partial(_twilio, "whatsapp"),
        rates=twilio.Rates(),
        shared="group",
        keys={"platform": "whatsapp", "person_rate": "0", **_TWILIO},
        previews=False,
        edits=False,
        buttons=frozenset({"direct"}),
        mentions=False,
        alone=False,
    ),
    "sms": Platform(
        simulator=partial(_twilio, "sms"),
        rates=twilio.Rates(),
        shared="group",
        keys={"platform": "sms", **_TWILIO},
        previews=False,
        edits=False,
        buttons=frozenset(),
        mentions=False,
        most=8,
    ),
    "web": Platform(simulator=None, keys={"platform": "web"}, edits=False),
}


@dataclass(frozen=True)
class Stage:
    """One platform with a gateway behind it."""

    name: str
    platform: Platform
    simulator: Simulator
    gateway: GatewayProcess

    def at_home(self, name: str = "Ada") -> Home:
        """A new person in private with the bot."""
        person = self.simulator.person(name)
        return Home(self.simulator, person, self.simulator.place("direct", people=[person]))

    def together(self, *names: str) -> list[Home]:
        """New people in a new place whose people share a session."""
        if self.platform.shared is None:
            raise LookupError(f"{self.name} has no place to share")
        people = [self.simulator.person(name) for name in names]
        place = self.simulator.place(self.platform.shared, people=people)
        return [Home(self.simulator, person, place) for person in people]

    async def free(self, key: str) -> None:
        """Let the player go on, wherever it was told to ``hold KEY``, once all said is taken over.

        So that whatever was said behind that is sure to have waited.
        """
        await self.simulator.wait_until(lambda: not self.simulator.unacknowledged())
        zoe = self.at_home("Zoe")
        assert await zoe.ask(f"free {key}") == f"done free {key}"

    def asked(self, home: Home, text: str, *options: str) -> str:
        """A question as people see it: with its options below it where there are no buttons."""
        if self._where(home) in self.platform.buttons:
            return text
        numbers = (f"{number}. {option}" for number, option in enumerate(options, start=1))
        return "\n".join([text, "", *numbers])

    async def choose(self, home: Home, label: str) -> str:
        """Press the button, or write what stands there; the next message."""
        if self._where(home) in self.platform.buttons:
            return await home.press(label)
        return await home.ask(label, mention=True)

    @staticmethod
    def _where(home: Home) -> str:
        return "direct" if home.place.kind == "direct" else "shared"

    def beside(self, home: Home, place: SimulatedPlace) -> Home:
        """The same person elsewhere."""
        return Home(self.simulator, home.person, place)


@dataclass(frozen=True)
class Theatre:
    """Stages by their platforms' names, and the gateway behind them all."""

    stages: Mapping[str, Stage]
    gateway: GatewayProcess


async def heard_by(simulator: Simulator) -> None:
    """Wait for the bot's first connection: what was said before it nobody has to hear."""
    if isinstance(simulator, DiscordSimulator):
        await simulator.wait_until(simulator.connected)
    elif isinstance(simulator, SlackSimulator) and simulator.mode == "socket":
        await simulator.wait_until(lambda: simulator.connections() > 0)
    elif isinstance(simulator, SlackSimulator):
        for _ in range(200):
            # Where it looks for what it missed, it takes what comes already.
            if simulator.calls("users.conversations") and await simulator.verify():
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the webhook is not served")
    elif isinstance(simulator, TwilioSimulator):
        for _ in range(200):
            if await simulator.verify():
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the webhook is not served")


@asynccontextmanager
async def theatre(
    folder: Path,
    names: Iterable[str] = PLATFORMS,
    *,
    platforms: Mapping[str, Platform] = PLATFORMS,
    agent: str = "tests.support.player:player",
    agents: Mapping[str, Mapping[str, Any]] | None = None,
    channels: Mapping[str, Mapping[str, Any]] | None = None,
    start: bool = True,
    gateway: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    knowledge: Mapping[str, Mapping[str, Any]] | None = None,
    simulated: Mapping[str, Mapping[str, Any]] | None = None,
    limited: bool = False,
) -> AsyncIterator[Theatre]:
    """One gateway with a channel for each platform of ``names``, called like it.

    ``agents`` are offered everywhere beside ``agent``: of their own ``kind``, or like it but for
    these keys. ``channels`` are further keys by platform, ``simulated`` arguments of its simulator.
    If ``limited``, platforms have their own rate limits, and channels the budgets that they have
    unless told otherwise. What a platform refused fails the test at its end; so does a call that is
    not as the platform describes it, and a message that calls people.
    """
    async with AsyncExitStack() as stack:
        more = {name: {**(simulated or {}).get(name, {})} for name in names}
        if limited:
            more = {name: {"rates": platforms[name].rates, **more[name]} for name in names}
        simulators = {
            name: await stack.enter_async_context(running(make(**more[name])))
            for name in names
            if (make := platforms[name].simulator) is not None
        }
        keys = {
            name: {
                **{
                    key: value
                    for key, value in platforms[name].keys.items()
                    if not (limited and key.endswith("_rate"))
                },
                **(simulators[name].settings() if name in simulators else {}),
                "agents": ["scenario", *SECOND, *(agents or {})],
                **(channels or {}).get(name, {}),
            }
            for name in names
        }
        config = configuration(keys, gateway=gateway, limits=limits)
        answers = {"kind": "python", "entry": agent, "path": str(ROOT)}
        config["agents"] = {"scenario": answers, **dict.fromkeys(SECOND, answers)}
        for name, own in (agents or {}).items():
            config["agents"][name] = dict(own) if "kind" in own else {**answers, **own}
        if knowledge:
            config["knowledge"] = knowledge
        process = GatewayProcess(config, folder, start=False)
        await stack.enter_async_context(process)
        config["gateway"]["public_url"] = process.base_url
        process.configure(config)
        for name, simulator in simulators.items():
            if isinstance(simulator, TwilioSimulator) or (
                isinstance(simulator, SlackSimulator) and simulator.mode == "events"
            ):
                simulator.webhook_url("", f"{process.base_url}/webhooks/{name}")
        if start:
            await process.start()
            for simulator in simulators.values():
                await heard_by(simulator)
        if "web" in names:
            simulators["web"] = await stack.enter_async_context(
                running(WebSimulator(process.base_url))
            )
        stages = {
            name: Stage(name, platforms[name], simulator, process)
            for name, simulator in simulators.items()
        }
        yield Theatre(stages, process)
        for stage in stages.values():
            nothing_wrong(stage)


def nothing_wrong(stage: Stage) -> None:
    """Nothing was refused, or called otherwise than the platform describes it; nobody pinged."""
    simulator: Any = stage.simulator
    if stage.name == "web":
        return
    refusals = map(str, simulator.refusals)
    wrong = [one for one in refusals if not any(known in one for known in CANNOT_BE_KNOWN)]
    assert not wrong, f"{stage.name} refused {wrong}"
    assert not simulator.violations, f"{stage.name}: {simulator.violations}"
    if not stage.name.startswith("telegram"):
        assert not simulator.pings(), f"{stage.name} called {simulator.pings()}"
