"""Failures that were told while nobody listened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from adapters.twilio import unheard as module
from adapters.twilio.unheard import LOOK_BACK, ON_A_ROUND, PLACE, YOUNG, Unheard
from gateway import Bookmarks, RecipientGone, SendError, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.sender import CHANNEL, DAY, LOG, Sender, Told, sender


@pytest.fixture
async def twilio() -> AsyncIterator[Sender]:
    async with sender() as everything:
        # Nobody is called back.
        everything.host.public_url = ""
        yield everything


def looking(twilio: Sender) -> Unheard:
    """One process's."""
    return Unheard(
        twilio.settings,
        twilio.api,
        cast("Bookmarks", twilio.host.bookmarks),
        channel=CHANNEL,
        reports=twilio.reports,
        log=LOG,
        clock=twilio.clock,
    )


def looked(twilio: Sender, ago: float) -> None:
    """When it was looked last."""
    twilio.host.bookmarks.kept[PLACE] = f"{twilio.clock() - ago:.0f}"


async def failing(twilio: Sender) -> str:
    """A message that does not arrive; its id."""
    twilio.simulator.leave(twilio.ann)
    return await twilio.send()


def told(twilio: Sender) -> list[tuple[str, type[SendError] | None]]:
    """What was reported, by the messages' ids."""
    reports = twilio.host.outcomes.reports
    assert all(delivery == "" for delivery, _ in reports)
    kinds = [None if error is None else type(error) for _, error in reports]
    return list(zip(twilio.host.outcomes.messages, kinds, strict=True))


async def until(happened: Callable[[], object]) -> None:
    """Wait for something of which the simulator knows nothing."""
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it does not happen")


async def test_what_failed_is_reported_once_by_its_id(twilio: Sender) -> None:
    looked(twilio, 60.0)
    await twilio.send("arrives")
    sid = await failing(twilio)
    found = looking(twilio)
    twilio.clock.ahead = YOUNG + 2
    await found._look()
    ((message, kind),) = told(twilio)
    assert message == sid
    assert kind is not None
    assert issubclass(kind, RecipientGone)
    await found._look()
    assert len(told(twilio)) == 1
    # Another process does not know, and it does no harm.
    await looking(twilio)._look()
    assert len(told(twilio)) == 2


async def test_what_may_still_be_told_is_left_for_later(twilio: Sender) -> None:
    looked(twilio, 60.0)
    await failing(twilio)
    found = looking(twilio)
    await found._look()
    assert told(twilio) == []
    twilio.clock.ahead = YOUNG + 2
    await found._look()
    assert len(told(twilio)) == 1


async def test_what_was_sent_before_the_channel_was_is_nobodys_business(twilio: Sender) -> None:
    await failing(twilio)
    twilio.clock.ahead = YOUNG + 2
    await looking(twilio)._look()
    assert told(twilio) == []
    assert PLACE in twilio.host.bookmarks.kept


async def test_it_looks_further_back_where_something_was_lost(twilio: Sender) -> None:
    await failing(twilio)
    found = looking(twilio)
    found._lost.clear()
    twilio.clock.ahead = ON_A_ROUND + 60.0
    looked(twilio, 0.0)
    await found._look()
    assert told(twilio) == []
    found._lost.set()
    twilio.clock.ahead = LOOK_BACK + 60.0
    looked(twilio, 0.0)
    await found._look()
    assert told(twilio) == []
    twilio.clock.ahead = LOOK_BACK - 60.0
    looked(twilio, 0.0)
    found._lost.set()
    await found._look()
    assert len(told(twilio)) == 1


async def test_what_cannot_be_stored_is_told_again(
    twilio: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)
    looked(twilio, 60.0)
    before = dict(twilio.host.bookmarks.kept)
    await failing(twilio)
    twilio.clock.ahead = YOUNG + 2
    times = 0

    async def away(*_: object, **__: object) -> None:
        nonlocal times
        times += 1
        if times == 3:
            twilio.host.outcomes.report = Told.report.__get__(  # type: ignore[method-assign]
                twilio.host.outcomes
            )
        raise Unavailable("the store is away")

    twilio.host.outcomes.report = away  # type: ignore[method-assign]
    task = asyncio.create_task(looking(twilio).run())
    await until(lambda: twilio.host.bookmarks.kept != before)
    assert len(told(twilio)) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_report_that_is_lost_is_looked_for_soon(
    twilio: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)
    found = looking(twilio)
    task = asyncio.create_task(found.run())
    await until(lambda: twilio.host.bookmarks.kept)
    assert twilio.methods().count("ListMessage") == 0

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(twilio.reports, "take", away)
        with pytest.raises(Unavailable):
            await found.take({}, {})
    await until(lambda: "ListMessage" in twilio.methods())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RATE_LIMIT])
async def test_what_cannot_be_asked_is_asked_again(
    twilio: Sender, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)
    looked(twilio, 60.0)
    twilio.simulator.fail_next(fault, method="ListMessage", retry_after=0.01)
    task = asyncio.create_task(looking(twilio).run())
    await until(lambda: float(twilio.host.bookmarks.kept[PLACE]) > twilio.clock() - 30.0)
    assert twilio.methods().count("ListMessage") == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_asked_where_nothing_is_caught_up_with(twilio: Sender) -> None:
    twilio.restart(catch_up=0.0)
    looked(twilio, DAY)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await looking(twilio).run()
    assert "ListMessage" not in twilio.methods()
