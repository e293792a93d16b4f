"""Order within a conversation, what is remembered of an event, and what is added to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pytest
import structlog

from adapters.slack import intake as intake_module
from adapters.slack import surroundings as surroundings_module
from adapters.slack import turns as turns_module
from adapters.slack.authors import Me
from adapters.slack.intake import Intake, Spot, is_own, spot_of
from adapters.slack.positions import Positions
from adapters.slack.surroundings import Surroundings
from adapters.slack.turns import EVERYWHERE, Turns
from gateway import RateLimited, Receipt, Unavailable, UnreadableUpdate
from gateway.testing.adapter import BareBookmarks
from tests.unit.adapters.slack.channel import until

# Turns.


async def one(turns: Turns, place: str, name: str, into: list[str]) -> None:
    async with turns.turn(place):
        into.append(f"{name} begins")
        await asyncio.sleep(0.01)
        into.append(f"{name} ends")


async def test_what_happens_at_a_place_happens_in_turn() -> None:
    turns, seen = Turns(), list[str]()
    works = [one(turns, place, f"{place}{n}", seen) for place in "ab" for n in range(2)]
    await asyncio.gather(*works)
    for place in "ab":
        mine = [each for each in seen if each.startswith(place)]
        assert mine == [f"{place}{n} {what}" for n in range(2) for what in ("begins", "ends")]
    assert seen[:2] == ["a0 begins", "b0 begins"]


async def test_nobody_waits_for_ever_for_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "PATIENCE", 0.02)
    turns, stuck = Turns(), asyncio.Event()

    async def hang() -> None:
        async with turns.turn("a"):
            await stuck.wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        async with turns.turn("a"):
            pass
    stuck.set()
    await task


async def test_a_closed_place_lets_nothing_through_until_it_is_opened() -> None:
    turns, seen = Turns(), list[str]()
    turns.close("a")
    tasks = [asyncio.create_task(one(turns, place, place, seen)) for place in "ab"]
    await until(lambda: "b ends" in seen)
    assert list(turns.awaited) == ["a"]
    turns.open("a")
    await asyncio.gather(*tasks)
    assert seen[-1] == "a ends"
    assert not turns.awaited


async def test_all_places_may_be_closed_at_once_and_some_stay_closed() -> None:
    turns, seen = Turns(), list[str]()
    turns.close(EVERYWHERE)
    tasks = [asyncio.create_task(one(turns, place, place, seen)) for place in "ab"]
    await asyncio.sleep(0.01)
    assert not seen
    turns.close("a")
    turns.open(EVERYWHERE)
    await until(lambda: "b ends" in seen)
    assert "a begins" not in seen
    turns.open_all()
    await asyncio.gather(*tasks)


async def test_who_gives_up_a_turn_keeps_nobody() -> None:
    turns, seen = Turns(), list[str]()
    turns.close("a")
    first = asyncio.create_task(one(turns, "a", "first", seen))
    second = asyncio.create_task(one(turns, "a", "second", seen))
    await asyncio.sleep(0)
    first.cancel()
    turns.open("a")
    async with asyncio.timeout(turns_module.PATIENCE / 2):
        await second
    assert seen == ["second begins", "second ends"]


# What is remembered.


def said(ts: str = "1.000001", channel: str = "C1", **more: Any) -> dict[str, Any]:
    inner = {"type": "message", "channel": channel, "user": "U1", "ts": ts, "text": "hello", **more}
    return {"type": "event_callback", "event_id": "Ev1", "event": inner}


@pytest.mark.parametrize(
    ("event", "spot"),
    [
        (said(), Spot(channel="C1", thread="", ts="1.000001")),
        (said(thread_ts="1.000001"), Spot(channel="C1", thread="", ts="1.000001")),
        (said(thread_ts="0.000001"), Spot(channel="C1", thread="0.000001", ts="1.000001")),
        (said(subtype="message_changed"), None),
        (said(subtype="message_deleted"), None),
        (said(ts=7), None),  # type: ignore[arg-type]
        (said(channel=None), None),  # type: ignore[arg-type]
        ({"type": "event_callback", "event": {"type": "app_home_opened"}}, None),
        ({"type": "event_callback", "event": 7}, None),
        ({"type": "block_actions"}, None),
    ],
)
def test_where_something_was_said(event: dict[str, Any], spot: Spot | None) -> None:
    assert spot_of(event) == spot


ME = Me(user_id="U0BOT", bot_id="B0BOT")
START = ""
"""Nothing is loaded, so nothing is known of the start either."""


class Gateway:
    """An intake, and what the gateway answers it."""

    def __init__(self) -> None:
        self.outcome = "accepted"
        self.reason = ""
        self.failures: list[Exception] = []
        self.raws: list[bytes] = []
        self.added: dict[str, Any] = {}
        self.asks = False
        self.after: list[Receipt] = []
        self.behind = 0
        self.bookmarks = BareBookmarks()
        self.positions = Positions(self.bookmarks, "garden")
        self.intake = Intake(
            self.receive,
            turns=Turns(),
            positions=self.positions,
            around=self,
            me=ME,
            aftermath=lambda _, receipt: self.after.append(receipt),
            log=structlog.get_logger("test"),
        )
        self.intake.behind = self.fall_behind

    @property
    def places(self) -> dict[str, str]:
        return {place: ts for (_, place), ts in self.bookmarks.kept.items()}

    async def receive(self, raw: bytes) -> Receipt:
        self.raws.append(raw)
        if self.failures:
            raise self.failures.pop(0)
        return Receipt(outcome=self.outcome, reason=self.reason)

    def at_once(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        return None if self.asks else self.added

    async def of(self, event: Mapping[str, Any]) -> dict[str, Any]:
        assert self.asks
        await asyncio.sleep(0.001)
        return self.added

    def fall_behind(self) -> None:
        self.behind += 1


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


async def test_a_message_begins_the_thread_of_its_answers(gateway: Gateway) -> None:
    await gateway.intake.take(said())
    assert gateway.places == {"C1": START, "C1:1.000001": "1.000001"}
    assert gateway.positions.is_heard("C1", "1.000001")


async def test_a_direct_message_begins_none(gateway: Gateway) -> None:
    await gateway.intake.take(said(channel="D1"))
    assert gateway.places == {"D1": START}
    await gateway.intake.take(said("3.000001", channel="D1", thread_ts="2.000001"))
    assert gateway.places == {"D1": START, "D1:2.000001": "3.000001"}


async def test_threads_that_are_not_for_the_bot_are_not_remembered(gateway: Gateway) -> None:
    gateway.outcome = "ignored"
    await gateway.intake.take(said())
    await gateway.intake.take(said("3.000001", thread_ts="2.000001"))
    assert gateway.places == {"C1": START}
    assert gateway.positions.is_heard("C1", "3.000001")


async def test_nothing_is_remembered_of_what_was_not_taken(gateway: Gateway) -> None:
    gateway.failures.append(Unavailable("no disk"))
    with pytest.raises(Unavailable):
        await gateway.intake.take(said())
    assert not gateway.positions.is_heard("C1", "1.000001")
    assert gateway.behind == 1
    assert not gateway.after


async def test_what_slack_holds_back_is_asked_for(gateway: Gateway) -> None:
    gateway.outcome = "ignored"
    behind = []
    gateway.intake.behind = lambda: behind.append(1)
    await gateway.intake.take({"type": "app_home_opened"})
    assert not behind
    await gateway.intake.take({"type": "app_rate_limited", "minute_rate_limited": 1518467820})
    assert behind


async def test_an_event_that_cannot_be_kept_is_unreadable(gateway: Gateway) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"deeper": deep}
    with pytest.raises(UnreadableUpdate):
        await gateway.intake.take(said(blocks=deep))


async def test_what_slack_repeats_is_not_insisted_on(gateway: Gateway) -> None:
    gateway.failures.extend([Unavailable("no disk")] * 2)
    with pytest.raises(Unavailable):
        await gateway.intake.take(said())
    assert len(gateway.raws) == 1


@pytest.mark.parametrize("event", [{"type": "block_actions"}, {"command": "/reset"}])
async def test_what_slack_does_not_repeat_is_insisted_on_for_a_while(
    gateway: Gateway, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "INSIST_EVERY", 0.001)
    gateway.failures.extend([Unavailable("no disk")] * 3)
    await gateway.intake.take(event)
    assert len(gateway.raws) == 4
    monkeypatch.setattr(intake_module, "INSIST_FOR", 0.01)
    gateway.failures.extend([Unavailable("no disk")] * 1000)
    with pytest.raises(Unavailable):
        await gateway.intake.take(event)
    # It is not asked for later: nobody can read it anywhere.
    assert not gateway.behind


async def test_what_opens_anything_is_left_out(gateway: Gateway) -> None:
    event = said(assistant_thread={"action_token": "s3cr3t"}, action_token="s3cr3t")
    event |= {"token": "s3cr3t", "response_url": "s3cr3t", "response_urls": ["s3cr3t"]}
    await gateway.intake.take({**event, "gateway": {"names": {"U1": "s3cr3t"}}})
    (raw,) = gateway.raws
    assert b"s3cr3t" not in raw
    assert b'"assistant_thread":{}' in raw


async def test_what_was_found_out_is_added(gateway: Gateway) -> None:
    gateway.added = {"names": {"U1": "Ann"}}
    await gateway.intake.take({**said(), "gateway": {"names": {"U1": "somebody else"}}})
    assert b'"gateway":{"names":{"U1":"Ann"}}' in gateway.raws[0]


async def test_who_has_to_be_asked_is_asked(gateway: Gateway) -> None:
    gateway.asks, gateway.added = True, {"names": {"U1": "Ann"}}
    await gateway.intake.take(said())
    await gateway.intake.make_up_for(said("2.000001"))
    assert all(b'"names":{"U1":"Ann"}' in raw for raw in gateway.raws)
    assert len(gateway.raws) == 2


async def test_many_who_wait_for_each_other_wait_for_names_at_the_same_time(
    gateway: Gateway,
) -> None:
    gateway.asks = True
    together = 0

    async def of(event: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal together
        together += 1
        await until(lambda: together == 2)
        return {}

    gateway.of = of  # type: ignore[method-assign]
    await asyncio.gather(*(gateway.intake.take(said(f"{n}.000001")) for n in range(2)))
    assert [orjson.loads(raw)["event"]["ts"] for raw in gateway.raws] == ["0.000001", "1.000001"]


def changed(message: Any, **more: Any) -> dict[str, Any]:
    return said(subtype="message_changed", user=None, message=message, **more)


@pytest.mark.parametrize(
    "event",
    [
        said(user="U0BOT"),
        said(user="U0BOT", subtype="bot_message"),
        said(bot_id="B0BOT", user=None),
        changed({"user": "U0BOT", "ts": "1.000001", "text": "Roses are"}),
        changed({"user": "U9", "bot_id": "B0BOT"}),
    ],
)
async def test_what_the_bot_says_itself_is_not_offered(
    gateway: Gateway, event: dict[str, Any]
) -> None:
    gateway.failures.append(Unavailable("no disk"))
    assert await gateway.intake.take(event) is None
    assert not gateway.raws
    assert not gateway.after


async def test_what_the_bot_says_itself_is_heard(gateway: Gateway) -> None:
    await gateway.intake.take(said(user="U0BOT", thread_ts="0.000001"))
    assert gateway.positions.is_heard("C1", "1.000001")
    assert gateway.places == {"C1": START}
    await gateway.intake.take(changed({"user": "U0BOT"}, ts="2.000001"))
    assert not gateway.positions.is_heard("C1", "2.000001")


@pytest.mark.parametrize(
    "event",
    [
        said(),
        said(user=None, bot_id=None),
        said(user="U1", text="<@U0BOT> hello"),
        said(user="U0BOT", type="app_mention"),
        said(user="U0BOT", subtype="channel_join"),
        said(subtype="message_deleted", previous_message={"user": "U0BOT"}),
        changed({"user": "U1"}, previous_message={"user": "U0BOT"}),
        changed({"user": "U0BOT", "subtype": "tombstone"}),
        changed(None),
        changed("U0BOT"),
        {"type": "event_callback", "event": {"type": "reaction_added", "user": "U0BOT"}},
        {"type": "block_actions", "user": {"id": "U0BOT"}},
        {"command": "/reset", "user_id": "U0BOT"},
    ],
)
async def test_everything_else_is(gateway: Gateway, event: dict[str, Any]) -> None:
    await gateway.intake.take(event)
    assert gateway.raws


async def test_who_the_bot_is_may_be_unknown() -> None:
    assert not is_own(said(user=""), Me())
    assert not is_own(said(user=None, bot_id=""), Me())


async def test_another_refusal_of_a_command_is_not_answered(gateway: Gateway) -> None:
    gateway.outcome, gateway.reason = "ignored", "not addressed to the bot"
    assert await gateway.intake.take({"command": "/reset", "channel_id": "C1"}) is None


# What is found out.


class Web:
    """The Web API, as far as it is asked here."""

    def __init__(self, **info: Any) -> None:
        self.info = info
        self.failure: Exception | None = None
        self.calls = 0

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        assert method == "conversations.info"
        if self.failure is not None:
            raise self.failure
        return {"channel": self.info}


class Names:
    """What everybody is called; `known` are those for whom nobody is asked."""

    def __init__(self, *known: str) -> None:
        self.learned = set(known)
        self.asked: list[str] = []

    def known(self, ids: Iterable[str]) -> dict[str, str] | None:
        wanted = list(ids)
        return {one: f"name of {one}" for one in wanted} if self.learned >= {*wanted} else None

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        self.asked = list(ids)
        return {one: f"name of {one}" for one in self.asked}


def of(web: Web, *, concerns: bool = True, names: Names | None = None) -> Surroundings:
    return Surroundings(web.call, names or Names(), lambda _: concerns)


async def test_people_who_write_or_are_mentioned_are_named() -> None:
    event = said(channel_type="channel", text="<@U2> and <@U3|carl>, <@U1>, <!here> <@here>")
    found = await of(Web()).of(event)
    assert list(found["names"]) == ["U1", "U2", "U3"]


async def test_nobody_is_named_for_nothing() -> None:
    assert await of(Web(), concerns=False).of(said(channel_type="im")) == {}
    assert await of(Web()).of({"type": "block_actions"}) == {}
    assert await of(Web()).of(said(channel_type="im", user=7, text=None)) == {}


@pytest.mark.parametrize(
    ("info", "sort"),
    [
        ({"is_mpim": True, "is_private": True}, "mpim"),
        ({"is_private": True}, "group"),
        ({}, "channel"),
    ],
)
async def test_the_sort_of_a_place_is_asked_for_once(info: dict[str, Any], sort: str) -> None:
    web = Web(**info)
    around = of(web)
    for _ in range(2):
        assert (await around.of(said(type="app_mention")))["channel_type"] == sort
    assert web.calls == 1


async def test_the_sort_of_a_place_is_learned_from_what_is_said_there() -> None:
    web = Web()
    around = of(web)
    await around.of(said(channel_type="mpim"))
    assert (await around.of(said(type="app_mention")))["channel_type"] == "mpim"
    assert await around.of(said(channel="D1", user=None, text="")) == {}
    assert not web.calls


async def test_what_is_known_is_added_at_once() -> None:
    names = Names("U1")
    around = of(Web(), names=names)
    assert around.at_once(said(channel_type="channel")) == {"names": {"U1": "name of U1"}}
    assert around.at_once(said(channel_type="channel", user="U2")) is None
    assert around.at_once(said(type="app_mention"))["channel_type"] == "channel"  # type: ignore[index]
    assert around.at_once(said(type="app_mention", channel="C2")) is None
    assert around.at_once({"type": "block_actions"}) == {}
    assert await around.of(said(channel_type="im")) == {"names": {"U1": "name of U1"}}
    assert not names.asked
    await around.of(said(channel_type="im", user="U2"))
    assert names.asked == ["U2"]


@pytest.mark.parametrize("failure", [Unavailable("away"), RateLimited("slowly", retry_after=9)])
async def test_what_cannot_be_found_out_is_left_out(failure: Exception) -> None:
    web = Web()
    web.failure = failure
    assert (await of(web).of(said(type="app_mention")))["channel_type"] == ""


def in_chat(subtype: str = "", thread: str = "1.000001") -> dict[str, Any]:
    if subtype == "message_changed":
        return said(channel="D1", subtype=subtype, message={"thread_ts": thread}, user=None)
    if subtype == "message_deleted":
        return said(
            channel="D1", subtype=subtype, previous_message={"thread_ts": thread}, user=None
        )
    return said("2.000001", channel="D1", thread_ts=thread, assistant_thread={}, user=None)


@pytest.mark.parametrize("subtype", ["message_changed", "message_deleted"])
async def test_a_change_in_the_agent_view_is_known_by_its_chat(subtype: str) -> None:
    around = of(Web())
    assert await around.of(in_chat(subtype)) == {}
    assert await around.of(in_chat()) == {}
    assert await around.of(in_chat(subtype)) == {"in_view": True}
    assert await around.of(in_chat(subtype, "3.000001")) == {}


async def test_places_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings_module, "MAX_PLACES", 2)
    web = Web()
    around = of(web)
    for channel in ("C1", "C2", "C3"):
        around.learn(channel, "mpim")
    assert (await around.of(said(type="app_mention", channel="C3")))["channel_type"] == "mpim"
    assert (await around.of(said(type="app_mention", channel="C1")))["channel_type"] == "channel"
