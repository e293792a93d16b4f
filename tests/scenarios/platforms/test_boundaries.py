"""Who shares a session, row by row, on the platforms whose places are their own."""

from __future__ import annotations

import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace
from tests.support.people import Home
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
