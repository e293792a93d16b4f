"""What becomes of a delivery, by what its platform says of each attempt; on a real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from gateway import outbox as module
from gateway.boundary import Rule
from gateway.channels import Channel
from gateway.coordination.memory import MemoryCoordinator
from gateway.domain import (
    Address,
    ConversationKind,
    Delivery,
    DeliveryState,
    Ignored,
    Moved,
)
from gateway.errors import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    Unavailable,
)
from gateway.outbox import Outbox
from gateway.ports.adapter import Act, Preview, Receive, Sent
from gateway.ports.coordinator import Rate
from gateway.ports.records import PersonScope, SessionQuery
from gateway.ports.store import Store
from gateway.store import connect
from gateway.testing._talk import CHANNEL, OPERATOR, Talk, delivery

ADDRESS = Address(destination="7")


class Platform:
    """An adapter whose every attempt goes as planned; without a plan it succeeds."""

    def __init__(self) -> None:
        self.settings = None
        self.plan: list[GatewayError] = []
        self.tried: list[str] = []
        self.shown: list[str] = []
        self.moved: Moved | None = None
        self.ids: list[str] = []
        self.rates: list[tuple[str, Rate]] = []

    def routes(self) -> list[Any]:
        return []

    async def run(self, receive: Receive) -> None:
        await asyncio.get_running_loop().create_future()

    def parse(self, raw: bytes) -> Ignored:
        return Ignored(reason="nothing comes in here")

    async def send(self, delivery: Delivery) -> Sent:
        self.tried.append(delivery.text)
        await asyncio.sleep(0)
        if self.plan:
            raise self.plan.pop(0)
        platform_id = self.ids.pop(0) if self.ids else f"id of {delivery.text}"
        return Sent(platform_id=platform_id, moved=self.moved)

    preview_every = 1.0

    async def preview(self, preview: Preview) -> str:
        if self.plan:
            raise self.plan.pop(0)
        self.shown.append(preview.text)
        return "shown"

    def budgets(self, address: Address, act: Act) -> list[tuple[str, Rate]]:
        return self.rates


class Bench:
    """An outbox with its store and platform."""

    def __init__(
        self,
        store: Store,
        on_unknown: Literal["resend", "hold"] = "resend",
        platform: Platform | None = None,
    ) -> None:
        self.store = store
        self.platform = platform or Platform()
        self.tasks: list[asyncio.Task[None]] = []
        self.moves: list[Moved] = []
        self.channel = channel = Channel(
            name=CHANNEL,
            adapter=self.platform,
            agent="echo",
            rules={ConversationKind.DIRECT: Rule.PER_USER},
            respond={},
            on_unknown=on_unknown,
        )
        self.outbox = Outbox(
            store=store,
            coordinator=MemoryCoordinator(),
            channels={CHANNEL: channel},
            spawn=self._spawn,
            moved=self._moved,
        )

    async def _moved(self, channel: Channel, moved: Moved) -> None:
        self.moves.append(moved)
        raise Unavailable("the store is away")

    async def preview(self, text: str) -> str:
        """Show this much of an answer."""
        preview = Preview(address=ADDRESS, task_id="t", text=text, message_id="before")
        return await self.outbox.preview(self.channel, preview)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def commit(self, *texts: str, started: bool = False, turn: str = "") -> list[Delivery]:
        """Store these as one turn's deliveries, as a commit leaves them."""
        talk = Talk(self.store)
        accepted, hold = await talk.holds()
        made = (delivery(talk.lane_id, text, started=started) for text in texts)
        wanted = tuple(replace(one, turn_id=turn) for one in made)
        await self.store.commit(replace(talk.turn(accepted, hold), deliveries=wanted))
        return list(wanted)

    async def settle(self) -> None:
        await asyncio.wait_for(asyncio.gather(*self.tasks), 20)

    async def sends(self, *texts: str) -> list[Delivery]:
        """Commit, send, and read what the store says in the end."""
        wanted = await self.commit(*texts)
        self.outbox.put(wanted)
        await self.settle()
        return [await self.stored(one) for one in wanted]

    async def stored(self, one: Delivery) -> Delivery:
        found = await self.store.delivery(OPERATOR, one.id)
        assert found is not None
        return found


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(module, "_BACKOFF", (0.01,))
    opened = connect(f"sqlite:///{tmp_path / 'gateway.db'}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


async def test_that_a_group_has_moved_is_passed_on_and_harms_no_delivery(bench: Bench) -> None:
    bench.platform.moved = Moved(event_id="m", old_id="-1", new_id="-100")
    found = await bench.sends("one", "two")
    assert bench.moves == [bench.platform.moved] * 2
    assert {one.state for one in found} == {DeliveryState.SENT}


async def test_what_is_tried_again_goes_before_what_is_newer_and_waits(bench: Bench) -> None:
    old, older, first, second = await bench.commit("old", "older", "first", "second")
    bench.outbox.put([first, second])
    # What is put first is being tried.
    bench.outbox.put([older])
    bench.outbox.put([old])
    await bench.settle()
    assert bench.platform.tried == ["first", "old", "older", "second"]


async def test_what_was_sent_is_on_record_before_a_long_wait(bench: Bench) -> None:
    sent, later = await bench.commit("sent", "later")
    bench.outbox.put([sent, replace(later, not_before=time.time() + 3600.0)])
    for _ in range(500):
        if (await bench.stored(sent)).state is DeliveryState.SENT:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("it is not on record")
    for task in bench.tasks:
        task.cancel()
    await asyncio.gather(*bench.tasks, return_exceptions=True)


async def test_previews_leave_room_for_the_answer(bench: Bench) -> None:
    bench.platform.rates = [("chat:1", Rate(count=1, per=60, burst=3))]
    assert [await bench.preview(text) for text in "abc"] == ["shown", "shown", "before"]
    assert bench.platform.shown == ["a", "b"]
    (sent,) = await asyncio.wait_for(bench.sends("answer"), 5)
    assert sent.state is DeliveryState.SENT


async def test_a_preview_that_is_refused_for_its_rate_holds_everything_back(bench: Bench) -> None:
    bench.platform.rates = [("chat:1", Rate(count=1000, per=1, burst=10))]
    bench.platform.plan = [RateLimited("slow down", retry_after=0.3)]
    with pytest.raises(RateLimited):
        await bench.preview("a")
    began = time.monotonic()
    assert await bench.preview("b") == "before"
    await bench.sends("answer")
    assert time.monotonic() - began >= 0.29
    assert bench.platform.shown == []


async def test_in_order_and_marked(bench: Bench) -> None:
    found = await bench.sends("one", "two", "three")
    assert bench.platform.tried == ["one", "two", "three"]
    assert {one.state for one in found} == {DeliveryState.SENT}
    assert found[0].platform_id == "id of one"


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (NotAccepted("no"), 1),
        (OutcomeUnknown("who knows"), 1),
        (RateLimited("slow down", retry_after=0.01), 0),
        (Unavailable("away", retry_after=0.01), 0),
    ],
)
async def test_a_failure_is_tried_again_before_what_follows(
    bench: Bench, error: GatewayError, attempts: int
) -> None:
    """A rate limit and a platform that is away burn no attempt."""
    bench.platform.plan = [error]
    first, second = await bench.sends("one", "two")
    assert bench.platform.tried == ["one", "one", "two"]
    assert (first.state, first.attempts) == (DeliveryState.SENT, attempts)
    assert second.state is DeliveryState.SENT


async def test_after_five_attempts_it_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    bench.platform.plan = [NotAccepted("no")] * 5
    first, second = await bench.sends("one", "two")
    assert bench.platform.tried == ["one"] * 5 + ["two"]
    assert (first.state, first.attempts) == (DeliveryState.DEAD, 5)
    assert second.state is DeliveryState.SENT


async def test_what_the_platform_refuses_fails_alone(bench: Bench) -> None:
    bench.platform.plan = [Rejected("too rude")]
    first, second = await bench.sends("one", "two")
    assert (first.state, first.error) == (DeliveryState.FAILED, "too rude")
    assert second.state is DeliveryState.SENT


async def test_where_nobody_is_nothing_more_is_tried(bench: Bench) -> None:
    bench.platform.plan = [RecipientGone("blocked")]
    found = await bench.sends("one", "two", "three")
    assert bench.platform.tried == ["one"]
    assert {one.state for one in found} == {DeliveryState.FAILED}


async def test_an_unknown_outcome_is_held_where_the_channel_says_so(store: Store) -> None:
    bench = Bench(store, "hold")
    bench.platform.plan = [OutcomeUnknown("no answer")]
    first, second = await bench.sends("one", "two")
    assert bench.platform.tried == ["one", "two"]
    assert first.state is DeliveryState.UNKNOWN
    assert second.state is DeliveryState.SENT


@pytest.mark.parametrize(("policy", "tried"), [("resend", ["one"]), ("hold", [])])
async def test_what_a_crash_left_in_doubt_follows_the_policy(
    store: Store, policy: Literal["resend", "hold"], tried: list[str]
) -> None:
    bench = Bench(store, policy)
    (left,) = await bench.commit("one", started=True)
    bench.outbox.put([replace(left, state=DeliveryState.UNKNOWN)])
    await bench.settle()
    assert bench.platform.tried == tried
    wanted = DeliveryState.SENT if tried else DeliveryState.UNKNOWN
    assert (await bench.stored(left)).state is wanted


class Searching(Platform):
    """A platform in which what is in doubt can be looked up: ``there`` is what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.silent: list[GatewayError] = []

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        self.asked.append((delivery.text, after))
        if self.silent:
            raise self.silent.pop(0)
        found = self.there.get(delivery.text)
        return Sent(platform_id=found) if found else None

    async def retract(self, address: Address, message_id: str) -> None:
        self.shown.remove(message_id)


def searching(
    store: Store, on_unknown: Literal["resend", "hold"] = "resend"
) -> tuple[Bench, Searching]:
    platform = Searching()
    return Bench(store, on_unknown, platform), platform


@pytest.mark.parametrize("policy", ["resend", "hold"])
@pytest.mark.parametrize("there", [True, False])
async def test_what_is_in_doubt_is_looked_up_first(
    store: Store, policy: Literal["resend", "hold"], there: bool
) -> None:
    bench, platform = searching(store, policy)
    before, left = await bench.commit("before", "one", started=True)
    bench.outbox.put([before])
    await bench.settle()
    platform.there = {"one": "77"} if there else {}
    bench.outbox.put([replace(left, state=DeliveryState.UNKNOWN)])
    await bench.settle()
    assert platform.asked == [("one", "id of before")]
    assert platform.tried == (["before"] if there else ["before", "one"])
    stored = await bench.stored(left)
    assert stored.state is DeliveryState.SENT
    assert stored.platform_id == ("77" if there else "id of one")


async def test_an_attempt_whose_end_is_unknown_is_looked_up_before_the_next(store: Store) -> None:
    bench, platform = searching(store, "hold")
    platform.plan = [OutcomeUnknown("no answer")]
    platform.there = {"two": "78"}
    first, second = await bench.sends("one", "two")
    assert platform.asked == [("one", "")]
    assert platform.tried == ["one", "one", "two"]
    assert (first.state, second.state) == (DeliveryState.SENT, DeliveryState.SENT)


async def test_a_doubt_outlives_the_process(store: Store) -> None:
    bench, platform = searching(store)
    platform.plan = [OutcomeUnknown("no answer")] * 5
    platform.silent = [Unavailable("away", retry_after=60.0)]
    (left,) = await bench.commit("one")
    bench.outbox.put([left])
    stored = left
    for _ in range(400):
        await asyncio.sleep(0.005)
        stored = await bench.stored(left)
        if stored.not_before > time.time() + 10:
            break
    assert (stored.state, stored.started, stored.attempts) == (DeliveryState.PENDING, True, 1)
    for task in bench.tasks:
        task.cancel()


@pytest.mark.parametrize(("policy", "tried"), [("resend", ["one"]), ("hold", [])])
async def test_what_cannot_be_looked_up_follows_the_policy(
    store: Store, policy: Literal["resend", "hold"], tried: list[str]
) -> None:
    bench, platform = searching(store, policy)
    platform.silent = [Rejected("you may not read here")]
    (left,) = await bench.commit("one", started=True)
    bench.outbox.put([replace(left, state=DeliveryState.UNKNOWN)])
    await bench.settle()
    assert platform.tried == tried


async def test_a_platform_that_is_away_is_asked_again(store: Store) -> None:
    bench, platform = searching(store)
    platform.silent = [Unavailable("away", retry_after=0.01), RateLimited("slow", retry_after=0.01)]
    platform.there = {"one": "77"}
    (left,) = await bench.commit("one", started=True)
    bench.outbox.put([replace(left, state=DeliveryState.UNKNOWN)])
    await bench.settle()
    assert len(platform.asked) == 3
    assert not platform.tried
    assert (await bench.stored(left)).attempts == 0


async def test_a_preview_is_taken_back(store: Store) -> None:
    bench, platform = searching(store)
    platform.shown = ["m1"]
    await bench.outbox.retract(bench.channel, ADDRESS, "m1")
    assert not platform.shown


async def test_an_outbox_knows_a_delivery_until_its_end_is_durable(bench: Bench) -> None:
    """A scan that finds it pending and unknown may therefore send it."""
    wanted = await bench.commit("one", "two")
    bench.outbox.put(wanted)
    ends = time.monotonic() + 10
    for one in wanted:
        while bench.outbox.knows(one):
            assert time.monotonic() < ends
            await asyncio.sleep(0)
        assert (await bench.stored(one)).state is DeliveryState.SENT
    await bench.settle()


async def test_the_same_delivery_is_put_once(bench: Bench) -> None:
    wanted = await bench.commit("one")
    bench.outbox.put(wanted)
    bench.outbox.put(wanted)
    await bench.settle()
    assert bench.platform.tried == ["one"]


async def test_what_was_erased_meanwhile_is_never_sent(bench: Bench) -> None:
    wanted = await bench.commit("one", "two", "three")
    bench.outbox.put([replace(wanted[0], not_before=time.time() + 0.2), *wanted[1:]])
    await asyncio.sleep(0.05)
    lane_id = wanted[0].lane_id
    await bench.outbox.withdraw([lane_id])
    assert all(map(bench.outbox.knows, wanted))
    (session,) = await bench.store.sessions(OPERATOR, SessionQuery())
    erased = await bench.store.erase(
        PersonScope(channel=CHANNEL, owner=session.owner), now=time.time()
    )
    assert erased.lanes == (lane_id,)
    await bench.outbox.withdraw(["another lane"])
    assert all(map(bench.outbox.knows, wanted))
    await bench.outbox.withdraw(erased.lanes)
    assert not any(map(bench.outbox.knows, wanted))
    assert bench.outbox.unsent() == 1
    await bench.settle()
    assert not bench.platform.tried
