"""What comes twice is answered once; what comes in another order is answered in the platform's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.discord.simulation.showing import GUILD_ID
from adapters.discord.simulator import DiscordSimulator
from adapters.slack.simulator import SlackSimulator
from adapters.telegram.simulator import TelegramSimulator
from adapters.twilio.simulator import TwilioSimulator
from tests.support.agents import expected
from tests.support.people import Home, new_key
from tests.support.stage import Stage, Theatre, theatre
from tests.support.web import WebClient

SESSION = pytest.mark.asyncio(loop_scope="session")
A_BOT = {"User-Agent": "DiscordBot (https://example.org, 1)"}


async def again(home: Home, event_id: str) -> None:
    """Let the platform tell once more of what somebody wrote."""
    simulator = home.simulator
    if isinstance(simulator, DiscordSimulator):
        simulator.inject({"t": "MESSAGE_CREATE", "d": await _told(simulator, home, event_id)})
    else:
        assert isinstance(simulator, SlackSimulator | TelegramSimulator | TwilioSimulator)
        simulator.redeliver(event_id)


async def _told(simulator: DiscordSimulator, home: Home, message_id: str) -> Mapping[str, Any]:
    """A message as Discord dispatches it."""
    known = simulator.settings()
    headers = {"Authorization": f"Bot {known['token']}", **A_BOT}
    url = f"{known['api_url']}/channels/{home.place.id}/messages"
    query = {"after": str(int(message_id) - 1), "limit": "100"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(url, params=query) as response,
    ):
        (message,) = [one for one in await response.json() if one["id"] == message_id]
    return {**message, **({} if home.place.kind == "direct" else {"guild_id": str(GUILD_ID)})}


async def _told_again(stage: Stage, ada: Home, *, mention: bool = False) -> None:
    key = new_key()
    await ada.say(f"hold {key}", mention=mention)
    event = await ada.say("one", mention=mention)
    await again(ada, event)
    await stage.free(key)
    assert (await ada.heard(2))[1] == f"one after hold {key}"
    await again(ada, event)
    await ada.simulator.wait_until(lambda: not ada.simulator.unacknowledged())
    assert await ada.ask("two", mention=mention) == f"two after hold {key}|one"
    await again(ada, event)
    assert await ada.ask("three", mention=mention) == f"three after hold {key}|one|two"
    assert len(ada.texts()) == 4


@SESSION
async def test_what_comes_again_is_answered_once(stage: Stage) -> None:
    """While it waits, and once it was answered."""
    if stage.name == "web":
        pytest.skip("a page posts it again itself, which has a test of its own")
    await _told_again(stage, stage.at_home())


@SESSION
async def test_what_comes_again_in_a_shared_place_is_answered_once(shared_stage: Stage) -> None:
    (ada,) = shared_stage.together("Ada")
    await _told_again(shared_stage, ada, mention=True)


@SESSION
async def test_what_a_page_posts_again_is_answered_once(house: Theatre) -> None:
    async with aiohttp.ClientSession() as http:
        web, key = WebClient(http, house.gateway.base_url), new_key()
        await web.open()
        await web.say(f"hold {key}", message_id="slow", wait=0)
        for _ in range(2):
            await web.say("one", message_id="first", wait=0)
        await house.stages["web"].free(key)
        answer = await web.say("two", message_id="second")
        assert answer.texts == [f"two after hold {key}|one"]
        late = await web.say("one", message_id="first")
        assert late.status == 200
        written = [m["text"] for m in (await web.history()).json["messages"]]
    assert written.count("one") == written.count(f"one after hold {key}") == 1
    assert len(written) == 6


# Order


@SESSION
async def test_telegram_brings_the_later_update_first(house: Theatre) -> None:
    """By webhook; a poll that has acknowledged the later one never brings the earlier."""
    stage = house.stages["telegram-webhook"]
    simulator = stage.simulator
    assert isinstance(simulator, TelegramSimulator)
    ada = stage.at_home()
    key = new_key()
    first = await ada.say(f"hold {key}")
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    after, said = int(simulator.message_id(first)) + 100, int(first)
    for number in (3, 1, 2):
        sender = {"id": int(ada.person.id), "is_bot": False, "first_name": "Ada"}
        message = {
            "message_id": after + number,
            "date": 1_800_000_000,
            "chat": {"id": int(ada.place.id), "type": "private", "first_name": "Ada"},
            "from": sender,
            "text": f"m{number}",
        }
        simulator.inject({"update_id": said + number, "message": message})
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    # Elsewhere: here the next update might have the id of one of these.
    await house.stages["telegram-polling"].free(key)
    assert await ada.heard(4) == _in_order(key, "m1", "m2", "m3")


@SESSION
@pytest.mark.parametrize("kind", ["direct", "channel"])
async def test_discord_brings_the_later_message_first(house: Theatre, kind: str) -> None:
    stage = house.stages["discord"]
    simulator = stage.simulator
    assert isinstance(simulator, DiscordSimulator)
    ada = stage.at_home() if kind == "direct" else stage.together("Ada")[0]
    key = new_key()
    first = await ada.say(f"hold {key}", mention=True)
    message = await _told(simulator, ada, first)
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    mention = "" if kind == "direct" else f"<@{ada.place.account}> "
    for number in (3, 1, 2):
        later = {**message, "id": str(int(first) + number), "content": f"{mention}m{number}"}
        simulator.inject(later)
    await stage.free(key)
    assert await ada.heard(4) == _in_order(key, "m1", "m2", "m3")


async def test_slack_promises_no_order(tmp_path: Path) -> None:
    names = ["slack-socket", "slack-events"]
    simulated = {name: {"shuffle": True} for name in names}
    async with theatre(tmp_path, names, simulated=simulated) as opened:
        await asyncio.gather(*(_shuffled(stage) for stage in opened.stages.values()))


async def _shuffled(stage: Stage) -> None:
    simulator = stage.simulator
    direct, (shared,) = stage.at_home(), stage.together("Bob")
    channel = simulator.place("channel", people=[shared.person])
    thread = stage.beside(shared, simulator.place("thread", people=[shared.person], parent=channel))
    homes = [direct, shared, thread]
    key = new_key()
    for home in homes:
        await home.say(f"hold {key}", mention=True)
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    said = [f"m{number}" for number in range(10)]
    for text in said:
        for home in homes:
            await home.say(text, mention=True)
    await stage.free(key)
    for home in homes:
        assert await home.heard(11) == _in_order(key, *said)


def _in_order(key: str, *more: str) -> list[str]:
    """What is heard after the turn that was held by this key."""
    said = [f"hold {key}", *more]
    return [f"done hold {key}", *(expected(text, said[:n]) for n, text in enumerate(said) if n)]
