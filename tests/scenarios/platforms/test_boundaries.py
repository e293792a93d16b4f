"""Who shares a session, row by row, on the platforms whose places are their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import orjson
import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from adapters.twilio.simulation.model import Privacy
from adapters.twilio.simulator import TwilioSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace
from tests.support.people import Home
from tests.support.process import ROOT
from tests.support.stage import Stage, Theatre

pytestmark = pytest.mark.asyncio(loop_scope="session")


# Discord: a channel is a session, and so is a thread


@pytest.fixture
def discord(house: Theatre) -> Stage:
    return house.stages["discord"]


async def test_a_discord_channel_is_its_members_session_and_a_thread_in_it_another(
    discord: Stage,
) -> None:
    ada, bob = discord.together("Ada", "Bob")
    people = [ada.person, bob.person]
    thread = discord.simulator.place("thread", people=people, parent=ada.place)
    other = discord.simulator.place("thread", people=people, parent=ada.place)
    await ada.ask("one", mention=True)
    assert await bob.ask("two", mention=True) == "two after one"
    in_thread, in_other = discord.beside(bob, thread), discord.beside(bob, other)
    assert await in_thread.ask("three", mention=True) == "three after nothing"
    assert await discord.beside(ada, thread).ask("four", mention=True) == "four after three"
    assert await in_other.ask("five", mention=True) == "five after nothing"
    assert await ada.ask("six", mention=True) == "six after one|two"


async def test_a_forum_post_is_a_session(discord: Stage) -> None:
    simulator = discord.simulator
    assert isinstance(simulator, DiscordSimulator)
    ada = simulator.person("Ada")
    forum = simulator.forum()
    for title in ("a", "b"):
        post, _ = await simulator.forum_post(title, "hi", person=ada, forum=forum)
        home = Home(simulator, ada, post)
        assert await home.ask("one", mention=True) == "one after nothing"
        assert await home.ask("two", mention=True) == "two after one"


async def test_slash_commands_are_answered_where_they_are_given(discord: Stage) -> None:
    simulator = discord.simulator
    assert isinstance(simulator, DiscordSimulator)
    (ada,) = discord.together("Ada")
    await ada.ask("one", mention=True)
    await simulator.wait_until(lambda: "reset" in simulator.commands())
    await simulator.command("new", "two", person=ada.person, place=ada.place)
    await simulator.wait_until(lambda: ada.texts()[-1] == "two after nothing")
    await simulator.command("reset", "", person=ada.person, place=ada.place)
    await simulator.wait_until(lambda: "forgotten" in ada.texts()[-1])
    assert not simulator.promised(ada.place)
    assert len(ada.texts()) == 3


# Slack: a thread is a session, which a message in a channel begins


@pytest.fixture(params=["slack-socket", "slack-events"])
def slack(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    return house.stages[request.param]


def simulated(stage: Stage) -> SlackSimulator:
    assert isinstance(stage.simulator, SlackSimulator)
    return stage.simulator


async def begun(stage: Stage, person: SimulatedPerson, channel: SimulatedPlace, text: str) -> Home:
    """Say something in a channel; the thread that it begins, answered."""
    simulator = simulated(stage)
    event = await simulator.say(text, person=person, place=channel, mention=True)
    thread = Home(simulator, person, simulator.thread_of(event))
    await thread.heard(1)
    return thread


@pytest.mark.parametrize("private", [False, True])
async def test_a_message_in_a_slack_channel_begins_a_session_in_its_thread(
    slack: Stage, private: bool
) -> None:
    simulator = simulated(slack)
    ada, bob = simulator.person("Ada"), simulator.person("Bob")
    channel = simulator.channel("garden", people=[ada, bob], private=private)
    first = await begun(slack, ada, channel, "one")
    assert first.texts() == ["one after nothing"]
    second = await begun(slack, bob, channel, "two")
    assert second.texts() == ["two after nothing"]
    # In a thread that the bot takes part in nobody has to mention it again.
    assert (
        await slack.beside(Home(simulator, bob, first.place), first.place).ask("three")
        == "three after one"
    )
    assert await first.ask("four", mention=True) == "four after one|three"
    assert not simulator.sent(channel)


async def test_a_thread_that_the_bot_is_not_in_is_not_heard(slack: Stage) -> None:
    simulator = simulated(slack)
    ada, bob = simulator.person("Ada"), simulator.person("Bob")
    channel = simulator.channel("garden", people=[ada, bob])
    event = await simulator.say("just talking", person=ada, place=channel)
    thread = Home(simulator, bob, simulator.thread_of(event))
    await thread.say("me too")
    assert await thread.ask("now you", mention=True) == "now you after nothing"
    assert await thread.ask("go on") == "go on after now you"


async def test_a_thread_in_a_direct_message_stays_in_it(slack: Stage) -> None:
    simulator = simulated(slack)
    ada = slack.at_home()
    event = await ada.say("one")
    await ada.heard(1)
    thread = slack.beside(ada, simulator.thread_of(event))
    assert await thread.ask("two") == "two after one"
    assert await ada.ask("three") == "three after one|two"


async def test_reset_as_a_word_in_a_thread(slack: Stage) -> None:
    simulator = simulated(slack)
    ada = simulator.person("Ada")
    channel = simulator.channel("garden", people=[ada])
    first = await begun(slack, ada, channel, "one")
    assert "forgotten" in await first.ask("reset")
    assert await first.ask("two") == "two after nothing"
    assert "Talking to" in await first.ask("!status")


async def test_each_chat_of_the_agent_view_is_a_session(slack: Stage) -> None:
    simulator = simulated(slack)
    ada = slack.at_home()
    await ada.ask("zero")
    chats = [Home(simulator, ada.person, simulator.open_assistant(ada.person)) for _ in range(2)]
    for chat in chats:
        assert await chat.ask("one") == "one after nothing"
        assert await chat.ask("two") == "two after one"
    await simulator.wait_until(lambda: simulator.title(chats[0].place) == "one")


async def test_slash_commands(slack: Stage) -> None:
    simulator = simulated(slack)
    ada = slack.at_home()
    await ada.ask("one")
    await simulator.command("reset", "", person=ada.person, place=ada.place)
    await simulator.wait_until(lambda: any("forgotten" in text for text in ada.texts()))
    assert await ada.ask("two") == "two after nothing"
    channel = simulator.channel("garden", people=[ada.person])
    await simulator.command("reset", "", person=ada.person, place=channel)
    await simulator.wait_until(lambda: bool(simulator.ephemerals(ada.person, channel)))
    assert "thread" in simulator.ephemerals(ada.person, channel)[0].text


async def test_a_channel_that_gets_another_id_keeps_its_sessions(slack: Stage) -> None:
    simulator = simulated(slack)
    ada = simulator.person("Ada")
    channel = simulator.channel("garden", people=[ada])
    first = await begun(slack, ada, channel, "one")
    renamed = simulator.rename_channel_id(channel)
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    there = SimulatedPlace(kind="thread", id=first.place.id, parent=renamed.id)
    moved = Home(simulator, ada, there)
    assert await moved.ask("two") == "two after one"


# Twilio: a number is a person, also when it hides; a group is a session


def texting(house: Theatre, name: str) -> tuple[Stage, TwilioSimulator]:
    stage = house.stages[name]
    assert isinstance(stage.simulator, TwilioSimulator)
    return stage, stage.simulator


async def test_somebody_who_hides_their_number_goes_on_in_their_session(house: Theatre) -> None:
    whatsapp, simulator = texting(house, "whatsapp")
    ada, bob = whatsapp.at_home("Ada"), whatsapp.at_home("Bob")
    assert await ada.ask("one") == "one after nothing"
    assert await bob.ask("mine") == "mine after nothing"
    changes: list[tuple[Privacy, str, str]] = [
        ("both", "two", "two after one"),
        ("hidden", "three", "three after one|two"),
        ("phone", "four", "four after one|two|three"),
    ]
    for privacy, text, wanted in changes:
        person = simulator.set_privacy(ada.person, privacy)
        place = simulator.place("direct", people=[person])
        assert await Home(simulator, person, place).ask(text) == wanted
    # Somebody who was never seen with a number is somebody else.
    eve = simulator.person("Ada", privacy="hidden")
    place = simulator.place("direct", people=[eve])
    assert await Home(simulator, eve, place).ask("who am I?") == "who am I? after nothing"
    assert await bob.ask("still mine") == "still mine after mine"


async def test_a_question_to_a_number_is_answered_from_behind_another_id(house: Theatre) -> None:
    whatsapp, simulator = texting(house, "whatsapp")
    ada = whatsapp.at_home("Ada")
    await ada.ask("one")
    simulator.set_privacy(ada.person, "both")
    await ada.ask("ask")
    hidden = simulator.set_privacy(ada.person, "hidden")
    there = Home(simulator, hidden, simulator.place("direct", people=[hidden]))
    assert await there.ask("blue") == "colour for ask? Blue False"


async def test_a_group_message_becomes_a_group_and_its_session_follows(house: Theatre) -> None:
    sms, simulator = texting(house, "sms")
    people = [simulator.person(name) for name in ("Ada", "Bob", "Cyd")]
    group = simulator.group_text(people)
    ada, bob, _ = (Home(simulator, person, group) for person in people)
    await ada.say("one")
    await simulator.wait_until(lambda: bool(ada.texts()))
    assert ada.texts() == ["one after nothing"]
    assert await bob.ask("two") == "two after one"
    alone = sms.beside(ada, simulator.place("direct", people=[ada.person]))
    assert await alone.ask("three") == "three after nothing"
    assert await ada.ask("four") == "four after one|two"


async def test_a_members_own_chat_does_not_know_the_group(house: Theatre) -> None:
    """On WhatsApp all that a member writes to the number is the group's, until they leave it."""
    whatsapp, simulator = texting(house, "whatsapp")
    ada = whatsapp.at_home("Ada")
    assert await ada.ask("before") == "before after nothing"
    bob = simulator.person("Bob")
    numbers = [one.id.removeprefix("whatsapp:") for one in (ada.person, bob)]
    made = await _groups(house, "create", "whatsapp", "The garden", *numbers)
    group = SimulatedPlace(kind="group", id=made["id"], account=ada.place.account)
    in_group = whatsapp.beside(ada, group)
    assert await in_group.ask("one") == "one after nothing"
    assert await Home(simulator, bob, group).ask("two") == "two after one"
    left = await _groups(house, "remove", "whatsapp", group.id, numbers[0])
    assert left["members"] == [bob.id]
    assert await ada.ask("after") == "after after before"
    assert await Home(simulator, bob, group).ask("three") == "three after one|two"


async def _groups(house: Theatre, *words: str) -> Any:
    """`gateway groups`, beside the gateway that runs; what it printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", "groups", *words, "--config", "gateway.toml", "--json"],
        cwd=house.gateway.folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)
