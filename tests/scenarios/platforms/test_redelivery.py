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
from tests.support.agents import expected
from tests.support.people import Home
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
        assert isinstance(simulator, SlackSimulator | TelegramSimulator)
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


async def _told_again(ada: Home, *, mention: bool = False) -> None:
    await ada.say("sleep 0.3", mention=mention)
    event = await ada.say("one", mention=mention)
    await again(ada, event)
    assert (await ada.heard(2))[1] == "one after sleep 0.3"
    await again(ada, event)
    await ada.simulator.wait_until(lambda: not ada.simulator.unacknowledged())
    assert await ada.ask("two", mention=mention) == "two after sleep 0.3|one"
    await again(ada, event)
    assert await ada.ask("three", mention=mention) == "three after sleep 0.3|one|two"
    assert len(ada.texts()) == 4


@SESSION
async def test_what_comes_again_is_answered_once(stage: Stage) -> None:
    """While it waits, and once it was answered."""
    if stage.name == "web":
        pytest.skip("a page posts it again itself, which has a test of its own")
    await _told_again(stage.at_home())


@SESSION
async def test_what_comes_again_in_a_shared_place_is_answered_once(shared_stage: Stage) -> None:
    (ada,) = shared_stage.together("Ada")
    await _told_again(ada, mention=True)


@SESSION
async def test_what_a_page_posts_again_is_answered_once(house: Theatre) -> None:
    async with aiohttp.ClientSession() as http:
        web = WebClient(http, house.gateway.base_url)
        await web.open()
        await web.say("sleep 0.3", message_id="slow", wait=0)
        for _ in range(2):
            await web.say("one", message_id="first", wait=0)
        assert (await web.say("two", message_id="second")).texts == ["two after sleep 0.3|one"]
        late = await web.say("one", message_id="first")
        assert late.status == 200
        written = [m["text"] for m in (await web.history()).json["messages"]]
    assert written.count("one") == written.count("one after sleep 0.3") == 1
    assert len(written) == 6


# Order


@SESSION
async def test_telegram_brings_the_later_update_first(house: Theatre) -> None:
    """By webhook; a poll that has acknowledged the later one never brings the earlier."""
    stage = house.stages["telegram-webhook"]
    simulator = stage.simulator
    assert isinstance(simulator, TelegramSimulator)
    ada = stage.at_home()
    first = await ada.say("sleep 0.3")
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
    assert await ada.heard(4) == _in_order("sleep 0.3", "m1", "m2", "m3")


@SESSION
@pytest.mark.parametrize("kind", ["direct", "channel"])
async def test_discord_brings_the_later_message_first(house: Theatre, kind: str) -> None:
    stage = house.stages["discord"]
    simulator = stage.simulator
    assert isinstance(simulator, DiscordSimulator)
    ada = stage.at_home() if kind == "direct" else stage.together("Ada")[0]
    first = await ada.say("sleep 0.3", mention=True)
    message = await _told(simulator, ada, first)
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    mention = "" if kind == "direct" else f"<@{ada.place.account}> "
    for number in (3, 1, 2):
        later = {**message, "id": str(int(first) + number), "content": f"{mention}m{number}"}
        simulator.inject(later)
    assert await ada.heard(4) == _in_order("sleep 0.3", "m1", "m2", "m3")


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
    for home in homes:
        await home.say("sleep 0.5", mention=True)
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    said = [f"m{number}" for number in range(10)]
    for text in said:
        for home in homes:
            await home.say(text, mention=True)
    for home in homes:
        assert await home.heard(11) == _in_order("sleep 0.5", *said)


def _in_order(first: str, *more: str) -> list[str]:
    said = [first, *more]
    slept = first.replace("sleep", "slept")
    return [slept, *(expected(text, said[:n]) for n, text in enumerate(said) if n)]
