"""What was said while no session told of it is read from history, and in order."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest
import structlog

from adapters.discord import catching_up
from adapters.discord.catching_up import CatchingUp, newest
from adapters.discord.fields import snowflake
from adapters.discord.intake import Intake, Watermark
from adapters.discord.rest import Rest
from gateway import observability as obs
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.discord.channel import Channel, until


async def heard_before(discord: Channel, *places: SimulatedPlace) -> None:
    """Let the bot hear something in each of these places, and be away from then on."""
    async with discord.running():
        for place in places:
            await discord.say(f"before in {place.id}", place, mention=True)
        await discord.hears(*(f"before in {place.id}" for place in places))
    discord.simulator.kill_session()


async def test_what_was_missed_is_heard_in_order_and_what_is_said_now_after_it(
    discord: Channel,
) -> None:
    thread = discord.simulator.place("thread", parent=discord.there)
    places = (discord.here, discord.there, thread)
    await heard_before(discord, *places)
    for number in range(3):
        for place in places:
            await discord.say(f"missed {number}", place, mention=True)
    discord = discord.again()
    discord.inbox.gate.clear()
    async with discord.running():
        assert discord.count("IDENTIFY") == 2
        await until(lambda: discord.inbox.offered)
        for place in places:
            await discord.say("now", place, mention=True)
        discord.inbox.gate.set()
        await until(lambda: discord.inbox.texts.count("now") == 3)
        await discord.settled()
    for place in places:
        assert discord.inbox.said_in(place) == ["missed 0", "missed 1", "missed 2", "now"]
    assert not discord.simulator.lost()


async def test_a_session_lost_under_way_is_caught_up_with(discord: Channel) -> None:
    async with discord.running():
        await discord.say("before")
        await discord.say("before, too", discord.there, mention=True)
        await discord.settled()
        discord.simulator.kill_session()
        await discord.say("meanwhile")
        await discord.say("meanwhile, too", discord.there, mention=True)
        await discord.hears("meanwhile", "meanwhile, too")
        await discord.settled()
    assert discord.count("IDENTIFY") == 2
    assert discord.inbox.said_in(discord.here) == ["before", "meanwhile"]
    assert discord.inbox.said_in(discord.there) == ["before, too", "meanwhile, too"]


async def test_who_waits_is_read_first(discord: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "AT_ONCE", 1)
    bobs = [discord.simulator.person(f"Bob {number}") for number in range(4)]
    places = [discord.simulator.place("direct", people=[bob]) for bob in bobs]
    await heard_before(discord, *places)
    known = [place for place in await discord.host.bookmarks.load("garden") if "dm:" in place]
    last = next(place for place in places if place.id in known[-1])
    read, release = Rest.call, asyncio.Event()

    async def slowly(rest: Rest, method: str, path: str, **more: Any) -> Any:
        if "after=" in path:
            await release.wait()
        return await read(rest, method, path, **more)

    monkeypatch.setattr(Rest, "call", slowly)
    discord = discord.again()
    async with discord.running():
        await discord.say("now", last)
        await asyncio.sleep(0.05)
        release.set()
        await discord.hears("now")
        await discord.settled()
        await until(lambda: discord.count("list_messages") == 4)
    order = [call.parameters["channel_id"] for call in discord.simulator.calls("list_messages")]
    assert [f"dm:{channel}" for channel in order] == [known[0], known[-1], *known[1:-1]]


async def test_a_channel_never_heard_of_is_read_from_where_anything_was_heard(
    discord: Channel,
) -> None:
    other = discord.simulator.place("channel")
    await discord.say("long ago", other, mention=True)
    await heard_before(discord, discord.here)
    await discord.say("missed", other, mention=True)
    discord = discord.again()
    async with discord.running():
        await discord.hears("missed")
    assert discord.inbox.texts == ["missed"]


async def test_more_than_a_page(discord: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "PAGE", 4)
    await heard_before(discord, discord.here)
    texts = [f"missed {number}" for number in range(10)]
    for text in texts:
        await discord.say(text)
    discord = discord.again()
    async with discord.running():
        await discord.hears(*texts)
        await discord.settled()
        assert discord.count("list_messages") == 3
    assert discord.inbox.texts == texts


async def test_the_first_time_nothing_is_read(discord: Channel) -> None:
    await discord.say("nobody was there", discord.there, mention=True)
    async with discord.running():
        await discord.say("hello")
        await discord.hears("hello")
    assert not discord.count("list_messages")


async def test_channels_without_news_are_not_read(discord: Channel) -> None:
    await heard_before(discord, discord.there)
    discord = discord.again()
    async with discord.running():
        await until(lambda: orjson.loads(discord.marks()["session"])[3] == "")
    assert not discord.count("list_messages")


async def test_a_thread_that_was_archived_meanwhile_is_read(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server tells of it any more."""
    thread = discord.simulator.place("thread", parent=discord.there)
    gone = discord.simulator.place("thread", parent=discord.there)
    await heard_before(discord, thread, gone, discord.there)
    await discord.say("missed", thread, mention=True)
    gateway = discord.simulator._gateway
    told = gateway._guild
    monkeypatch.setattr(gateway, "_guild", lambda bot: {**told(bot), "threads": []})
    discord.simulator.remove(gone)
    discord = discord.again()
    async with discord.running():
        await discord.hears("missed")
        await until(lambda: orjson.loads(discord.marks()["session"])[3] == "")
    assert discord.inbox.heard[0].conversation.id == thread.id
    assert discord.inbox.heard[0].conversation.kind == "channel"


async def test_it_can_be_told_not_to_look_back(discord: Channel) -> None:
    await heard_before(discord, discord.here)
    await discord.say("missed")
    discord = discord.again(catch_up="0s")
    async with discord.running():
        await discord.say("now")
        await discord.hears("now")
    assert discord.inbox.texts == ["now"]
    assert not discord.count("list_messages")


async def test_it_looks_back_only_so_far(discord: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    await heard_before(discord, discord.here)
    await discord.say("missed")
    soon = time.time() + 3600.0
    monkeypatch.setattr(time, "time", lambda: soon)
    discord = discord.again(catch_up="59m")
    async with discord.running():
        await until(lambda: discord.count("list_messages"))
        await discord.say("now")
        await discord.hears("now")
    assert discord.inbox.texts == ["now"]


async def test_its_own_words_are_no_news(discord: Channel) -> None:
    await heard_before(discord, discord.here)
    await discord.adapter.send(discord.delivery("said by another process"))
    await discord.say("missed")
    discord = discord.again()
    async with discord.running():
        await discord.hears("missed")
    assert discord.inbox.offered == 1


async def test_a_channel_that_may_not_be_read_is_left_out(discord: Channel) -> None:
    await heard_before(discord, discord.there, discord.here)
    await discord.say("missed")
    await discord.say("missed, too", discord.there, mention=True)
    discord.simulator.fail_next(Fault.BLOCKED, method="list_messages")
    discord = discord.again()
    async with discord.running():
        await until(lambda: discord.count("list_messages") == 2)
        await until(lambda: orjson.loads(discord.marks()["session"])[3] == "")
    assert len(discord.inbox.texts) == 1


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RATE_LIMIT, Fault.RESET])
async def test_history_is_asked_for_again(discord: Channel, fault: Fault) -> None:
    await heard_before(discord, discord.here)
    await discord.say("missed")
    discord.simulator.fail_next(fault, 3, method="list_messages", retry_after=0.01)
    discord = discord.again()
    async with discord.running():
        await discord.say("now")
        await discord.hears("missed", "now")
        await discord.settled()
    assert discord.inbox.texts == ["missed", "now"]


async def test_a_channel_does_not_wait_for_its_history_for_ever(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "TRIES", 2)
    await heard_before(discord, discord.here)
    await discord.say("missed")
    discord.simulator.fail_next(Fault.SERVER_ERROR, 2, method="list_messages")
    discord = discord.again()
    with obs.captured() as lines:
        async with discord.running():
            await discord.say("now")
            await discord.hears("now")
    assert "discord.history_missed" in [line["event"] for line in lines]


async def test_a_crash_while_catching_up_loses_nothing(discord: Channel) -> None:
    """The new session is resumed, what it told is told again, and history is read again."""
    await heard_before(discord, discord.here, discord.there)
    await discord.say("missed")
    await discord.say("missed, too", discord.there, mention=True)
    other = discord.simulator.place("channel")
    await discord.say("missed where nothing was heard yet", other, mention=True)
    second = discord.again()
    second.inbox.gate.clear()
    async with second.running():
        await until(lambda: second.inbox.offered == 2)
        # Something else is heard meanwhile: not even that must hide what was missed.
        await until(lambda: orjson.loads(second.marks()["session"])[3])
    assert not second.inbox.texts
    third = second.again()
    async with third.running():
        await third.hears("missed", "missed, too", "missed where nothing was heard yet")
        await third.settled()
        await until(lambda: orjson.loads(third.marks()["session"])[3] == "")
    assert third.count("IDENTIFY") == 2
    assert not third.simulator.lost()


class Server(dict[str, Any]):
    """A dictionary that can be watched."""


def catching_up_of(
    discord: Channel, spawn: Callable[[Coroutine[Any, Any, None]], object]
) -> CatchingUp:
    """One whose channels are worked off by `spawn`."""
    intake = Intake(
        discord.inbox,
        spawn,
        name="garden",
        bookmarks=discord.host.bookmarks,
        watermark=Watermark(),
        moved=lambda: None,
        log=None,
    )
    log = structlog.get_logger("test")
    return CatchingUp(discord.adapter._rest, intake, reach=1.0, over=lambda: None, log=log)


async def test_a_server_is_not_kept_in_memory(discord: Channel) -> None:
    """While histories are read, nothing of it is left but the ids of their channels."""
    work: list[Coroutine[Any, Any, None]] = []
    history = catching_up_of(discord, work.append)
    history.begin({"channel:1": "5"}, ["7", "8"])
    server = Server(id="7", channels=[{"id": "1", "last_message_id": "9"}], members=[{}] * 1000)
    watched = weakref.ref(server)
    history.server(server, lambda: None)
    del server
    gc.collect()
    assert watched() is None
    (one,) = work
    one.close()


async def test_turns_come_again(discord: Channel) -> None:
    history = catching_up_of(discord, lambda work: work.close())
    for _ in range(catching_up.AT_ONCE + 1):
        async with asyncio.timeout(1.0), history._turns.of("1"):
            pass


async def test_since_when_something_may_be_missing_is_not_forgotten(discord: Channel) -> None:
    """Neither for what is heard meanwhile, nor when the session is lost once more."""
    history = catching_up_of(discord, lambda work: work.close())
    history.begin({"channel:1": "50"}, ["7"], since=5)
    assert history.behind == 5
    history.begin({"channel:1": "60"}, ["7"])
    assert history.behind == 5


def test_times_and_ids() -> None:
    assert snowflake(1_420_070_400.0) == 0
    assert snowflake(1_420_070_401.0) == 1000 << 22
    assert snowflake(0.0) == 0
    assert newest({"dm:1": "5", "channel:2": "70", "session": "99", "dm:3": "x"}) == 70
    assert newest({}) == 0


def test_a_server_joined_meanwhile_is_read_from_then_on() -> None:
    joined = "2026-11-21T12:00:00.000000+00:00"
    there = snowflake(1795262400.0)
    history = CatchingUp(None, None, reach=1.0, over=lambda: None, log=None)  # type: ignore[arg-type]
    history.behind = 5
    channels = [
        {"id": "1", "last_message_id": str(there + 1)},
        {"id": "2", "last_message_id": str(there - 1)},
        {"id": "3", "last_message_id": None},
        {"id": "4"},
        {"id": [], "last_message_id": "9"},
    ]
    found = history._missed({"joined_at": joined, "channels": channels, "threads": None})
    assert list(found) == [("1", there)]
    assert list(history._missed({"joined_at": "soon", "channels": channels[:1]})) == [("1", 5)]
