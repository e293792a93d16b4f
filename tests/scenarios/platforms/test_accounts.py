"""Two bots of one platform in one gateway know nothing of each other, though people know both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running
from tests.support.configuration import configuration
from tests.support.people import Home
from tests.support.process import GatewayProcess
from tests.support.stage import PLATFORMS


class Pair:
    """A platform's two bots, and Ada, who talks with both."""

    def __init__(
        self, simulator: DiscordSimulator | SlackSimulator, first: str, second: str
    ) -> None:
        self.simulator = simulator
        self.accounts = (first, second)
        self.ada: SimulatedPerson = simulator.person("Ada")

    def alone(self) -> list[Home]:
        """Ada in private with each."""
        return [self._home(self._place("direct", account)) for account in self.accounts]

    def together(self) -> list[Home]:
        """Ada in a channel that both are in, as each of them sees it."""
        channel = self._place("channel", self.accounts[0])
        return [self._home(channel), self._home(self.simulator.join(channel, self.accounts[1]))]

    def _place(self, kind: Any, account: str) -> SimulatedPlace:
        return self.simulator.place(kind, people=[self.ada], account=account)

    def _home(self, place: SimulatedPlace) -> Home:
        return Home(self.simulator, self.ada, place)


@asynccontextmanager
async def two_of_each(folder: Path) -> AsyncIterator[Mapping[str, Pair]]:
    """One gateway, with two bots on Discord and two apps in one workspace of Slack."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(running(DiscordSimulator(rates=None)))
        slack = await stack.enter_async_context(running(SlackSimulator(rates=None)))
        pairs = {
            "discord": Pair(discord, discord.add_bot(), discord.add_bot(username="other")),
            "slack": Pair(
                slack, slack.add_app(team="T1"), slack.add_app("postman", team="T1", mode="events")
            ),
        }
        keys = {"discord": PLATFORMS["discord"].keys, "slack": PLATFORMS["slack-socket"].keys}
        channels = {
            f"{name}-{number}": {**keys[name], **pair.simulator.settings(account)}
            for name, pair in pairs.items()
            for number, account in enumerate(pair.accounts)
        }
        gateway = GatewayProcess(configuration(channels), folder)
        slack.webhook_url(pairs["slack"].accounts[1], f"{gateway.base_url}/webhooks/slack-1")
        await stack.enter_async_context(gateway)
        await discord.wait_until(lambda: all(map(discord.connected, pairs["discord"].accounts)))
        await slack.wait_until(lambda: slack.connections() > 0)
        yield pairs
        assert not discord.refusals
        assert not slack.refusals


async def test_two_bots_share_neither_people_nor_places(tmp_path: Path) -> None:
    async with two_of_each(tmp_path) as pairs:
        for pair in pairs.values():
            for home in pair.alone():
                assert await home.ask("one") == "one after nothing"
            for home in pair.alone():
                assert await home.ask("two") == "two after one"
        await _in_one_channel_of_discord(pairs["discord"])
        await _in_one_thread_of_slack(pairs["slack"])


async def _in_one_channel_of_discord(pair: Pair) -> None:
    first, second = pair.together()
    assert await first.ask("one", mention=True) == "one after nothing"
    assert await second.ask("two", mention=True) == "two after nothing"
    assert await first.ask("three", mention=True) == "three after one"
    assert await second.ask("four", mention=True) == "four after two"
    _said_by(pair, first, [0, 1, 0, 1])


async def _in_one_thread_of_slack(pair: Pair) -> None:
    """Both take part in the thread; who calls one of them does not mean the other."""
    simulator = pair.simulator
    assert isinstance(simulator, SlackSimulator)
    first, second = pair.together()
    event = await first.say("one", mention=True)
    thread = Home(simulator, pair.ada, simulator.thread_of(event))
    await thread.heard(1)
    as_second = Home(simulator, pair.ada, replace(thread.place, account=second.place.account))
    await as_second.say("two", mention=True)
    await thread.heard(2)
    await thread.say("three")
    await thread.heard(4)
    said = {message.text: message.account for message in simulator.sent(thread.place)}
    assert said == {
        "one after nothing": pair.accounts[0],
        "two after nothing": pair.accounts[1],
        "three after one": pair.accounts[0],
        "three after two": pair.accounts[1],
    }


def _said_by(pair: Pair, home: Home, numbers: list[int]) -> None:
    spoke = [message.account for message in pair.simulator.sent(home.place)]
    assert spoke == [pair.accounts[number] for number in numbers]
