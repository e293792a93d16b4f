"""Sessions that end while something else happens, by the real process."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.telegram.simulator import TelegramSimulator
from adapters.twilio.simulation.model import Privacy
from adapters.twilio.simulator import TwilioSimulator
from gateway.settings.resets import AFTER_A_PAUSE
from tests.scenarios.test_operators import OPERATED, command
from tests.support.people import Home, at_home
from tests.support.stage import theatre
from tests.support.telegram import telegram_gateway


@pytest.mark.parametrize(
    ("agent", "text", "logged"),
    [("slow", "hang", ""), ("faulty", "absent 60", "agent_away")],
    ids=["running", "waiting"],
)
async def test_what_is_stopped_after_a_pause_began_a_new_session(
    telegram: TelegramSimulator, tmp_path: Path, agent: str, text: str, logged: str
) -> None:
    ada = at_home(telegram, "Ada")
    channel = {"reset": "idle:1h"}
    async with telegram_gateway(telegram, tmp_path, agent=agent, channel=channel) as gateway:
        await ada.ask("hello")
        await gateway.an_hour_passes()
        await ada.say(text)
        await (gateway.until_logged(logged) if logged else gateway.until_hanging())
        heard = await ada.ask("/stop")
        assert AFTER_A_PAUSE in heard
        assert heard.endswith("Stopped.")
        listed = await ada.ask("/sessions")
        assert "1. 1 messages" in listed
        assert "2. 2 messages" in listed


async def test_who_was_deleted_under_two_ids_is_one_person_again(tmp_path: Path) -> None:
    name = "whatsapp"
    async with theatre(tmp_path, [name], gateway=OPERATED) as opened:
        ada = opened.stages[name].at_home("Ada")
        simulator = ada.simulator
        assert isinstance(simulator, TwilioSimulator)

        def known(privacy: Privacy) -> Home:
            person = simulator.set_privacy(ada.person, privacy)
            return Home(simulator, person, simulator.place("direct", people=[person]))

        assert await known("both").ask("one") == "one after nothing"
        (listed,) = await command(opened.gateway, "sessions", "list")
        await command(opened.gateway, "sessions", "delete", listed["id"])
        assert await known("both").ask("two") == "two after nothing"
        assert await known("hidden").ask("three") == "three after two"
