"""What a platform tells of deliveries after it took them; on a real store and outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import outbox as module
from gateway import outcomes
from gateway.domain import Delivery, DeliveryState
from gateway.errors import (
    Held,
    NotAccepted,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.outcomes import Reports
from gateway.ports.records import Mark
from gateway.ports.store import Store
from gateway.store import connect
from gateway.testing._talk import CHANNEL, OPERATOR
from tests.unit.gateway.test_outbox import Bench

CLOSED = Held("the window is closed")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = connect(f"sqlite:///{tmp_path}/gateway.db", replica="r1")
    await opened.open()
    yield opened
    await opened.close()


class Told(Bench):
    """An outbox, and who is told what became of what it sent."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reports = Reports(
            store=store, outbox=self.outbox, channels={CHANNEL: self.channel}, spawn=self._spawn
        )
        self.outbox._held = self.reports.keep

    async def state(self, delivery: Delivery) -> DeliveryState:
        found = await self.store.delivery(OPERATOR, delivery.id)
        assert found is not None
        return found.state

    async def sent(self) -> Delivery:
        (made,) = await self.sends("hello")
        return made


@pytest.fixture
def told(store: Store, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(module, "_BACKOFF", (0.0,))
    return Told(store)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Rejected("no such number"), DeliveryState.FAILED),
        (RecipientGone("opted out"), DeliveryState.FAILED),
        (CLOSED, DeliveryState.HELD),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_was_sent_may_fail_later(
    told: Told, error: SendError, state: DeliveryState
) -> None:
    made = await told.sent()
    await told.reports.report(CHANNEL, made.id, error)
    found = await told.store.delivery(OPERATOR, made.id)
    assert found is not None
    assert found.state is state
    assert str(error) in found.error
    assert told.platform.tried == ["hello"]


@pytest.mark.parametrize("error", [NotAccepted("try again"), RateLimited("slow", retry_after=0.0)])
async def test_what_may_be_sent_again_is(told: Told, error: SendError) -> None:
    made = await told.sent()
    await told.reports.report(CHANNEL, made.id, error)
    await told.settle()
    assert told.platform.tried == ["hello", "hello"]
    assert await told.state(made) is DeliveryState.SENT


async def test_what_fails_each_time_is_given_up(told: Told) -> None:
    made = await told.sent()
    for _ in range(module.MAX_ATTEMPTS + 3):
        await told.reports.report(CHANNEL, made.id, NotAccepted("again"))
        await told.settle()
    assert len(told.platform.tried) == module.MAX_ATTEMPTS
    assert await told.state(made) is DeliveryState.DEAD


async def test_an_arrival_changes_nothing_before_or_after_a_failure(told: Told) -> None:
    made = await told.sent()
    await told.reports.report(CHANNEL, made.id, None)
    assert await told.state(made) is DeliveryState.SENT
    await told.reports.report(CHANNEL, made.id, CLOSED)
    await told.reports.report(CHANNEL, made.id, None)
    assert await told.state(made) is DeliveryState.HELD


async def test_a_failure_told_before_the_attempt_is_on_record_counts(told: Told) -> None:
    (made,) = await told.commit("hello")
    told.outbox.put([made])
    early = asyncio.create_task(told.reports.report(CHANNEL, made.id, Rejected("no")))
    await told.settle()
    await early
    assert told.platform.tried == ["hello"]
    assert await told.state(made) is DeliveryState.FAILED


async def test_another_channels_deliveries_and_unknown_ones_are_left_alone(told: Told) -> None:
    made = await told.sent()
    await told.reports.report("other", made.id, Rejected("no"))
    await told.reports.report(CHANNEL, "f" * 32, Rejected("no"))
    assert await told.state(made) is DeliveryState.SENT


async def test_what_is_held_goes_when_its_recipient_may_be_written_to(told: Told) -> None:
    told.platform.plan = [CLOSED, CLOSED]
    made = [*await told.sends("one"), *await told.sends("two")]
    assert [await told.state(one) for one in made] == [DeliveryState.HELD] * 2
    assert told.platform.tried == ["one", "two"]
    there = made[0].address.destination
    assert await told.reports.release(CHANNEL, "elsewhere") == 0
    assert await told.reports.release(CHANNEL, there) == 2
    await told.settle()
    assert told.platform.tried == ["one", "two", "one", "two"]
    assert [await told.state(one) for one in made] == [DeliveryState.SENT] * 2
    assert await told.reports.release(CHANNEL, there) == 0


async def test_what_a_store_that_is_away_could_not_let_go_goes_later(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Unavailable("the store is away")

    told.platform.plan = [CLOSED]
    (made,) = await told.sends("one")
    there = made.address.destination
    with monkeypatch.context() as broken:
        broken.setattr(told.store, "held", away)
        with pytest.raises(Unavailable):
            await told.reports.release(CHANNEL, there)
    assert await told.reports.release(CHANNEL, there) == 1
    await told.settle()
    assert told.platform.tried == ["one", "one"]


async def test_who_writes_while_something_is_about_to_be_held_gets_it(told: Told) -> None:
    (made,) = await told.commit("one")
    told.platform.plan = [CLOSED]
    told.outbox.put([made])
    # They write while the attempt is under way, which knows nothing of it.
    assert await told.reports.release(CHANNEL, made.address.destination) == 0
    for _ in range(3):
        await told.settle()
    assert told.platform.tried == ["one", "one"]
    assert await told.state(made) is DeliveryState.SENT


async def test_what_is_held_all_the_same_is_tried_once_for_each_message(told: Told) -> None:
    (made,) = await told.commit("one")
    told.platform.plan = [CLOSED] * 9
    told.outbox.put([made])
    await told.reports.release(CHANNEL, made.address.destination)
    for _ in range(5):
        await told.settle()
    assert told.platform.tried == ["one", "one"]
    assert await told.state(made) is DeliveryState.HELD


async def test_what_was_held_before_a_restart_is_known(told: Told) -> None:
    told.platform.plan = [CLOSED]
    (made,) = await told.sends("one")
    there = made.address.destination
    after = Told(told.store)
    assert await after.reports.release(CHANNEL, there) == 0
    await after.reports.open()
    assert await after.reports.release(CHANNEL, there) == 1
    await after.settle()
    assert after.platform.tried == ["one"]


async def test_a_report_waits_only_so_long(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "SETTLES_WITHIN", 0.05)
    (made,) = await told.commit("hello")
    told.platform.plan = [RateLimited("later", retry_after=60.0)]
    told.outbox.put([made])
    with pytest.raises(Unavailable):
        await told.reports.report(CHANNEL, made.id, Rejected("no"))
    assert await told.state(made) is DeliveryState.PENDING
    for task in told.tasks:
        task.cancel()
    await asyncio.gather(*told.tasks, return_exceptions=True)


async def test_what_is_told_of_an_earlier_attempt_changes_nothing(told: Told) -> None:
    made = await told.sent()
    before = made.platform_id
    told.platform.ids = ["another id"]
    await told.reports.report(CHANNEL, made.id, NotAccepted("again"), platform_id=before)
    await told.settle()
    assert told.platform.tried == ["hello", "hello"]
    for _ in range(3):
        await told.reports.report(CHANNEL, made.id, NotAccepted("again"), platform_id=before)
        await told.reports.report(CHANNEL, made.id, CLOSED, platform_id=before)
        await told.settle()
    assert told.platform.tried == ["hello", "hello"]
    assert await told.state(made) is DeliveryState.SENT
    await told.reports.report(CHANNEL, made.id, CLOSED, platform_id="another id")
    assert await told.state(made) is DeliveryState.HELD


async def test_the_same_told_twice_at_once_sends_it_again_once(told: Told) -> None:
    made = await told.sent()
    told.platform.ids = ["another id"] * 3
    reports = (
        told.reports.report(CHANNEL, made.id, NotAccepted("no"), platform_id=made.platform_id)
        for _ in range(3)
    )
    await asyncio.gather(*reports)
    await told.settle()
    assert told.platform.tried == ["hello", "hello"]


async def test_what_is_in_doubt_is_ended_by_what_is_told_of_its_last_attempt(told: Told) -> None:
    made = await told.sent()
    doubt = Mark(delivery_id=made.id, state=DeliveryState.UNKNOWN)
    await told.store.mark((doubt,))
    await told.reports.report(CHANNEL, made.id, Rejected("no"), platform_id=made.platform_id)
    assert await told.state(made) is DeliveryState.UNKNOWN
    await told.reports.report(CHANNEL, made.id, Rejected("no"), platform_id="another id")
    assert await told.state(made) is DeliveryState.FAILED


async def test_a_delivery_is_found_by_the_message_it_became(told: Told) -> None:
    made = await told.sent()
    await told.reports.report(CHANNEL, "", Rejected("no"), platform_id="nobody's")
    await told.reports.report(CHANNEL, "", Rejected("no"))
    await told.reports.report("other", "", Rejected("no"), platform_id=made.platform_id)
    assert await told.state(made) is DeliveryState.SENT
    await told.reports.report(CHANNEL, "", Rejected("no"), platform_id=made.platform_id)
    assert await told.state(made) is DeliveryState.FAILED


async def test_the_rest_of_an_answer_waits_with_its_beginning(told: Told) -> None:
    told.platform.plan = [CLOSED]
    made = await told.commit("one", "two", "three", turn="t1")
    told.outbox.put(made)
    await told.settle()
    assert told.platform.tried == ["one"]
    assert [await told.state(one) for one in made] == [DeliveryState.HELD] * 3
    assert await told.sends("another answer")
    assert told.platform.tried == ["one", "another answer"]
    assert await told.reports.release(CHANNEL, made[0].address.destination) == 3
    await told.settle()
    assert told.platform.tried[2:] == ["one", "two", "three"]


async def test_what_nobody_sends_yet_is_told_again_later(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "SETTLES_WITHIN", 0.0)
    # An attempt of another process, of which this one has not heard.
    (made,) = await told.commit("hello", started=True)
    with pytest.raises(Unavailable):
        await told.reports.report(CHANNEL, made.id, Rejected("no"))
    assert await told.state(made) is DeliveryState.PENDING


async def test_who_wrote_gets_it_though_the_store_was_away_just_then(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, times = told.store.held, 0

    async def away(*args: Any, **named: Any) -> Any:
        nonlocal times
        times += 1
        if times == 1:
            raise Unavailable("the store is away", retry_after=0.0)
        return await held(*args, **named)

    monkeypatch.setattr(told.store, "held", away)
    (made,) = await told.commit("one")
    told.platform.plan = [CLOSED]
    told.outbox.put([made])
    await told.reports.release(CHANNEL, made.address.destination)
    for _ in range(3):
        await told.settle()
    assert times == 2
    assert await told.state(made) is DeliveryState.SENT


async def test_released_twice_at_once_is_sent_once(told: Told) -> None:
    told.platform.plan = [CLOSED]
    (made,) = await told.sends("one")
    there = made.address.destination
    counts = await asyncio.gather(*(told.reports.release(CHANNEL, there) for _ in range(3)))
    await told.settle()
    assert sorted(counts) == [0, 0, 1]
    assert told.platform.tried == ["one", "one"]


async def test_what_is_held_while_others_are_released_goes_too(told: Told) -> None:
    told.platform.plan = [CLOSED]
    (first,) = await told.sends("one")
    (second,) = await told.commit("two")
    told.platform.plan = [CLOSED]
    told.outbox.put([second])
    # They write while the second is being tried, which knows nothing of it.
    assert await told.reports.release(CHANNEL, first.address.destination) == 1
    for _ in range(3):
        await told.settle()
    assert [await told.state(one) for one in (first, second)] == [DeliveryState.SENT] * 2


async def test_what_is_held_long_after_they_wrote_is_not_tried_again(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = await told.commit("one")
    await told.reports.release(CHANNEL, made.address.destination)
    monkeypatch.setattr(outcomes, "A_MOMENT", 0.0)
    told.platform.plan = [CLOSED]
    told.outbox.put([made])
    for _ in range(3):
        await told.settle()
    assert told.platform.tried == ["one"]
