"""When a person may be written to freely: as heard, as told in the address, and as Twilio knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.twilio import window as module
from adapters.twilio.resources import rfc_2822, sent_at
from adapters.twilio.window import ASK_EVERY, MARGIN
from gateway import Address, RateLimited, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.sender import DAY, Sender, sender


@pytest.fixture
async def twilio() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


def at(twilio: Sender, ago: float) -> Address:
    """Ann's address, as of what she wrote so long ago."""
    address = twilio.address()
    return replace(address, data={**address.data, "at": twilio.clock() - ago})


def asked(twilio: Sender) -> int:
    """How often Twilio was asked."""
    return len(twilio.simulator.calls("ListMessage"))


async def test_what_the_address_tells_is_enough(twilio: Sender) -> None:
    assert await twilio.window.is_open(at(twilio, 5.0))
    assert await twilio.window.is_open(at(twilio, DAY - MARGIN - 5.0))
    assert asked(twilio) == 0


async def test_it_closes_a_little_before_a_day(twilio: Sender) -> None:
    twilio.pass_time(DAY)
    assert not await twilio.window.is_open(at(twilio, DAY - MARGIN + 5.0))
    assert not await twilio.window.is_open(at(twilio, DAY + 5.0))


async def test_what_was_heard_opens_it(twilio: Sender) -> None:
    twilio.pass_time(DAY)
    assert not await twilio.window.is_open(at(twilio, 2 * DAY))
    twilio.window.heard(twilio.ann.id, twilio.clock())
    assert await twilio.window.is_open(at(twilio, 2 * DAY))
    # Told late, it changes nothing.
    twilio.window.heard(twilio.ann.id, twilio.clock() - 3 * DAY)
    assert await twilio.window.is_open(at(twilio, 2 * DAY))


async def test_where_nothing_newer_is_known_twilio_is_asked(twilio: Sender) -> None:
    for _ in range(3):
        assert await twilio.window.is_open(at(twilio, 2 * DAY))
    assert asked(twilio) == 1
    (call,) = twilio.simulator.calls("ListMessage")
    assert call.parameters["From"] == twilio.ann.id
    assert call.parameters["To"] == twilio.settings.from_


async def test_it_is_not_asked_again_at_once(twilio: Sender) -> None:
    twilio.pass_time(2 * DAY)
    for _ in range(3):
        assert not await twilio.window.is_open(at(twilio, 2 * DAY))
    assert asked(twilio) == 1
    twilio.clock.ahead = ASK_EVERY + 1
    assert not await twilio.window.is_open(at(twilio, 2 * DAY))
    assert asked(twilio) == 2


@pytest.mark.parametrize(
    ("fault", "kind"), [(Fault.SERVER_ERROR, Unavailable), (Fault.RATE_LIMIT, RateLimited)]
)
async def test_what_cannot_be_asked_now_is_asked_later(
    twilio: Sender, fault: Fault, kind: type[Exception]
) -> None:
    twilio.simulator.fail_next(fault, method="ListMessage")
    with pytest.raises(kind):
        await twilio.window.is_open(at(twilio, 2 * DAY))
    assert await twilio.window.is_open(at(twilio, 2 * DAY))


async def test_what_twilio_does_not_say_is_no_verdict(twilio: Sender) -> None:
    # Of whom nothing is known, it is tried; of whom something is, that counts.
    stranger = Address(destination=twilio.bob.id, data={"to": twilio.bob.id})
    twilio.simulator.fail_next(Fault.BLOCKED, 3, method="ListMessage")
    assert await twilio.window.is_open(stranger)
    assert not await twilio.window.is_open(at(twilio, 2 * DAY))
    twilio.window.closed(twilio.bob.id)
    assert not await twilio.window.is_open(stranger)


async def test_what_twilio_says_of_this_second_is_not_older_than_what_it_said(
    twilio: Sender,
) -> None:
    # It closed within the second in which they wrote, by a clock that has whole ones.
    twilio.window.closed(twilio.ann.id)
    assert not await twilio.window.was_closed(twilio.ann.id)
    assert await twilio.window.is_open(twilio.address())


async def test_who_never_wrote(twilio: Sender) -> None:
    stranger = Address(destination=twilio.bob.id, data={"to": twilio.bob.id})
    assert not await twilio.window.is_open(stranger)


async def test_closed_it_stays_closed_until_they_write(twilio: Sender) -> None:
    twilio.window.closed(twilio.ann.id)
    assert not await twilio.window.is_open(twilio.address())
    assert not twilio.window.is_known_open(twilio.ann.id)
    twilio.window.heard(twilio.ann.id, twilio.clock() + 1)
    assert await twilio.window.is_open(twilio.address())
    assert twilio.window.is_known_open(twilio.ann.id)


async def test_twilio_decides_whether_it_was_closed(twilio: Sender) -> None:
    assert not await twilio.window.was_closed(twilio.ann.id)
    assert await twilio.window.is_open(twilio.address())
    twilio.pass_time(DAY + 1)
    twilio.window.heard(twilio.ann.id, twilio.clock())
    assert await twilio.window.was_closed(twilio.ann.id)
    assert not await twilio.window.is_open(at(twilio, 1.0))


async def test_only_so_many_people_are_remembered(
    twilio: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PEOPLE", 3)
    for number in range(10):
        twilio.window.heard(f"whatsapp:+1555000000{number}", twilio.clock())
        twilio.window.heard(twilio.ann.id, twilio.clock())
    assert len(twilio.window._people) == 3
    assert twilio.window.is_known_open(twilio.ann.id)


async def test_groups_and_sms_have_none(twilio: Sender) -> None:
    twilio.pass_time(2 * DAY)
    assert await twilio.window.is_open(twilio.address(await twilio.group()))
    async with sender("sms") as sms:
        sms.window.closed(sms.ann.id)
        assert await sms.window.is_open(at(sms, 30 * DAY))
        assert asked(sms) == 0


def test_times_as_twilio_writes_them() -> None:
    assert rfc_2822("Thu, 24 Aug 2023 05:01:45 +0000") == 1692853305.0
    for bad in (None, "", "soon", 5, "Thu, 99 Aug 99999 05:01:45 +0000"):
        assert rfc_2822(bad) == 0.0
    assert sent_at({"date_sent": None, "date_created": "Thu, 24 Aug 2023 05:01:45 +0000"}) > 0
    assert sent_at({}) == 0.0
