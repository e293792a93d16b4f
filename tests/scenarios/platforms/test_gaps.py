"""What people say while nobody listens is answered afterwards: once, and in order.

A platform that gave up on it has it in its histories, and nowhere else.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import Patience, SlackSimulator
from adapters.twilio.simulator import TwilioSimulator
from tests.support.agents import expected
from tests.support.people import Home
from tests.support.stage import Stage, Theatre, theatre

IMPATIENT = Patience(waits=(0.0, 0.05, 0.1))
"""Slack's own takes six minutes to give up; who is there has the time to answer that it gives."""
EVENTS = 1 + 2 + 2
"""What Slack tells when everybody says a word: a mention in a shared place is told of twice."""
SLACK = ("slack-socket", "slack-events")
TWILIO = ("whatsapp", "sms")


def everywhere(stage: Stage) -> list[Home]:
    """Somebody in private, in a place that people share, and in a thread of it or a channel."""
    alone, (shared,) = stage.at_home(), stage.together("Bob")
    if isinstance(stage.simulator, TwilioSimulator):
        return [alone, shared]
    channel = stage.simulator.place("channel", people=[shared.person])
    thread = stage.simulator.place("thread", people=[shared.person], parent=channel)
    return [alone, shared, stage.beside(shared, thread)]


async def met(homes: list[Home]) -> None:
    """Everybody has been answered once."""
    for home in homes:
        assert await home.ask("w0", mention=True) == "w0 after nothing"


async def talk(homes: list[Home], first: int, last: int) -> None:
    """Everybody says the words from `first` to `last`, in turns."""
    for number in range(first, last + 1):
        for home in homes:
            await home.say(f"w{number}", mention=True)


async def answered(homes: list[Home], last: int) -> None:
    """Everybody has been answered all of it, in order, and nothing twice."""
    words = [f"w{number}" for number in range(last + 1)]
    wanted = [expected(text, words[:n]) for n, text in enumerate(words)]
    for home in homes:
        try:
            heard = await home.heard(len(wanted), timeout=15)
        except TimeoutError as late:
            raise AssertionError(f"in {home.place}: {late}") from late
        assert heard == wanted, home.place
    simulator = homes[0].simulator
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    assert [len(home.texts()) for home in homes] == [len(wanted)] * len(homes)


# Discord


async def test_a_session_that_discord_ends_leaves_no_gap(tmp_path: Path) -> None:
    """While the gateway runs, and while it is away: killed, and started when all was said."""
    async with theatre(tmp_path, ["discord"]) as opened:
        stage = opened.stages["discord"]
        simulator = stage.simulator
        assert isinstance(simulator, DiscordSimulator)
        homes = everywhere(stage)
        await met(homes)
        simulator.kill_session()
        await talk(homes, 1, 3)
        await simulator.wait_until(simulator.connected)
        await talk(homes, 4, 5)
        await answered(homes, 5)
        opened.gateway.kill()
        simulator.kill_session()
        await talk(homes, 6, 8)
        await opened.gateway.start()
        await talk(homes, 9, 9)
        await answered(homes, 9)
        assert len(simulator.calls("IDENTIFY")) == 3


# Slack


async def test_slack_gives_up_while_the_gateway_is_away(tmp_path: Path) -> None:
    """Killed; every event is lost; all is answered from the histories, before what is new."""
    simulated = {name: {"patience": IMPATIENT} for name in SLACK}
    async with theatre(tmp_path, SLACK, simulated=simulated) as opened:
        homes = {name: everywhere(stage) for name, stage in opened.stages.items()}
        for people in homes.values():
            await met(people)
        opened.gateway.kill()
        for people in homes.values():
            await talk(people, 1, 4)
        await asyncio.gather(*(_given_up(opened, name, 4) for name in SLACK))
        await opened.gateway.start()
        for people in homes.values():
            await talk(people, 5, 5)
        for people in homes.values():
            await answered(people, 5)


async def test_slack_gives_up_because_it_cannot_reach_the_gateway(tmp_path: Path) -> None:
    """Which runs, and cannot know. What comes later does not hide what is missing: the next start
    finds it at the latest. That it is found while the gateway runs, minutes later,
    tests/unit/adapters/slack/test_catching_up.py proves with shorter ones."""
    name = "slack-events"
    async with theatre(tmp_path, [name], simulated={name: {"patience": IMPATIENT}}) as opened:
        stage = opened.stages[name]
        simulator = stage.simulator
        assert isinstance(simulator, SlackSimulator)
        homes = everywhere(stage)
        # Until it has caught up with what was before it, it takes nothing for certain.
        await simulator.wait_until(lambda: bool(simulator.calls("users.conversations")))
        await asyncio.sleep(0.3)
        await met(homes)
        simulator.webhook_url("", "http://127.0.0.1:1/webhooks/elsewhere")
        await talk(homes, 1, 2)
        await _given_up(opened, name, 2)
        simulator.webhook_url("", f"{opened.gateway.base_url}/webhooks/{name}")
        for home in homes:
            assert await home.ask("w3", mention=True) == "w3 after w0"
        await opened.gateway.restart()
        for home in homes:
            assert (await home.heard(4))[2:] == ["w1 after w0|w3", "w2 after w0|w3|w1"]
        assert not simulator.unacknowledged()


# Twilio


async def test_twilio_tries_once_while_the_gateway_is_away(tmp_path: Path) -> None:
    """Killed; nothing is brought again; all is answered from its list, before what is new."""
    async with theatre(tmp_path, TWILIO) as opened:
        homes = {name: everywhere(stage) for name, stage in opened.stages.items()}
        for people in homes.values():
            await met(people)
        opened.gateway.kill()
        for people in homes.values():
            await talk(people, 1, 4)
        for name in TWILIO:
            await opened.stages[name].simulator.wait_until(partial(_lost, opened, name, 4 * 2))
        await opened.gateway.start()
        for people in homes.values():
            await talk(people, 5, 5)
        for people in homes.values():
            await answered(people, 5)


def _lost(opened: Theatre, name: str, count: int) -> bool:
    simulator = opened.stages[name].simulator
    assert isinstance(simulator, TwilioSimulator)
    return len(set(simulator.lost())) >= count


async def _given_up(opened: Theatre, name: str, rounds: int) -> None:
    simulator = opened.stages[name].simulator
    assert isinstance(simulator, SlackSimulator)
    await simulator.wait_until(lambda: len(simulator.lost()) >= rounds * EVENTS)


@pytest.mark.soak
async def test_a_connection_to_slack_that_goes_silent(tmp_path: Path) -> None:
    """A ghost lives up to fifteen seconds. That it is noticed, and what was said to it asked for,
    tests/unit/adapters/slack/test_socket.py proves with shorter ones."""
    async with theatre(tmp_path, ["slack-socket"]) as opened:
        stage = opened.stages["slack-socket"]
        simulator = stage.simulator
        assert isinstance(simulator, SlackSimulator)
        homes = everywhere(stage)
        await met(homes)
        simulator.go_silent()
        await talk(homes, 1, 3)
        await simulator.wait_until(lambda: not simulator.unacknowledged(), timeout=60)
        await talk(homes, 4, 4)
        await answered(homes, 4)
