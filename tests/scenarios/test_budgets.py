"""Telegram's own limits are kept without running into them, and typing is the first to be shed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import running
from tests.scenarios.town import Town, in_town
from tests.support.configuration import configuration
from tests.support.people import at_home, in_group, new_key
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_gateway


@pytest.fixture
async def strict() -> AsyncIterator[TelegramSimulator]:
    """Telegram with its real flood control: 1/s a chat, 20/min a group, 30/s for the bot."""
    async with running(TelegramSimulator()) as simulator:
        yield simulator


async def test_nothing_is_ever_refused_for_its_rate(
    strict: TelegramSimulator, tmp_path: Path
) -> None:
    """All that goes to a chat shares its budget, typing is shed first, other chats go on."""
    busy, others = at_home(strict, "Busy"), [at_home(strict, f"P{n}") for n in range(40)]
    group = in_group(strict, "Ada", "Bob")
    channels = {"chat": {"platform": "telegram", **strict.settings()}}
    async with GatewayProcess(configuration(channels, agent="slow"), tmp_path):
        await busy.say("sleep 1.5")
        for number in range(3):
            await busy.say(f"sleep 0.0{number}")
            await group[number % 2].say(f"sleep 0.0{number}", mention=True)
        for home in others:
            await home.say("sleep 0")
        for home in others:
            await home.heard(1, timeout=20)
        await busy.heard(4, timeout=20)
        await group[0].heard(3, timeout=20)
    assert not strict.refusals


@in_town
async def test_typing_shows_while_an_answer_takes_long_and_only_then(town: Town) -> None:
    telegram = town["slow"]
    slow, quick = at_home(telegram, "Slow"), at_home(telegram, "Quick")
    key = new_key()

    def typed() -> list[str]:
        return [str(call.parameters["chat_id"]) for call in telegram.calls("sendChatAction")]

    await quick.ask("sleep 0")
    await slow.say(f"hold {key}")
    await telegram.wait_until(lambda: slow.place.id in typed())
    await quick.ask(f"free {key}")
    await slow.heard(1)
    assert typed().count(slow.place.id) == 1
    assert quick.place.id not in typed()


async def test_no_secret_is_ever_logged(telegram: TelegramSimulator, tmp_path: Path) -> None:
    """Not when everything is logged, the platform is away, and the token is refused."""
    channel = {"mode": "webhook", "secret": "hook-s3cret-value"}
    token = telegram.settings()["token"]
    async with telegram_gateway(
        telegram, tmp_path, channel=channel, gateway={"log_level": "debug"}
    ) as gateway:
        ada = at_home(telegram, "Ada")
        await ada.ask("hello")
        await telegram.outage(True)
        await gateway.restart()
        await gateway.until_logged("telegram.call_failed")
        await telegram.outage(False)
        await ada.ask("again", timeout=30)
        assert gateway.output
        for secret in (token, "hook-s3cret-value"):
            assert secret not in gateway.output
