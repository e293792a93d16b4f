"""The simulated gateway: sessions, what they are told, and what counts as taken over."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.adapters.discord.loopback import (
    BOT,
    INTENTS,
    TOKEN,
    Clock,
    Loopback,
    Socket,
    loopback,
)

CONTENT = 1 << 15


@pytest.fixture
async def dc() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def say(dc: Loopback, text: str = "hello") -> str:
    """Let Ann say something in her DM."""
    return await dc.simulator.say(text, person=dc.ann, place=dc.here)


async def told(socket: Socket) -> str:
    """What the next message says."""
    text: str = (await socket.event("MESSAGE_CREATE"))["content"]
    return text


async def test_a_session_begins_with_who_and_where_the_bot_is(dc: Loopback) -> None:
    event = await dc.simulator.say("old", person=dc.ann, place=dc.there)
    thread = dc.simulator.place("thread", parent=dc.there)
    socket = await dc.session()
    ready, guild = socket.ready, socket.ready["guild"]
    assert ready["user"]["id"] == ready["application"]["id"] == str(BOT)
    assert ready["guilds"] == [{"id": guild["id"], "unavailable": True}]
    assert ready["resume_gateway_url"].startswith("ws://127.0.0.1:")
    (channel,) = guild["channels"]
    assert (channel["id"], channel["type"], channel["last_message_id"]) == (dc.there.id, 0, event)
    (inside,) = guild["threads"]
    assert (inside["id"], inside["type"], inside["parent_id"]) == (thread.id, 11, dc.there.id)
    mine = [role for role in guild["roles"] if role.get("tags") == {"bot_id": str(BOT)}]
    assert [role["id"] for role in mine] == [dc.simulator.role()]


async def test_hello_says_the_interval_in_milliseconds() -> None:
    async with loopback(heartbeat=41.25) as dc:
        socket = await dc.connect(dc.simulator.settings()["gateway_url"])
        hello = await socket.next()
        assert (hello["op"], hello["d"]) == (10, {"heartbeat_interval": 41_250})
        assert (hello["s"], hello["t"]) == (None, None)


async def test_who_sends_no_heartbeats_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.discord.simulation.gateway.GRACE", 0.98)
    async with loopback(heartbeat=0.02) as dc:
        socket = await dc.session()
        # Without a pause, so that no beat is late: the second that it may be is another's time.
        enough = time.monotonic() + 1.2
        while time.monotonic() < enough:
            await socket.beat()
        assert await socket.next() == {"closed": 4000}


async def test_events_are_numbered_without_gaps(dc: Loopback) -> None:
    socket = await dc.session()
    for text in "abc":
        await say(dc, text)
    frames = [await socket.next() for _ in "abc"]
    assert [(frame["s"], frame["d"]["content"]) for frame in frames] == [
        (3, "a"),
        (4, "b"),
        (5, "c"),
    ]


@pytest.mark.parametrize(
    ("token", "intents", "code"),
    [
        ("wrong", INTENTS, 4004),
        (TOKEN, None, 4013),
        (TOKEN, 1 << 40, 4013),
        (TOKEN, INTENTS | 1 << 1, 4014),
        (TOKEN, INTENTS | 1 << 8, 4014),
    ],
)
async def test_who_may_not_identify_is_closed(
    dc: Loopback, token: str, intents: int | None, code: int
) -> None:
    socket = await dc.open()
    await socket.op(2, {"token": token, "intents": intents})
    assert await socket.next() == {"closed": code}


async def test_message_content_has_to_be_granted() -> None:
    async with loopback(message_content=False) as dc:
        socket = await dc.open()
        await socket.op(2, {"token": TOKEN, "intents": INTENTS})
        assert await socket.next() == {"closed": 4014}
        await dc.session(intents=INTENTS & ~CONTENT)
        dc.simulator.add_bot(TOKEN, "helper", message_content=True)
        await dc.session()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", 4002),
        ("[]", 4002),
        ('{"d": 1}', 4002),
        ('{"op": 2, "d": null}', 4002),
        ('{"op": 6, "d": []}', 4002),
        ('{"op": 77, "d": null}', 4001),
        ('{"op": 3, "d": {}}', 4003),
    ],
)
async def test_what_makes_no_sense_is_closed(dc: Loopback, frame: str, code: int) -> None:
    socket = await dc.open()
    await socket.ws.send_str(frame)
    assert await socket.next() == {"closed": code}


async def test_nobody_identifies_twice(dc: Loopback) -> None:
    socket = await dc.session()
    await socket.op(2, {"token": TOKEN, "intents": INTENTS})
    assert await socket.next() == {"closed": 4005}


@pytest.mark.parametrize("code", [0, 4000, 4002])
async def test_what_was_missed_is_told_again_on_resume(dc: Loopback, code: int) -> None:
    socket = await dc.session()
    await say(dc, "received")
    await told(socket)
    if code:
        await socket.ws.close(code=code)
    else:
        await dc.simulator.disconnect()
    await dc.gone()
    events = [await say(dc, "missed"), await say(dc, "too")]
    again = await dc.open()
    await again.resume(socket.ready["session_id"], socket.seq)
    frames = [await again.next() for _ in range(3)]
    assert [(frame["t"], frame["s"]) for frame in frames] == [
        ("MESSAGE_CREATE", 4),
        ("MESSAGE_CREATE", 5),
        ("RESUMED", 6),
    ]
    assert [frame["d"]["id"] for frame in frames[:2]] == events
    await say(dc, "live")
    assert await told(again) == "live"
    assert [call.parameters for call in dc.simulator.calls("RESUME")] == [
        {"session_id": socket.ready["session_id"], "seq": 3}
    ]
    assert "token" not in dc.simulator.calls("IDENTIFY")[0].parameters


@pytest.mark.parametrize("code", [1000, 1001])
async def test_who_says_goodbye_cannot_resume(dc: Loopback, code: int) -> None:
    socket = await dc.session()
    await socket.ws.close(code=code)
    await dc.gone()
    await refuses_to_resume(dc, socket)


async def refuses_to_resume(dc: Loopback, socket: Socket, **options: Any) -> None:
    again = await dc.open()
    await again.resume(socket.ready["session_id"], socket.seq, **options)
    frame = await again.next()
    assert (frame["op"], frame["d"]) == (9, False)
    await again.identify()


async def test_a_session_ends_when_nobody_resumes_it_in_time() -> None:
    clock = Clock()
    async with loopback(clock=clock, resume_within=60) as dc:
        first = await dc.session()
        await dc.simulator.disconnect()
        await dc.gone()
        clock.now += 59
        again = await dc.open()
        await again.resume(first.ready["session_id"], first.seq)
        assert await again.event("RESUMED")
        await dc.simulator.disconnect()
        await dc.gone()
        clock.now += 61
        await refuses_to_resume(dc, first)


async def test_a_killed_session_cannot_be_resumed(dc: Loopback) -> None:
    socket = await dc.session()
    dc.simulator.kill_session()
    assert "closed" in await socket.next()
    await refuses_to_resume(dc, socket)


async def test_nobody_resumes_somebody_elses_session_nor_the_future(dc: Loopback) -> None:
    other = dc.simulator.add_bot(username="other")
    first, second = await dc.session(), await dc.open()
    await second.resume(first.ready["session_id"], 2, dc.simulator.settings(other)["token"])
    assert (await second.next())["op"] == 9
    third = await dc.open()
    await third.resume(first.ready["session_id"], 99)
    assert await third.next() == {"closed": 4007}
    await refuses_to_resume(dc, first)


async def test_resuming_takes_the_session_from_a_connection_that_hangs(dc: Loopback) -> None:
    socket = await dc.session()
    dc.simulator.go_silent()
    event = await say(dc, "unheard")
    await socket.op(1, 99)
    again = await dc.open()
    await again.resume(socket.ready["session_id"], socket.seq)
    assert await told(again) == "unheard"
    assert await socket.next() == {"closed": 4000}, "nothing came, not even to the heartbeat"
    assert dc.simulator.unacknowledged() == [event]


async def test_clients_are_told_to_reconnect_or_that_it_is_over(dc: Loopback) -> None:
    socket = await dc.session()
    dc.simulator.reconnect()
    assert (await socket.next())["op"] == 7
    dc.simulator.invalidate(resumable=True)
    frame = await socket.next()
    assert (frame["op"], frame["d"]) == (9, True)
    dc.simulator.invalidate()
    assert (await socket.next())["d"] is False
    dc.simulator.close_gateway(4000)
    assert await socket.next() == {"closed": 4000}
    await refuses_to_resume(dc, socket)


@pytest.mark.parametrize(
    ("code", "lasts"), [(4000, True), (4008, True), (4007, False), (4009, False)]
)
async def test_some_close_codes_end_the_session(dc: Loopback, code: int, lasts: bool) -> None:
    socket = await dc.session()
    assert dc.simulator.connected()
    dc.simulator.close_gateway(code)
    assert await socket.next() == {"closed": code}
    await dc.gone()
    assert not dc.simulator.connected()
    again = await dc.open()
    await again.resume(socket.ready["session_id"], socket.seq)
    frame = await again.next()
    assert (frame["t"] or frame["op"]) == ("RESUMED" if lasts else 9)


async def test_events_go_to_who_asked_for_them(dc: Loopback) -> None:
    socket = await dc.session(intents=1 << 12)
    await dc.simulator.say("in the server", person=dc.ann, place=dc.there)
    await say(dc, "in the DM")
    assert await told(socket) == "in the DM"


async def test_every_session_of_a_bot_is_told(dc: Loopback) -> None:
    sockets = [await dc.session(), await dc.session()]
    await say(dc)
    assert [await told(socket) for socket in sockets] == ["hello", "hello"]


# What was taken over


async def test_a_heartbeat_says_what_was_taken(dc: Loopback) -> None:
    socket = await dc.session()
    first, second = await say(dc), await say(dc)
    await told(socket)
    await told(socket)
    assert dc.simulator.unacknowledged() == [first, second]
    await socket.beat(socket.seq - 2)
    assert dc.simulator.unacknowledged() == [first, second]
    await socket.beat(socket.seq - 1)
    assert dc.simulator.unacknowledged() == [second]
    await socket.beat()
    assert dc.simulator.unacknowledged() == []


async def test_a_resume_says_what_was_taken(dc: Loopback) -> None:
    socket = await dc.session()
    await say(dc, "stored")
    await told(socket)
    event = await say(dc, "not stored")
    await told(socket)
    await dc.simulator.disconnect()
    await dc.gone()
    again = await dc.open()
    await again.resume(socket.ready["session_id"], socket.seq - 1)
    assert await told(again) == "not stored"
    assert dc.simulator.unacknowledged() == [event]


async def test_history_is_the_other_way_to_a_message(dc: Loopback) -> None:
    first = await say(dc, "before")
    second = await dc.simulator.say("elsewhere", person=dc.ann, place=dc.there)
    third = await say(dc, "after")
    assert dc.simulator.unacknowledged() == [first, second, third]
    await dc.call("GET", f"/channels/{dc.here.id}/messages?after={first}&limit=1")
    assert dc.simulator.unacknowledged() == [second]
    await dc.call("GET", f"/channels/{dc.there.id}/messages")
    assert dc.simulator.unacknowledged() == []


async def test_history_says_nothing_of_what_is_being_told(dc: Loopback) -> None:
    socket = await dc.session()
    event = await say(dc)
    await dc.call("GET", f"/channels/{dc.here.id}/messages?after=0")
    assert dc.simulator.unacknowledged() == [event]
    await socket.ws.close(code=4000)
    await dc.gone()
    await dc.call("GET", f"/channels/{dc.here.id}/messages?after=0")
    assert dc.simulator.unacknowledged() == []


async def test_what_no_history_shows_is_lost_with_its_session(dc: Loopback) -> None:
    message = await say(dc)
    early = await dc.simulator.edit(message, "nobody there")
    assert dc.simulator.lost() == [early]
    await dc.session()
    edit = await dc.simulator.edit(message, "hello!")
    gone = await dc.simulator.delete(message)
    assert dc.simulator.unacknowledged() == [message, edit, gone]
    await dc.simulator.disconnect()
    await dc.gone()
    assert dc.simulator.lost() == [early]
    await dc.session()
    assert dc.simulator.unacknowledged() == [message]
    assert dc.simulator.lost() == [early, edit, gone]


async def test_bots_of_one_server_are_counted_by_themselves(dc: Loopback) -> None:
    other = dc.simulator.add_bot(username="other")
    dc.simulator.join(dc.there, other)
    event = await dc.simulator.say("both", person=dc.ann, place=dc.there)
    assert dc.simulator.unacknowledged() == [event, event]
    await dc.call("GET", f"/channels/{dc.there.id}/messages")
    assert dc.simulator.unacknowledged() == [event]


async def test_anything_can_be_injected(dc: Loopback) -> None:
    socket = await dc.session()
    event = dc.simulator.inject({"t": "NOBODY_KNOWS", "d": {"a": [None]}})
    assert await socket.event("NOBODY_KNOWS") == {"a": [None]}
    dc.simulator.inject({"channel_id": "x"})
    assert await socket.event("MESSAGE_CREATE") == {"channel_id": "x"}
    dc.simulator.inject({"application_id": 1})
    assert await socket.event("INTERACTION_CREATE") == {"application_id": 1}
    assert event in dc.simulator.unacknowledged()
    await socket.beat()
    assert dc.simulator.unacknowledged() == []
