"""Nobody sees what is another's: a thousand conversations, each with a canary."""

from __future__ import annotations

import asyncio
import tomllib
from functools import partial
from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace
from tests.support.configuration import configuration
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_channel, telegram_gateway

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


async def test_a_group_shares_and_its_members_direct_chats_do_not_know_it(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = telegram.person("Ada"), telegram.person("Bob")
    group = telegram.place("group", people=[ada, bob])
    other = telegram.place("group", people=[ada])
    async with telegram_gateway(telegram, tmp_path) as gateway:
        await _ask(telegram, "one", ada, group, mention=True)
        assert await _ask(telegram, "two", bob, group, mention=True) == "two after one"
        assert await _ask(telegram, "three", ada, other, mention=True) == "three after nothing"
        for person in (ada, bob):
            home = telegram.place("direct", people=[person])
            assert await _ask(telegram, "four", person, home) == "four after nothing"
        assert await _ask(telegram, "five", ada, group, mention=True) == "five after one|two"
        assert await gateway.stop() == 0


async def test_topics_share_their_group_unless_told_otherwise(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = telegram.person("Ada")
    group = telegram.place("group", people=[ada])
    topics = [telegram.place("thread", people=[ada], parent=group) for _ in range(2)]
    async with telegram_gateway(telegram, tmp_path) as gateway:
        await _ask(telegram, "one", ada, topics[0], mention=True)
        assert await _ask(telegram, "two", ada, topics[1], mention=True) == "two after one"
        await _configured(gateway, {"boundary": {"thread": "per-thread"}})
        await _ask(telegram, "three", ada, topics[0], mention=True)
        answer = await _ask(telegram, "four", ada, topics[1], mention=True)
        assert answer == "four after nothing"


async def test_two_bots_never_share_a_session(telegram: TelegramSimulator, tmp_path: Path) -> None:
    """The simulator gives both bots the same update, message and chat ids."""
    accounts = [telegram.add_bot(f"{n}000001:token", f"bot{n}_bot") for n in (1, 2)]
    ada = telegram.person("Ada")
    channels = {
        f"bot{number}": telegram_channel(telegram, account)
        for number, account in enumerate(accounts)
    }
    async with GatewayProcess(configuration(channels), tmp_path) as gateway:
        for account in accounts:
            home = telegram.place("direct", people=[ada], account=account)
            assert await _ask(telegram, "one", ada, home) == "one after nothing"
            assert await _ask(telegram, "two", ada, home) == "two after one"
        assert await gateway.stop() == 0


async def test_whoever_is_not_on_the_list_is_not_answered(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, eve = telegram.person("Ada"), telegram.person("Eve")
    async with telegram_gateway(telegram, tmp_path, channel={"allow": [ada.id]}):
        await telegram.say("let me in", person=eve, place=telegram.place("direct", people=[eve]))
        await _ask(telegram, "hello", ada, telegram.place("direct", people=[ada]))
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        assert len(telegram.calls("sendMessage")) == 1


async def _ask(
    telegram: TelegramSimulator,
    text: str,
    person: SimulatedPerson,
    place: SimulatedPlace,
    *,
    mention: bool = False,
) -> str:
    before = len(telegram.sent(place))
    await telegram.say(text, person=person, place=place, mention=mention)
    return (await telegram.wait_sent(before + 1, place))[-1].text


async def _configured(gateway: GatewayProcess, keys: dict[str, object]) -> None:
    config = tomllib.loads(gateway.config_file.read_text())
    config["channels"]["chat"] |= keys
    await gateway.stop()
    gateway.configure(config)
    await gateway.start()
