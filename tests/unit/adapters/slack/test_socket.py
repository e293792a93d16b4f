"""Socket Mode: there is always a connection, and nothing is acknowledged too soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
import structlog
from aiohttp import web

from adapters.slack import backoff
from adapters.slack import socket as socket_module
from adapters.slack.socket import SocketMode
from gateway import ConfigurationError, Problem, Unavailable, UnreadableUpdate
from gateway import observability as obs
from tests.unit.adapters.slack.channel import Channel, channel, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_WAIT", 0.05)


@pytest.fixture
async def slack() -> AsyncIterator[Channel]:
    async with channel("socket") as everything:
        yield everything


# Against the simulator.


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_connection_is_replaced_before_it_is_given_up(slack: Channel, reason: str) -> None:
    most = 0
    async with slack.running():
        slack.simulator.refresh(reason, after=0.1)
        for number in range(20):
            await slack.say(str(number))
            most = max(most, slack.simulator.connections())
            assert slack.simulator.connections() >= 1
            await asyncio.sleep(0.01)
        await until(lambda: slack.simulator.connections() == 1)
        await slack.inbox.wait(20)
        await until(lambda: not slack.simulator.unacknowledged())
    assert most == 2
    assert sorted(slack.inbox.texts, key=int) == list(map(str, range(20)))
    # Nothing was missing, so nothing was asked for but at the start.
    assert len(slack.simulator.calls("users.conversations")) == 1


async def test_a_ghost_is_noticed_and_what_it_kept_is_asked_for(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "PING_EVERY", 0.05)
    async with slack.running():
        slack.simulator.go_silent()
        slack.simulator.drop(1)
        await slack.say("into the void")
        await slack.inbox.wait(1)
        await until(lambda: slack.simulator.connections() == 1)
    assert slack.inbox.texts == ["into the void"]


async def test_a_connection_that_lives_long_is_replaced_and_closed(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "ROTATE_AFTER", 0.05)
    monkeypatch.setattr(socket_module, "LINGER", 0.02)
    async with slack.running():
        await until(lambda: len(slack.simulator.calls("apps.connections.open")) >= 3)
        monkeypatch.setattr(socket_module, "ROTATE_AFTER", 60.0)
        await until(lambda: slack.simulator.connections() == 1)
        await slack.say("still there?")
        await slack.inbox.wait(1)


async def test_a_token_that_is_refused_later_ends_the_run_in_words(slack: Channel) -> None:
    run = asyncio.create_task(slack.adapter.run(slack.inbox.receive))
    await slack.caught_up()
    slack.simulator.refuse("token_revoked")
    await slack.simulator.disconnect()
    with pytest.raises(ConfigurationError) as raised:
        await run
    assert "channels.garden.app_token" in str(raised.value)


async def test_what_could_not_be_taken_is_not_acknowledged(slack: Channel) -> None:
    async with slack.running():
        slack.inbox.away = True
        event = await slack.say("hello?")
        await until(lambda: slack.inbox.offered >= 2)
        assert slack.simulator.unacknowledged() == [event]
        slack.inbox.away = False
        await until(lambda: not slack.simulator.unacknowledged())
    assert slack.inbox.texts == ["hello?"]


async def test_what_came_over_one_connection_is_taken_though_it_is_lost(slack: Channel) -> None:
    async with slack.running():
        slack.inbox.gate.clear()
        await slack.say("quickly")
        await until(lambda: slack.inbox.offered)
        await slack.simulator.disconnect()
        slack.inbox.gate.set()
        await until(lambda: not slack.simulator.unacknowledged())
    assert slack.inbox.texts == ["quickly"]


async def test_where_to_connect_is_never_told(slack: Channel) -> None:
    with obs.captured() as logs:
        async with slack.running():
            await slack.simulator.outage(True)
            await until(lambda: any(entry["event"] == "slack.socket_failed" for entry in logs))
            await slack.simulator.outage(False)
            await slack.say("hello")
            await slack.inbox.wait(1)
    assert "ticket" not in repr(logs)
    assert any(entry["event"] == "slack.socket_lost" for entry in logs)


# Against a server that does what Slack's would not.


class Odd:
    """A server of one's own, and what the socket made of it."""

    def __init__(self) -> None:
        self.greeting: list[bytes | str] = ['{"type":"hello"}']
        self.status = 101
        self.opened = 0
        self.heard: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.gaps = 0
        self.repeats = 0
        self.url = ""
        self.sockets: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.status != 101:
            return web.Response(status=self.status, text="no")
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        self.sockets.append(ours)
        for frame in self.greeting:
            await (ours.send_str(frame) if isinstance(frame, str) else ours.send_bytes(frame))
        async for message in ours:
            self.heard.append(orjson.loads(message.data))
        return ours

    async def open_url(self) -> str:
        self.opened += 1
        return self.url

    async def take(self, event: dict[str, Any]) -> Mapping[str, Any] | None:
        if event.get("unreadable"):
            raise UnreadableUpdate("event.ts is missing")
        if event.get("away"):
            raise Unavailable("no disk")
        if event.get("bug"):
            raise KeyError("bug")
        self.taken.append(event)
        return {"text": "answer"}

    def count_gap(self) -> None:
        self.gaps += 1

    def count_repeat(self) -> None:
        self.repeats += 1

    async def say(self, **frame: Any) -> None:
        await self.sockets[-1].send_str(orjson.dumps(frame).decode())


@asynccontextmanager
async def connected(
    odd: Odd, *, settled: bool = True
) -> AsyncIterator[tuple[asyncio.Task[None], aiohttp.ClientSession]]:
    app = web.Application()
    app.router.add_get("/", odd.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    odd.url = f"http://127.0.0.1:{runner.addresses[0][1]}/?ticket=s3cr3t"
    async with aiohttp.ClientSession() as http:
        mode = SocketMode(
            odd.open_url,
            http,
            odd.take,
            passes=lambda event: "own" in event,
            gap=odd.count_gap,
            repeated=odd.count_repeat,
            log=structlog.get_logger("test"),
        )
        run = asyncio.create_task(mode.run())
        try:
            if settled:
                await until(lambda: mode.connected)
            yield run, http
        finally:
            run.cancel()
            await asyncio.wait([run])
            await runner.cleanup()


async def test_frames_that_say_nothing_are_skipped() -> None:
    odd = Odd()
    odd.greeting += [b"\x00", "{", "[]", "7", '{"type":"events_api"}', '{"type":"x","payload":1}']
    async with connected(odd):
        await odd.say(type="events_api", envelope_id="1", payload={"type": "event_callback"})
        await until(lambda: odd.heard)
    assert odd.heard == [{"envelope_id": "1"}]


async def test_an_answer_goes_only_where_it_is_wanted() -> None:
    odd = Odd()
    async with connected(odd):
        await odd.say(type="events_api", envelope_id="1", payload={})
        await until(lambda: len(odd.heard) == 1)
        await odd.say(
            type="slash_commands", envelope_id="2", payload={}, accepts_response_payload=True
        )
        await until(lambda: len(odd.heard) == 2)
    assert odd.heard == [{"envelope_id": "1"}, {"envelope_id": "2", "payload": {"text": "answer"}}]


async def test_only_what_can_be_taken_or_never_will_be_is_acknowledged() -> None:
    odd = Odd()
    with obs.captured() as logs:
        async with connected(odd):
            for number, kind in enumerate(("away", "unreadable", "bug", "fine")):
                envelope = f"{number}"
                await odd.say(type="events_api", envelope_id=envelope, payload={kind: True})
            await until(lambda: odd.taken)
            await asyncio.sleep(0.01)
    assert sorted(frame["envelope_id"] for frame in odd.heard) == ["1", "3"]
    assert [e["event"] for e in logs] == ["slack.event_skipped", "slack.event_failed"]


async def test_it_is_noticed_that_slack_tries_once_more() -> None:
    odd = Odd()
    async with connected(odd):
        await odd.say(type="events_api", envelope_id="1", payload={}, retry_attempt=0)
        await odd.say(type="events_api", envelope_id="1", payload={}, retry_attempt=1)
        await until(lambda: len(odd.heard) == 2)
    assert odd.repeats == 1


async def test_what_nothing_depends_on_is_acknowledged_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket_module, "OWED_FOR", 60.0)
    odd = Odd()
    async with connected(odd):
        for number, payload in enumerate(({"own": 1}, {"own": 2}, {"text": "hello"})):
            await odd.say(type="events_api", envelope_id=f"{number}", payload=payload)
        await until(lambda: len(odd.heard) == 3)
    assert [frame["envelope_id"] for frame in odd.heard] == ["2", "0", "1"]
    assert odd.taken == [{"text": "hello"}]


async def test_where_there_is_no_next_it_is_acknowledged_soon() -> None:
    odd = Odd()
    async with connected(odd):
        for number in range(2):
            await odd.say(type="events_api", envelope_id=f"{number}", payload={"own": 1})
            await until(lambda: len(odd.heard) == number + 1)  # noqa: B023 - it is over by then
    assert odd.heard == [{"envelope_id": "0"}, {"envelope_id": "1"}]


async def test_what_passes_may_be_told_of_once_more() -> None:
    odd = Odd()
    async with connected(odd):
        await odd.say(type="events_api", envelope_id="1", payload={"own": 1}, retry_attempt=1)
        await until(lambda: odd.heard)
    assert odd.repeats == 1


async def test_what_is_owed_on_a_connection_that_is_lost_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket_module, "OWED_FOR", 0.02)
    odd = Odd()
    with obs.captured() as logs:
        async with connected(odd):
            await odd.say(type="events_api", envelope_id="1", payload={"own": 1})
            await odd.sockets[0].close()
            await until(lambda: any(e["event"] == "slack.acknowledgement_lost" for e in logs))
    assert not odd.heard


@pytest.mark.parametrize("greeting", [[], ['{"type":"disconnect","reason":"link_disabled"}']])
async def test_without_a_hello_it_is_tried_again(
    greeting: list[bytes | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "CONNECT_WITHIN", 0.05)
    odd = Odd()
    odd.greeting = greeting
    with obs.captured() as logs:
        async with connected(odd, settled=False):
            await until(lambda: odd.opened >= 3)
            odd.greeting = ['{"type":"hello"}']
            await until(lambda: odd.gaps)
    said = [entry["error"] for entry in logs if entry["event"] == "slack.socket_failed"]
    assert said == ["Slack did not say hello"]


async def test_a_refused_connection_is_told_of_once_and_without_its_address() -> None:
    odd = Odd()
    odd.status = 404
    with obs.captured() as logs:
        async with connected(odd, settled=False):
            await until(lambda: odd.opened >= 3)
            odd.status = 101
            await until(lambda: odd.gaps)
    failed = [entry for entry in logs if entry["event"] == "slack.socket_failed"]
    assert len(failed) == 1
    assert "s3cr3t" not in repr(logs)


async def test_connections_that_end_as_they_begin_are_not_opened_in_haste(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_WAIT", 10.0)
    odd = Odd()
    odd.greeting += ['{"type":"disconnect","reason":"refresh_requested"}']
    began = time.monotonic()
    async with connected(odd):
        await until(lambda: odd.opened >= 4)
    # Waits of 25 to 50 ms, 50 to 100, 100 to 200.
    assert time.monotonic() - began >= 0.17


async def test_nothing_is_left_of_a_connection_that_was_reset() -> None:
    odd = Odd()
    async with connected(odd) as (_, http):
        held: Any = http.connector
        lost = await http.ws_connect(odd.url)
        assert len(held._acquired) == 2
        # As aiohttp takes some resets: the socket is closed then, and what it stands on is not.
        lost._reader.set_exception(aiohttp.ServerDisconnectedError())
        assert (await lost.receive()).type is aiohttp.WSMsgType.TEXT
        assert (await lost.receive()).type is aiohttp.WSMsgType.CLOSED
        await socket_module.Connection(lost).end()
        assert len(held._acquired) == 1


async def test_a_configuration_that_cannot_work_ends_the_run() -> None:
    odd = Odd()

    async def refused() -> str:
        raise ConfigurationError([Problem(where="app_token", what="refused")])

    odd.open_url = refused  # type: ignore[method-assign]
    async with connected(odd, settled=False) as (run, _):
        await asyncio.wait([run])
        assert isinstance(run.exception(), ConfigurationError)


async def test_not_more_than_so_many_events_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "MAX_UNDER_WAY", 3)
    odd, gate, under_way = Odd(), asyncio.Event(), 0

    async def take(event: dict[str, Any]) -> None:
        nonlocal under_way
        under_way += 1
        await gate.wait()

    odd.take = take  # type: ignore[method-assign]
    async with connected(odd):
        for number in range(6):
            await odd.say(type="events_api", envelope_id=f"{number}", payload={})
        await asyncio.sleep(0.03)
        assert under_way == 3
        gate.set()
        await until(lambda: len(odd.heard) == 6)
