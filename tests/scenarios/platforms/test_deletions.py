"""What people take back. Telegram tells no bot of it, and on a page there is nothing to delete."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from tests.support.people import Home, new_key
from tests.support.stage import Stage, Theatre

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(params=["discord", "slack-socket", "slack-events"])
def telling(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    """The platforms that tell of it."""
    return house.stages[request.param]


@pytest.fixture(params=["alone", "together"])
def ada(request: pytest.FixtureRequest, telling: Stage) -> Home:
    """In private, or in a place that others share."""
    return telling.at_home() if request.param == "alone" else telling.together("Ada", "Bob")[0]


async def take_back(home: Home, *events: str) -> None:
    """Delete messages, and wait until the gateway knows."""
    simulator: Any = home.simulator
    await simulator.delete(*events)
    await simulator.wait_until(lambda: not simulator.unacknowledged())


async def test_a_waiting_message_that_is_taken_back_is_not_answered(
    telling: Stage, ada: Home
) -> None:
    key = new_key()
    await ada.say(f"hold {key}", mention=True)
    event = await ada.say("one", mention=True)
    await ada.say("two", mention=True)
    await take_back(ada, event)
    await telling.free(key)
    assert await ada.heard(2) == [f"done hold {key}", f"two after hold {key}"]
    assert await ada.ask("three", mention=True) == f"three after hold {key}|two"
    assert len(ada.texts()) == 3


async def test_an_answered_message_that_is_taken_back_is_forgotten(
    telling: Stage, ada: Home
) -> None:
    event = await ada.say("one", mention=True)
    await ada.heard(1)
    assert await ada.ask("two", mention=True) == "two after one"
    await take_back(ada, event)
    # That it is taken over is not yet that it was carried out.
    await telling.gateway.until_settled()
    assert await ada.ask("three", mention=True) == "three after two"


async def test_many_are_taken_back_at_once_on_discord(house: Theatre) -> None:
    stage = house.stages["discord"]
    assert isinstance(stage.simulator, DiscordSimulator)
    ada, bob = stage.together("Ada", "Bob")
    answered = await ada.say("one", mention=True)
    await ada.heard(1)
    await bob.ask("sleep 0.1", mention=True)
    key = new_key()
    await bob.say(f"hold {key}", mention=True)
    waiting = [await ada.say(text, mention=True) for text in ("two", "three")]
    await bob.say("four", mention=True)
    await take_back(ada, answered, *waiting)
    await stage.free(key)
    before = f"sleep 0.1|hold {key}"
    assert (await ada.heard(4))[2:] == [f"done hold {key}", f"four after {before}"]
    assert await ada.ask("five", mention=True) == f"five after {before}|four"


async def test_in_a_thread_of_slack_what_is_taken_back_is_not_answered(house: Theatre) -> None:
    """Neither the message that began the thread, nor a reply that names nobody."""
    for name in ("slack-socket", "slack-events"):
        stage = house.stages[name]
        simulator = stage.simulator
        assert isinstance(simulator, SlackSimulator)
        person, key = simulator.person("Ada"), new_key()
        channel = simulator.channel("garden", people=[person])
        root = await simulator.say("one", person=person, place=channel, mention=True)
        thread = Home(simulator, person, simulator.thread_of(root))
        await thread.heard(1)
        await thread.say(f"hold {key}")
        waiting = await thread.say("two")
        await thread.say("three")
        await take_back(thread, waiting)
        await take_back(thread, root)
        await stage.free(key)
        heard = await thread.heard(3)
        assert heard[1] == f"done hold {key}"
        assert heard[2] == f"three after hold {key}"


async def test_elsewhere_nobody_is_told(house: Theatre) -> None:
    pytest.skip("Telegram tells bots of no deletion but a business account's; the page has none")
