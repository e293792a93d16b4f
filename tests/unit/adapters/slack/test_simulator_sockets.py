"""Socket Mode of the simulated Slack: acknowledgements, retries, and how connections end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.simulator import Patience
from tests.unit.adapters.slack.loopback import Loopback, loopback

# Nothing is acknowledged in time, unless it is at once.
QUICK = Patience(ack_within=0.05, waits=(0.0, 0.02))


@pytest.fixture
async def sl() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


@pytest.fixture
async def hurried() -> AsyncIterator[Loopback]:
    async with loopback(patience=QUICK) as everything:
        yield everything


async def test_the_first_frame_says_hello(sl: Loopback) -> None:
    first, second = await sl.connect(), await sl.connect()
    assert first.hello["connection_info"]["app_id"] == sl.account
    assert (first.hello["type"], second.hello["num_connections"]) == ("hello", 2)
    assert sl.simulator.connections() == 2


async def test_an_address_is_good_for_one_connection(sl: Loopback) -> None:
    token = sl.simulator.settings()["app_token"]
    client = AsyncWebClient(token, base_url=f"{sl.simulator.url}/api/", session=sl.http)
    url = (await client.apps_connections_open(app_token=token))["url"]
    await sl.http.ws_connect(url)
    for used_up in (url, f"{url}x", url.replace(sl.account, "A1")):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await sl.http.ws_connect(used_up)


@pytest.mark.parametrize(
    ("which", "error"),
    [
        ("", "not_authed"),
        ("xapp-unknown", "invalid_auth"),
        ("bot_token", "not_allowed_token_type"),
    ],
)
async def test_who_may_not_connect(sl: Loopback, which: str, error: str) -> None:
    token = sl.simulator.settings().get(which, which)
    async with sl.http.post(
        f"{sl.simulator.url}/api/apps.connections.open",
        headers={"Authorization": f"Bearer {token}"},
    ) as response:
        assert await response.json() == {"ok": False, "error": error}


async def test_what_is_not_acknowledged_comes_again_until_slack_gives_up(hurried: Loopback) -> None:
    socket = await hurried.connect()
    said = await hurried.simulator.say("hi", person=hurried.ann, place=hurried.here)
    frames = [await socket.frame() for _ in range(3)]
    assert [frame["retry_attempt"] for frame in frames] == [0, 1, 2]
    assert [frame["retry_reason"] for frame in frames] == ["", "timeout", "timeout"]
    assert len({frame["payload"]["event_id"] for frame in frames}) == 1
    assert len({frame["envelope_id"] for frame in frames}) == 3
    await hurried.simulator.wait_until(lambda: hurried.simulator.lost() == [said])
    assert hurried.simulator.unacknowledged() == [said]
    assert await socket.is_quiet()


async def test_an_acknowledgement_that_comes_too_late_is_none(hurried: Loopback) -> None:
    socket = await hurried.connect()
    said = await hurried.simulator.say("hi", person=hurried.ann, place=hurried.here)
    frames = [await socket.frame() for _ in range(3)]
    for frame in (*frames[:2], {"envelope_id": "nothing"}):
        await socket.ack(frame)
    await socket.raw.send_str("{")
    await hurried.simulator.wait_until(lambda: hurried.simulator.lost() == [said])
    assert hurried.simulator.ack_times() == []


async def test_what_was_lost_is_made_up_for_by_reading_the_history(sl: Loopback) -> None:
    sl.simulator.drop(2)
    said = [await sl.simulator.say(text, person=sl.ann, place=sl.here) for text in ("a", "b", "c")]
    assert sl.simulator.lost() == said[:2]
    assert sl.simulator.unacknowledged() == said
    sl.simulator.drop(2)
    changed = await sl.simulator.edit(said[1], "b!")
    await sl.simulator.delete(said[2])
    assert sl.simulator.unacknowledged() == [*said, changed], "no history has what is gone"
    oldest = said[1].partition(":")[2]
    await sl.call("conversations.history", channel=sl.here.id, oldest=oldest, inclusive=True)
    assert sl.simulator.unacknowledged() == [said[0], said[2]]


async def test_a_press_is_not_repeated(hurried: Loopback) -> None:
    simulator = hurried.simulator
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    await hurried.send("?", blocks=[{"type": "actions", "elements": [button]}])
    press = await simulator.press("Go", person=hurried.ann, place=hurried.here)
    assert simulator.unacknowledged() == []
    assert simulator.lost() == [press], "nobody was there to take it"
    await hurried.connect()
    press = await simulator.press("Go", person=hurried.ann, place=hurried.here)
    assert simulator.unacknowledged() == [press]
    await simulator.wait_until(lambda: not simulator.unacknowledged())
    assert simulator.lost()[-1] == press


async def test_what_a_lost_connection_did_not_acknowledge_comes_on_another(sl: Loopback) -> None:
    first = await sl.connect()
    await sl.simulator.say("hi", person=sl.ann, place=sl.here)
    frame = await first.frame()
    second = await sl.connect()
    await first.raw.close()
    again = await second.frame()
    assert again["payload"] == frame["payload"]
    assert (again["retry_attempt"], again["retry_reason"]) == (1, "connection_closed")


async def test_what_happened_meanwhile_comes_with_the_next_connection() -> None:
    async with loopback(patience=Patience(waits=(0.0, 60.0))) as sl:
        said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        socket = await sl.connect()
        frame = await socket.frame()
        assert f"{sl.here.id}:{frame['payload']['event']['ts']}" == said
        assert (frame["retry_attempt"], frame["retry_reason"]) == (2, "no_connection")


async def test_events_are_dealt_out_to_all_connections(sl: Loopback) -> None:
    sockets = [await sl.connect() for _ in range(2)]
    for text in ("a", "b"):
        await sl.simulator.say(text, person=sl.ann, place=sl.here)
    assert {(await socket.event())["text"] for socket in sockets} == {"a", "b"}


async def test_an_acknowledgement_may_come_on_another_connection(sl: Loopback) -> None:
    sockets = [await sl.connect() for _ in range(2)]
    await sl.simulator.say("a", person=sl.ann, place=sl.here)
    frame = await sockets[1].frame()
    await sockets[0].ack(frame)
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())


async def test_ten_connections_are_enough(sl: Loopback) -> None:
    for _ in range(10):
        await sl.connect()
    eleventh = await sl.connect()
    assert (eleventh.hello["type"], eleventh.hello["reason"]) == (
        "disconnect",
        "too_many_websockets",
    )
    assert (await eleventh.raw.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_warning_and_then_the_end(sl: Loopback) -> None:
    socket = await sl.connect()
    sl.simulator.warn()
    frame = await socket.frame()
    assert (frame["type"], frame["reason"]) == ("disconnect", "warning")
    await sl.simulator.say("still there", person=sl.ann, place=sl.here)
    assert (await socket.event())["text"] == "still there"
    sl.simulator.refresh(after=0.01)
    assert (await socket.frame())["reason"] == "refresh_requested"
    assert (await socket.raw.receive()).type is aiohttp.WSMsgType.CLOSE
    await sl.simulator.wait_until(lambda: sl.simulator.connections() == 0)


async def test_a_ghost_answers_nothing_and_takes_nothing() -> None:
    patience = Patience(ack_within=0.05, waits=(0.0,) * 40)
    async with loopback(patience=patience) as sl:
        ghost = await sl.connect()
        await ghost.raw.ping(b"?")
        assert (await ghost.raw.receive()).type is aiohttp.WSMsgType.PONG
        sl.simulator.go_silent()
        await ghost.raw.ping(b"?")
        await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        assert await ghost.is_quiet(0.01)
        assert not ghost.raw.closed
        socket = await sl.connect()
        assert (await socket.event())["text"] == "hi"


async def test_slack_pings() -> None:
    async with loopback(ping_every=0.01) as sl:
        socket = await sl.connect()
        assert (await socket.raw.receive(timeout=10.0)).type is aiohttp.WSMsgType.PING


async def test_no_order_is_promised() -> None:
    async with loopback(shuffle=True) as sl:
        socket = await sl.connect()
        texts = [str(number) for number in range(9)]
        for text in texts:
            await sl.simulator.say(text, person=sl.ann, place=sl.here)
        came = [(await socket.event())["text"] for _ in texts]
        assert came != texts
        assert sorted(came) == texts


async def test_connections_that_are_reset(sl: Loopback) -> None:
    socket = await sl.connect()
    await sl.simulator.disconnect()
    assert (await socket.raw.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    await sl.connect()


async def test_an_outage(sl: Loopback) -> None:
    socket = await sl.connect()
    await sl.simulator.outage(True)
    await socket.raw.receive()
    said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
    with pytest.raises(aiohttp.ClientError):
        await sl.connect()
    assert sl.simulator.lost() == []
    assert sl.simulator.unacknowledged() == [said]
    await sl.simulator.outage(False)
    socket = await sl.connect()
    assert (await socket.event())["text"] == "hi"


async def test_an_outage_counts_no_attempt() -> None:
    async with loopback(patience=Patience(waits=())) as sl:
        await sl.simulator.outage(True)
        said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        assert sl.simulator.lost() == []
        await sl.simulator.outage(False)
        assert sl.simulator.lost() == [said], "nobody is connected yet"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            {"type": "event_callback", "event": {"type": "team_join"}, "event_id": "Ev1"},
            "events_api",
        ),
        ({"type": "", "event": {"type": ""}}, "events_api"),
        ({"type": "view_submission", "trigger_id": "1.2"}, "interactive"),
        ({"command": "/x", "channel_id": "D1"}, "slash_commands"),
        ({}, "events_api"),
    ],
)
async def test_anything_can_be_injected(sl: Loopback, body: dict[str, Any], kind: str) -> None:
    socket = await sl.connect()
    key = sl.simulator.inject(body)
    frame = await socket.frame()
    assert (frame["type"], frame["payload"]) == (kind, body)
    assert sl.simulator.unacknowledged() == [key]
    await socket.ack(frame)
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())


async def test_what_was_taken_over_may_come_again(sl: Loopback) -> None:
    socket = await sl.connect()
    channel = sl.simulator.place("channel", people=[sl.ann])
    said = await sl.simulator.say("hi", person=sl.ann, place=channel, mention=True)
    first = [await socket.event() for _ in range(2)]
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())
    sl.simulator.redeliver(said)
    assert [await socket.event() for _ in range(2)] == first
    with pytest.raises(LookupError, match="nothing was told of C1:1"):
        sl.simulator.redeliver("C1:1")


async def test_it_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with loopback(shuffle=True, patience=Patience(waits=(60.0,))) as sl:
        await sl.simulator.say("waits for its retry", person=sl.ann, place=sl.here)
        await sl.connect()
        await sl.simulator.say("is under way", person=sl.ann, place=sl.here)
        await asyncio.sleep(0.05)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
