"""The connection to the simulated gateway: what breaks is resumed, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from adapters.discord import backoff, connection
from adapters.discord.simulation.model import Intents
from adapters.discord.simulator import DiscordSimulator
from gateway import ConfigurationError
from gateway import observability as obs
from gateway.testing.adapter import BareHost
from gateway.testing.simulator import running
from tests.unit.adapters.discord.channel import (
    Channel,
    Inbox,
    adapter_for,
    channel,
    open_sockets,
    threads,
    until,
)
from tests.unit.adapters.discord.leaving import TOKEN


async def test_it_asks_for_what_it_needs_and_no_more(discord: Channel) -> None:
    async with discord.running():
        (call,) = discord.simulator.calls("IDENTIFY")
    wanted = Intents.GUILDS | Intents.GUILD_MESSAGES | Intents.DIRECT_MESSAGES
    assert call.parameters["intents"] == wanted | Intents.MESSAGE_CONTENT


async def test_the_privileged_intent_can_be_done_without(discord: Channel) -> None:
    discord = discord.again(message_content=False)
    async with discord.running():
        (call,) = discord.simulator.calls("IDENTIFY")
        assert not call.parameters["intents"] & Intents.MESSAGE_CONTENT
        await discord.say("hello")
        await discord.hears("hello")


async def test_its_heart_is_no_thread(discord: Channel) -> None:
    before = threads()
    async with discord.running():
        await discord.say("hello")
        await discord.settled()
        assert threads() == before


async def broken(discord: Channel) -> None:
    await discord.simulator.disconnect()


async def asked_to(discord: Channel) -> None:
    discord.simulator.reconnect()


async def invalidated(discord: Channel) -> None:
    discord.simulator.invalidate(resumable=True)


async def silent(discord: Channel) -> None:
    discord.simulator.go_silent()


async def closed(discord: Channel) -> None:
    discord.simulator.close_gateway(4000)


@pytest.mark.parametrize("break_it", [broken, asked_to, invalidated, silent, closed])
async def test_a_lost_connection_is_resumed_and_nothing_is_missed(
    discord: Channel, break_it: Any
) -> None:
    async with discord.running():
        await discord.say("before")
        await discord.hears("before")
        await break_it(discord)
        for number in range(3):
            await discord.say(f"meanwhile {number}")
        await discord.hears("meanwhile 0", "meanwhile 1", "meanwhile 2")
        await until(lambda: discord.count("RESUME"))
        await discord.say("after")
        await discord.hears("after")
        await discord.settled()
    assert discord.inbox.texts == [
        *("before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "after")
    ]
    assert discord.count("IDENTIFY") == 1
    assert not discord.simulator.lost()
    assert not discord.count("list_messages")


async def test_who_says_nothing_is_given_up_at_the_next_heartbeat(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert connection.MOST_UNANSWERED == 1
    with obs.captured() as lines:
        async with discord.running():
            discord.simulator.go_silent()
            await until(lambda: discord.count("RESUME"))
    assert "discord.silent" in [line["event"] for line in lines]


async def test_what_waits_to_be_committed_is_not_called_taken(discord: Channel) -> None:
    """Nor is it heard twice, though it comes twice."""
    async with discord.running():
        await discord.say("first")
        await discord.settled()
        discord.inbox.gate.clear()
        event = await discord.say("second")
        await until(lambda: discord.inbox.offered == 2)
        await discord.simulator.disconnect()
        await until(lambda: discord.count("RESUME"))
        await asyncio.sleep(0.15)
        assert discord.simulator.unacknowledged() == [event]
        discord.inbox.gate.set()
        await discord.settled()
    assert discord.inbox.texts == ["first", "second"]
    assert discord.inbox.offered == 2


@pytest.mark.parametrize("code", [4003, 4007, 4009])
async def test_some_closings_end_the_session(discord: Channel, code: int) -> None:
    async with discord.running():
        await discord.say("before")
        await discord.settled()
        discord.simulator.close_gateway(code)
        await until(lambda: discord.count("IDENTIFY") == 2)
        await discord.say("after")
        await discord.hears("after")
    assert not discord.count("RESUME")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4004, ("channels.garden.token", "does not know this token", "/bot")),
        (4011, ("channels.garden.token", "more servers", "2500", "shards")),
        (4012, ("channels.garden.gateway_url", "version", "newer")),
        (4013, ("channels.garden.message_content", "Message Content Intent", "= false", "/bot")),
        (4014, ("channels.garden.message_content", "Message Content Intent", "= false", "/bot")),
        (4010, ("channels.garden.gateway_url", "for good", "4010")),
    ],
)
async def test_what_no_patience_helps_against_is_said(
    discord: Channel, code: int, words: tuple[str, ...]
) -> None:
    run = asyncio.create_task(discord.adapter.run(discord.inbox))
    await until(discord.ready)
    discord.simulator.close_gateway(code)
    with pytest.raises(ConfigurationError) as raised:
        await asyncio.wait_for(run, 5.0)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert TOKEN not in str(raised.value)


async def test_a_missing_intent_is_named_with_its_page(discord: Channel) -> None:
    discord.simulator.add_bot(TOKEN, "helper", message_content=False)
    with pytest.raises(ConfigurationError, match=r"applications/1234567890123456789/bot"):
        await discord.adapter.run(discord.inbox)


async def test_a_refused_token_while_resuming_may_be_the_session_s_fault(discord: Channel) -> None:
    run = asyncio.create_task(discord.adapter.run(discord.inbox))
    await until(discord.ready)
    await discord.simulator.disconnect()
    await until(lambda: discord.count("RESUME") and discord.simulator.connected())
    discord.simulator.close_gateway(4004)
    await until(lambda: discord.count("IDENTIFY") == 2 and discord.simulator.connected())
    discord.simulator.close_gateway(4004)
    with pytest.raises(ConfigurationError):
        await asyncio.wait_for(run, 5.0)


async def test_two_bots_in_one_process(discord: Channel) -> None:
    async with channel() as other, discord.running(), other.running():
        assert discord.adapter.settings.gateway_url != other.adapter.settings.gateway_url
        await discord.say("to the one")
        await other.say("to the other")
        await discord.hears("to the one")
        await other.hears("to the other")
        await discord.simulator.disconnect()
        await until(lambda: discord.count("RESUME"))
    assert (discord.inbox.texts, other.inbox.texts) == (["to the one"], ["to the other"])
    assert not other.count("RESUME")


async def test_nothing_is_left_of_a_run(discord: Channel) -> None:
    tasks, running_threads = asyncio.all_tasks(), threads()
    sockets = open_sockets()
    for _ in range(2):
        async with discord.running():
            await discord.say("hello")
            await discord.settled()
        await until(lambda: asyncio.all_tasks() <= tasks)
        await until(lambda: not discord.simulator._gateway.connections)
        await until(lambda: open_sockets() <= sockets)
        assert threads() == running_threads


async def test_nothing_is_left_of_a_connection_that_was_lost(discord: Channel) -> None:
    """Also while something still holds its socket: the pool's connections are counted."""
    async with discord.running():
        socket_kind = aiohttp.ClientWebSocketResponse
        held = [each for each in gc.get_objects() if isinstance(each, socket_kind)]
        assert [each._response.closed for each in held] == [False]
        # As after some resets: then closing the socket does nothing.
        held[0]._reader.set_exception(aiohttp.ServerDisconnectedError())
        await until(lambda: discord.count("RESUME"))
        assert [each._response.closed for each in held] == [True]


async def test_a_silent_other_side_does_not_hold_a_run_up(discord: Channel) -> None:
    async with discord.running() as run:
        discord.simulator.go_silent()
        run.cancel()
        await asyncio.wait([run], timeout=2.0)
        assert run.cancelled()


async def test_a_session_is_resumed_where_it_wants_to_be(discord: Channel) -> None:
    async with discord.running():
        await until(lambda: discord.marks().get("session"))
        url = orjson.loads(discord.marks()["session"])[1]
    assert url == f"{discord.adapter.settings.gateway_url}resume"


async def test_where_nobody_is_to_resume_with_the_usual_address_is_tried(discord: Channel) -> None:
    async with discord.running():
        await discord.settled()
    session, _, *rest = orjson.loads(discord.marks()["session"])
    position = orjson.dumps([session, "ws://127.0.0.1:9/", *rest]).decode()
    discord.host.bookmarks.put("garden", "session", position)
    discord = discord.again()
    async with discord.running():
        assert discord.count("RESUME") == 1


async def test_the_token_is_told_to_no_other_address(discord: Channel) -> None:
    async with discord.running():
        await discord.settled()
    async with running(DiscordSimulator(rates=None)) as other:
        other.add_bot(TOKEN)
        adapter = adapter_for(other, discord.host)
        run = asyncio.create_task(adapter.run(Inbox(adapter=adapter)))
        await until(other.connected)
        assert [len(other.calls(each)) for each in ("IDENTIFY", "RESUME")] == [1, 0]
        run.cancel()
        await asyncio.wait([run])


async def test_new_sessions_are_not_begun_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDENTIFY_BURST", 2)
    monkeypatch.setattr(connection, "IDENTIFY_EVERY", 0.05)
    clock, identifies = asyncio.get_running_loop().time, connection._Identifies()
    began = clock()
    for _ in range(2):
        await identifies.wait()
    assert clock() - began < 0.04
    for _ in range(2):
        await identifies.wait()
    assert clock() - began > 0.09


async def test_a_connection_waits_until_it_may_begin_a_session(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDENTIFY_BURST", 0)
    monkeypatch.setattr(connection, "IDENTIFY_EVERY", 0.1)
    began = asyncio.get_running_loop().time()
    async with discord.running():
        assert asyncio.get_running_loop().time() - began > 0.09


NONSENSE: list[list[str | bytes]] = [
    ["not JSON"],
    ["[]", "7", '{"op": "x"}', '{"op": 10}'],
    ['{"op": 10, "d": {"heartbeat_interval": "soon"}}'],
    ['{"op": 10, "d": {"heartbeat_interval": -1}}'],
    ['{"op": 0, "t": "READY", "d": {}}', '{"op": 10, "d": {"heartbeat_interval": 1000}}'],
    ['{"op": 10, "d": {"heartbeat_interval": 1000}}', '{"op": 0, "s": 1, "t": "READY", "d": {}}'],
    ['{"op": 10, "d": {"heartbeat_interval": 1000}}', '{"op": 0, "s": 1, "t": "READY", "d": null}'],
    [b"\x00\xff not deflated\x00\x00\xff\xff"],
    ['{"op": 9, "d": false}'],
    ['{"op": 0, "s": 1, "t": "TYPING_START", "d": {}}'],
]


@pytest.mark.parametrize("frames", NONSENSE)
async def test_nonsense_ends_a_connection_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, frames: list[str | bytes]
) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.005)
    came = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal came
        came += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in frames:
            if isinstance(frame, str):
                await socket.send_str(frame)
            else:
                await socket.send_bytes(frame)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        simulator = DiscordSimulator(rates=None)
        simulator.add_bot(TOKEN)
        there = f"ws://127.0.0.1:{port}/"
        adapter = adapter_for(simulator, BareHost(http=http), gateway_url=there)
        run = asyncio.create_task(adapter.run(Inbox(adapter=adapter)))
        await until(lambda: came >= 2 or run.done())
        run.cancel()
        await asyncio.wait([run])
        assert run.cancelled()
    await runner.cleanup()
