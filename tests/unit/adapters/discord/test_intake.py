"""What is dispatched is taken over once, in order in each channel, whatever the store does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import structlog

from adapters.discord import intake
from adapters.discord.connection import Session
from adapters.discord.intake import Intake, Watermark
from adapters.discord.rest import Rest
from gateway import Receipt, Unavailable, UnreadableUpdate
from gateway import observability as obs
from gateway.testing.adapter import BareBookmarks
from tests.unit.adapters.discord.channel import Channel, injected, until

ONE, OTHER = Session(id="1", url="ws://x/"), Session(id="2", url="ws://x/")


def watermark(*sequence: int) -> Watermark:
    """One in whose session so much has passed."""
    mark = Watermark()
    mark.begin(ONE)
    for seq in sequence:
        mark.passed(seq)
    return mark


def test_what_needs_nothing_is_passed() -> None:
    mark = watermark(1, 2, 3)
    assert (mark.session, mark.seq, mark.current) == (ONE, 3, 3)


def test_nothing_is_passed_before_what_is_not_taken() -> None:
    mark = watermark(1)
    second, third = mark.opened(2), mark.opened(3)
    mark.passed(4)
    assert mark.seq == 1
    mark.closed(third)
    assert mark.seq == 1
    mark.closed(second)
    assert mark.seq == 4


def test_what_a_former_session_left_comes_first() -> None:
    mark = watermark(1)
    left = mark.opened(2)
    mark.begin(OTHER)
    mark.passed(1)
    fresh = mark.opened(2)
    mark.closed(fresh)
    assert (mark.session, mark.seq, mark.current) == (ONE, 1, None)
    mark.closed(left)
    assert (mark.session, mark.seq, mark.current) == (OTHER, 2, 2)


def test_what_has_no_number_counts_for_nothing() -> None:
    mark = watermark(5)
    odd: list[Any] = [None, "6", 6.0, True, []]
    for seq in odd:
        assert mark.opened(seq) is None
        mark.passed(seq)
    mark.closed(None)
    assert mark.seq == 5


def test_without_a_session_nothing_is_counted() -> None:
    mark = Watermark()
    assert mark.opened(1) is None
    assert mark.session is None


async def test_one_channel_keeps_its_order_and_holds_no_other_up(discord: Channel) -> None:
    inbox, release = discord.inbox, asyncio.Event()

    async def slowly(raw: bytes) -> Receipt:
        if b"slow" in raw:
            await release.wait()
        return await inbox(raw)

    run = asyncio.create_task(discord.adapter.run(slowly))
    await until(discord.ready)
    for text in ("slow 0", "1", "2"):
        await discord.say(text)
    for text in ("3", "4"):
        await discord.say(text, discord.there, mention=True)
    await discord.hears("3", "4")
    assert inbox.texts == ["3", "4"]
    release.set()
    await discord.hears("2")
    assert inbox.texts == ["3", "4", "slow 0", "1", "2"]
    run.cancel()
    await asyncio.wait([run])


async def test_while_the_store_is_away_nothing_is_lost_and_order_is_kept(discord: Channel) -> None:
    with obs.captured() as lines:
        async with discord.running():
            discord.inbox.away = True
            mine = [f"mine {number}" for number in range(5)]
            ours = [f"ours {number}" for number in range(5)]
            for one, other in zip(mine, ours, strict=True):
                await discord.say(one)
                await discord.say(other, discord.there, mention=True)
            await until(lambda: discord.inbox.offered > 6)
            assert not discord.inbox.texts
            assert len(discord.simulator.unacknowledged()) == 10
            discord.inbox.away = False
            await discord.hears(*mine, *ours)
            await discord.settled()
    assert discord.inbox.said_in(discord.here) == mine
    assert discord.inbox.said_in(discord.there) == ours
    assert [line["event"] for line in lines].count("discord.intake_paused") == 1
    assert discord.count("IDENTIFY") == 1


class Taking:
    """An intake by itself: what it offers, what it spawns, and what it remembers."""

    def __init__(self) -> None:
        self.offered: list[bytes] = []
        self.spawned: list[asyncio.Task[None]] = []
        self.moves = 0
        self.bookmarks = BareBookmarks()
        self.watermark = watermark(1)
        self.intake = Intake(
            self.receive,
            self.spawn,
            name="garden",
            bookmarks=self.bookmarks,
            watermark=self.watermark,
            moved=self.move,
            log=structlog.get_logger("test"),
        )
        self.intake.me = "7"

    @property
    def places(self) -> dict[str, str]:
        return {place: at for (_, place), at in self.bookmarks.kept.items()}

    async def receive(self, raw: bytes) -> Receipt:
        self.offered.append(raw)
        return Receipt(outcome="accepted")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.spawned.append(asyncio.ensure_future(work))

    def move(self) -> None:
        self.moves += 1

    def take(self, seq: int, author: str, event: str = "MESSAGE_CREATE") -> None:
        data = {"id": str(seq * 100), "channel_id": "5", "author": {"id": author}}
        self.intake.take({"op": 0, "t": event, "s": seq, "d": data}, f"raw {seq}", None)


async def test_what_the_bot_says_is_passed_at_once_where_nothing_is_before_it() -> None:
    taking = Taking()
    taking.take(2, "7")
    taking.take(3, "7", "MESSAGE_UPDATE")
    assert (taking.watermark.seq, taking.moves) == (3, 2)
    assert taking.places == {"dm:5": "200"}
    assert not taking.spawned
    assert not taking.offered


async def test_what_the_bot_says_is_passed_behind_what_is_before_it() -> None:
    taking = Taking()
    taking.take(2, "8")
    taking.take(3, "7")
    assert taking.watermark.seq == 1
    assert taking.places == {"dm:5": "199"}
    await asyncio.gather(*taking.spawned)
    assert (taking.watermark.seq, taking.moves) == (3, 2)
    assert taking.places == {"dm:5": "300"}
    assert taking.offered == [b"raw 2"]


async def test_when_too_much_waits_no_more_is_read(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection lives on, though nothing of it is read: what comes waits at Discord's end."""
    monkeypatch.setattr(intake, "MANY", 3)
    async with discord.running():
        await discord.settled()
        discord.inbox.gate.clear()
        places = [discord.simulator.place("channel") for _ in range(8)]
        for number, place in enumerate(places):
            await discord.say(str(number), place, mention=True)
        await until(lambda: discord.inbox.offered >= 3)
        await asyncio.sleep(0.2)
        assert discord.inbox.offered == 3
        discord.inbox.gate.set()
        await discord.hears(*map(str, range(8)))
        await discord.settled()
    assert discord.count("IDENTIFY") == 1
    assert not discord.count("RESUME")


async def test_histories_that_are_read_hold_nothing_up(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is taken over waits for nothing, though something before it still does."""
    monkeypatch.setattr(intake, "MANY", 3)
    async with discord.running():
        await discord.say("before", discord.there, mention=True)
        await discord.settled()
    discord.simulator.kill_session()
    await discord.say("missed", discord.there, mention=True)
    read, release = Rest.call, asyncio.Event()

    async def slowly(rest: Rest, method: str, path: str, **more: Any) -> Any:
        if "after=" in path and discord.there.id in path:
            await release.wait()
        return await read(rest, method, path, **more)

    monkeypatch.setattr(Rest, "call", slowly)
    second = discord.again()
    async with second.running():
        for number in range(9):
            await second.say(str(number))
        await second.hears(*map(str, range(9)))
        assert second.simulator.unacknowledged()
        release.set()
        await second.hears("missed")
        await second.settled()


async def test_when_the_store_is_back_those_that_wait_do_not_wait_again(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "AT_ONCE", 1)
    inbox, away = discord.inbox, asyncio.Event()

    async def receive(raw: bytes) -> Receipt:
        if not away.is_set():
            inbox.offered += 1
            raise Unavailable(retry_after=0.01 if b'"the first"' in raw else 30.0)
        return await inbox(raw)

    run = asyncio.create_task(discord.adapter.run(receive))
    await until(discord.ready)
    await discord.say("the first")
    await until(lambda: inbox.offered > 1)
    places = [discord.simulator.place("channel") for _ in range(3)]
    for number, place in enumerate(places):
        await discord.say(str(number), place, mention=True)
    await until(lambda: inbox.offered > 6)
    away.set()
    await discord.hears("the first", "0", "1", "2")
    run.cancel()
    await asyncio.wait([run])


async def test_its_own_words_are_not_offered(discord: Channel) -> None:
    async with discord.running():
        await discord.say("hello")
        await discord.hears("hello")
        sent = await discord.adapter.send(discord.delivery("hello"))
        await discord.adapter.send(discord.delivery("hello yourself", replaces=sent.platform_id))
        await discord.settled()
        assert discord.inbox.offered == 1
        (seen,) = discord.simulator.sent(discord.here)
        await until(lambda: discord.marks().get(f"dm:{discord.here.id}") == seen.message_id)


async def test_where_a_channel_is_read_up_to_is_remembered(discord: Channel) -> None:
    async with discord.running():
        first = await discord.say("hello")
        last = await discord.say("nobody is meant", discord.there)
        await discord.settled()
        assert discord.marks()[f"dm:{discord.here.id}"] == first
        assert discord.marks()[f"channel:{discord.there.id}"] == last
        discord.inbox.gate.clear()
        stranger = discord.simulator.place("direct", people=[discord.simulator.person("Bob")])
        offered = discord.inbox.offered
        event = await discord.say("hello?", stranger)
        await until(lambda: discord.inbox.offered > offered)
        assert discord.marks()[f"dm:{stranger.id}"] == str(int(event) - 1)


async def test_what_nobody_can_read_is_set_aside(discord: Channel) -> None:
    inbox, tries = discord.inbox, iter([Unavailable(retry_after=0.01)])

    async def refusing(raw: bytes) -> Receipt:
        if b"poison" in raw:
            raise next(tries, UnreadableUpdate("poison"))
        return await inbox(raw)

    with obs.captured() as lines:
        run = asyncio.create_task(discord.adapter.run(refusing))
        await until(discord.ready)
        await discord.say("poison")
        await discord.say("hello")
        await discord.hears("hello")
        await discord.settled()
        run.cancel()
        await asyncio.wait([run])
    assert "discord.dispatch_skipped" in [line["event"] for line in lines]


HOSTILE: list[dict[str, Any]] = [
    {"t": "MESSAGE_CREATE", "d": [1]},
    {"t": "MESSAGE_CREATE", "d": "x"},
    {"t": "GUILD_CREATE", "d": {"id": {}, "channels": 7, "threads": [[]], "roles": {"a": 1}}},
    {"t": "GUILD_CREATE", "d": {"roles": [{"id": [], "tags": {"bot_id": []}}, {"tags": 1}, 5]}},
    {"t": "GUILD_ROLE_CREATE", "d": {"role": [1]}},
    {"t": "GUILD_DELETE", "d": {"id": []}},
    {"t": "INTERACTION_CREATE", "d": {"id": [], "token": {}, "type": [2]}},
    {"t": "INTERACTION_CREATE", "d": {"id": "../..", "token": "a/b?c", "type": 2}},
    {"t": "MESSAGE_DELETE_BULK", "d": {"ids": 7}},
    injected(),
    injected(id=[], channel_id={}, author=7),
    injected(id="1" * 5000, channel_id="x" * 5000),
    injected(id="1", channel_id="2", guild_id=[], author={"id": []}),
]


@pytest.mark.parametrize("dispatch", HOSTILE)
async def test_hostile_dispatches_hurt_nobody(discord: Channel, dispatch: dict[str, Any]) -> None:
    async def receive(raw: bytes) -> Receipt:
        try:
            return await discord.inbox(raw)
        except UnreadableUpdate as error:
            return Receipt(outcome="ignored", reason=str(error))

    run = asyncio.create_task(discord.adapter.run(receive))
    await until(discord.ready)
    discord.simulator.inject(dispatch)
    await discord.say("hello")
    await discord.hears("hello")
    await discord.settled()
    assert not run.done()
    assert discord.count("IDENTIFY") == 1
    assert not discord.count("RESUME")
    assert all(len(place) < 40 for place in discord.marks())
    run.cancel()
    await asyncio.wait([run])


@pytest.mark.parametrize(
    "frame",
    [
        '{"op": 0, "s": null, "t": ["MESSAGE_CREATE"], "d": {}}',
        '{"op": 0, "s": "9", "t": {}, "d": {}}',
        '{"op": 0, "s": [], "t": "MESSAGE_CREATE", "d": {"id": "1", "channel_id": "2"}}',
        '{"op": 0, "s": 1.5, "t": "GUILD_CREATE", "d": {}}',
        '{"op": 0}',
        '{"op": 11, "d": [1]}',
        '{"op": 99}',
        '{"op": []}',
        "[]",
    ],
)
async def test_odd_frames_hurt_nobody(discord: Channel, frame: str) -> None:
    async def receive(raw: bytes) -> Receipt:
        try:
            return await discord.inbox(raw)
        except UnreadableUpdate as error:
            return Receipt(outcome="ignored", reason=str(error))

    run = asyncio.create_task(discord.adapter.run(receive))
    await until(discord.ready)
    (connection,) = discord.simulator._gateway.connections
    connection.send(frame)
    await discord.say("hello")
    await discord.hears("hello")
    await discord.settled()
    assert not run.done()
    assert discord.simulator._gateway.connections == [connection]
    run.cancel()
    await asyncio.wait([run])
