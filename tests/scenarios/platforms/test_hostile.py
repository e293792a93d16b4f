"""What people write and agents repeat calls nobody, whichever way it goes out."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from gateway.testing.simulator import PlaceKind
from tests.support.people import Home
from tests.support.stage import Stage, Theatre

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ("discord", "slack-socket", "slack-events")
CALLS = "@everyone @here <@&1> <!channel> <!here> <!everyone|x> <!subteam^S1> <@U1> <#C1> <@!5>"
LINKS = "[http://good.example](http://evil.example) <http://evil.example|http://good.example>"
MARKS = "``` @everyone ` <!channel> ~~~ <@U1"
HOSTILE = f"{CALLS} {LINKS} {MARKS}"
LABELS = ("@everyone <!channel>", "<@&1> <@U1> `", "[http://good.example](http://evil.example)")


def homes(stage: Stage) -> dict[PlaceKind, Home]:
    """Somebody in private, and in places where others could be called."""
    (shared,) = stage.together("Bob")
    channel = stage.simulator.place("channel", people=[shared.person])
    thread = stage.simulator.place("thread", people=[shared.person], parent=channel)
    kind = stage.platform.shared or "group"
    return {"direct": stage.at_home(), kind: shared, "thread": stage.beside(shared, thread)}


@pytest.fixture(params=NAMES)
def target(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    """The platforms on which a text can call people."""
    return house.stages[request.param]


def hostile(home: Home) -> str:
    """Everything that might call somebody, this person among them."""
    return f"{HOSTILE} <@{home.person.id}> {home.person.name}"


def nobody_called(home: Home) -> None:
    """From there."""
    simulator = home.simulator
    if isinstance(simulator, DiscordSimulator):
        assert not simulator.pings(home.place)
    elif isinstance(simulator, SlackSimulator):
        here = {home.place.id, home.place.parent}
        assert not [message for message in simulator.pings() if message.place_id in here]


async def test_an_answer(target: Stage) -> None:
    for home in homes(target).values():
        answer = await home.ask(hostile(home), mention=True)
        assert "everyone" in answer
        assert answer.endswith(" after nothing")
        nobody_called(home)


async def test_a_notice(target: Stage) -> None:
    for home in homes(target).values():
        await home.ask(hostile(home), mention=True)
        assert "everyone" in await home.ask(f"/name {hostile(home)}", mention=True)
        for command in ("/status", "/history"):
            assert "everyone" in await home.ask(command, mention=True)
        nobody_called(home)


async def test_a_question_and_what_may_be_answered(target: Stage) -> None:
    for home in homes(target).values():
        await home.say(f"choose {';'.join(LABELS)};{hostile(home)}", mention=True)
        # Discord shows options that are too long for a button in a message before.
        await target.simulator.wait_until(partial(_offers, home, 4))
        assert "everyone" in "".join(home.texts())
        pressed = target.simulator.sent(home.place)[-1].buttons[0]
        assert "False" in await home.press(pressed)
        nobody_called(home)


def _offers(home: Home, count: int) -> bool:
    return [len(message.buttons) for message in home.simulator.sent(home.place)][-1:] == [count]


async def test_an_approval(target: Stage) -> None:
    for home in homes(target).values():
        assert "everyone" in await home.ask(f"approve {hostile(home)}", mention=True)
        assert (await home.press(target.simulator.sent(home.place)[-1].buttons[0])).endswith("True")
        nobody_called(home)


async def test_an_answer_that_is_shown_while_it_is_written(house: Theatre) -> None:
    """On all platforms at once: it takes as long as previews take."""
    stages = [house.stages[name] for name in NAMES]
    places = [home for stage in stages for home in homes(stage).values()]
    seen = await asyncio.gather(*(_written(home) for home in places))
    assert all(seen), dict(zip(places, seen, strict=True))
    for home in places:
        nobody_called(home)


async def _written(home: Home) -> bool:
    """Whether some of it was shown before the rest."""
    await home.say(f"drip 0.08 {hostile(home)} end.", mention=True)
    shown: set[str] = set()

    def over() -> bool:
        shown.update(text for text in home.texts() if "everyone" in text)
        return any("end." in text for text in home.texts())

    await home.simulator.wait_until(over, timeout=15)
    return len(shown) > 1


async def test_a_command_of_slack_s_and_its_answer(house: Theatre) -> None:
    for name in ("slack-socket", "slack-events"):
        stage = house.stages[name]
        simulator = stage.simulator
        assert isinstance(simulator, SlackSimulator)
        ada = stage.at_home()
        await ada.ask("one")
        await simulator.command("name", HOSTILE, person=ada.person, place=ada.place)
        assert "everyone" in (await ada.heard(2))[1]
        nobody_called(ada)
