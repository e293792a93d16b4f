"""Nobody sees what is another's: a thousand conversations, each with a canary."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace
from tests.scenarios.town import TWINS, Town, in_town
from tests.support.people import Home, at_home
from tests.support.telegram import telegram_gateway

PEOPLE = 1000


async def test_no_canary_ever_leaves_its_session(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    """In what agents see (messages and variables), in what is answered, and in the log."""
    webhook = {"mode": "webhook", "secret": "s3cret"}
    async with telegram_gateway(
        telegram, tmp_path, agent="canary", channel=webhook, gateway={"log_level": "debug"}
    ) as gateway:
        homes = [_home(telegram, number) for number in range(PEOPLE)]
        for round_ in range(2):
            await asyncio.gather(
                *(
                    telegram.say(f"canary-{number}-{round_}", person=person, place=place)
                    for number, (person, place) in enumerate(homes)
                )
            )
            wanted = PEOPLE * (round_ + 1)
            await telegram.wait_until(partial(_answered, telegram, wanted), timeout=60)
        for number, (_, place) in enumerate(homes):
            first, second = (message.text for message in telegram.sent(place))
            assert first == f"saw canary-{number}-0"
            assert second == f"saw canary-{number}-0 canary-{number}-1"
        assert "canary-" not in gateway.output
        assert await gateway.stop() == 0


def _home(telegram: TelegramSimulator, number: int) -> tuple[SimulatedPerson, SimulatedPlace]:
    person = telegram.person(f"P{number}")
    return person, telegram.place("direct", people=[person])


def _answered(telegram: TelegramSimulator, count: int) -> bool:
    return len(telegram.calls("sendMessage")) >= count


@in_town
async def test_topics_share_their_group_unless_told_otherwise(town: Town) -> None:
    for name, answer in (("recall", "two after one"), ("topical", "two after nothing")):
        telegram = town[name]
        ada = telegram.person("Ada")
        group = telegram.place("group", people=[ada])
        first, second = (
            Home(telegram, ada, telegram.place("thread", people=[ada], parent=group))
            for _ in range(2)
        )
        await first.ask("one", mention=True)
        assert await second.ask("two", mention=True) == answer


@in_town
async def test_two_bots_never_share_a_session(town: Town) -> None:
    """The simulator gives both bots the same update, message and chat ids."""
    telegram = town["twins"]
    ada = telegram.person("Ada")
    for account in TWINS:
        home = Home(telegram, ada, telegram.place("direct", people=[ada], account=account))
        assert await home.ask("one") == "one after nothing"
        assert await home.ask("two") == "two after one"


@in_town
async def test_whoever_is_not_on_the_list_is_not_answered(town: Town) -> None:
    telegram = town["listed"]
    eve = at_home(telegram, "Eve")
    ada = Home(telegram, town.member, telegram.place("direct", people=[town.member]))
    await eve.say("let me in")
    await ada.ask("hello")
    await telegram.wait_until(lambda: not telegram.unacknowledged())
    assert not eve.texts()
    assert len(telegram.calls("sendMessage")) == 1
