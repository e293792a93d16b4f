"""Who wants no messages: remembered over restarts, and told apart from who wants them again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog

from adapters.twilio.opting_out import PLACE, OptingOut, Wish, wish
from adapters.twilio.settings import TwilioSettings
from gateway import Unavailable
from gateway.testing.adapter import BareBookmarks, BareHost, bare_host
from tests.unit.adapters.twilio.forms import ANN, form, sms, text_message, whatsapp

BEN = "whatsapp:+15005550007"
HIDDEN = "whatsapp:US.1"


@pytest.fixture
async def host() -> AsyncIterator[BareHost]:
    async with bare_host() as host:
        yield host


def opting_out(host: BareHost, settings: TwilioSettings | None = None) -> OptingOut:
    return OptingOut(host, "garden", settings or whatsapp(), structlog.get_logger("test"))


async def test_nobody_has_asked_for_anything(host: BareHost) -> None:
    assert not await opting_out(host).is_out(ANN)


async def test_who_wrote_stop_stays_out_until_start(host: BareHost) -> None:
    out = opting_out(host)
    assert await out.take(Wish.STOP, [ANN], at=10.0, sid="SM1")
    assert await out.is_out(ANN)
    assert not await out.is_out(BEN)
    assert await out.take(Wish.START, [ANN], at=11.0, sid="SM2")
    assert not await out.is_out(ANN)


async def test_it_is_remembered_over_a_restart(host: BareHost) -> None:
    await opting_out(host).take(Wish.STOP, [ANN, HIDDEN], at=10.0, sid="SM1")
    again = opting_out(host)
    assert await again.is_out(ANN)
    assert await again.is_out(HIDDEN)
    await again.take(Wish.START, [HIDDEN, ANN], at=11.0, sid="SM2")
    assert not await opting_out(host).is_out(ANN)


async def test_more_are_remembered_than_are_usually_read(host: BareHost) -> None:
    out = opting_out(host)
    for number in range(1500):
        await out.take(Wish.STOP, [f"whatsapp:+1500{number:07}"], at=10.0, sid=f"SM{number}")
    again = opting_out(host)
    assert await again.is_out("whatsapp:+15000000000")
    assert await again.is_out("whatsapp:+15000001499")


async def test_stop_lasts_and_start_may_be_forgotten(host: BareHost) -> None:
    kept: list[bool] = []

    class Marks(BareBookmarks):
        def put(self, channel: str, place: str, position: str, *, lasting: bool = False) -> None:
            assert place == f"{PLACE}{ANN}"
            kept.append(lasting)
            super().put(channel, place, position, lasting=lasting)

    host.bookmarks = Marks()
    out = opting_out(host)
    await out.take(Wish.STOP, [ANN], at=10.0, sid="SM1")
    await out.take(Wish.START, [ANN], at=11.0, sid="SM2")
    assert kept == [True, False]


async def test_nothing_is_answered_before_it_is_written(host: BareHost) -> None:
    class Away(BareBookmarks):
        away = True

        async def flush(self) -> None:
            if self.away:
                raise Unavailable("no disk")

    host.bookmarks = marks = Away()
    out = opting_out(host)
    with pytest.raises(Unavailable):
        await out.take(Wish.STOP, [ANN], at=10.0, sid="SM1")
    assert await out.is_out(ANN), "safe rather than sorry"
    marks.away = False
    assert await out.take(Wish.STOP, [ANN], at=12.0, sid="SM1"), "told again: answer it now"


async def test_a_second_stop_is_not_answered_but_a_repeated_one_is(host: BareHost) -> None:
    out = opting_out(host)
    assert await out.take(Wish.STOP, [ANN], at=10.0, sid="SM1")
    assert await out.take(Wish.STOP, [ANN], at=10.5, sid="SM1")
    assert not await out.take(Wish.STOP, [ANN], at=11.0, sid="SM2")
    assert await out.is_out(ANN)


async def test_what_is_fetched_late_changes_nothing(host: BareHost) -> None:
    out = opting_out(host)
    await out.take(Wish.STOP, [ANN], at=10.5, sid="SM1")
    await out.take(Wish.START, [ANN], at=20.5, sid="SM2")
    # The API tells of both again, by their seconds.
    assert not await out.take(Wish.STOP, [ANN], at=10.0, sid="SM1")
    assert not await out.is_out(ANN)
    await out.take(Wish.START, [ANN], at=20.0, sid="SM2")
    assert not await out.is_out(ANN)


async def test_help_is_no_wish_to_remember(host: BareHost) -> None:
    assert not await opting_out(host).take(Wish.HELP, [ANN], at=10.0, sid="SM1")


async def test_on_sms_twilio_keeps_the_list(host: BareHost) -> None:
    out = opting_out(host, sms())
    assert not await out.take(Wish.STOP, ["+1500"], at=10.0, sid="SM1")
    assert not await out.is_out("+1500")
    assert isinstance(host.bookmarks, BareBookmarks)
    assert not host.bookmarks.kept


async def test_who_was_kept_is_let_go_when_it_is_switched_off(host: BareHost) -> None:
    """Then nobody reads START, which would have let them back in."""
    await opting_out(host).take(Wish.STOP, [ANN], at=10.0, sid="SM1")
    assert not await opting_out(host, whatsapp(opt_out=False)).is_out(ANN)
    assert await opting_out(host).is_out(ANN)


async def test_a_place_that_says_nothing_is_no_wish(host: BareHost) -> None:
    host.bookmarks.put("garden", f"{PLACE}{ANN}", "?")
    host.bookmarks.put("garden", f"{PLACE}{BEN}", "out x SM1")
    out = opting_out(host)
    assert not await out.is_out(ANN)
    assert await out.is_out(BEN)


def test_a_wish_is_the_whole_message() -> None:
    assert wish(form(" stop "), whatsapp()) is Wish.STOP
    assert wish(form("unstop"), whatsapp()) is Wish.START
    assert wish(form("stop now"), whatsapp()) is None
    assert wish(form("yes"), whatsapp()) is None
    assert wish(form("stop"), whatsapp(opt_out=False)) is None
    assert wish(text_message("stop"), sms()) is None
    assert wish(text_message("Halt", OptOutType="stop"), sms()) is Wish.STOP
    assert wish(form(...), whatsapp()) is None
