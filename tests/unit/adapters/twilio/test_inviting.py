"""What becomes of deliveries outside the 24-hour window, and of those to people who want none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.twilio.opting_out import Wish
from adapters.twilio.sending import OPTED_OUT
from gateway import Held, RateLimited, RecipientGone
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.sender import DAY, Sender, sender, templated

PNG = b"\x89PNG" + b"x" * 50


@pytest.fixture
async def twilio() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


@pytest.fixture
async def sms() -> AsyncIterator[Sender]:
    async with sender("sms") as everything:
        yield everything


async def test_outside_the_window_it_is_held(twilio: Sender) -> None:
    twilio.pass_time(DAY + 1)
    with pytest.raises(Held, match="24 hours"):
        await twilio.send()
    assert twilio.simulator.calls("CreateMessage") == []
    await twilio.simulator.say("again", person=twilio.ann, place=twilio.direct)
    twilio.window.heard(twilio.ann.id, twilio.clock())
    await twilio.send()
    assert twilio.texts() == ["hello"]


@pytest.mark.parametrize("variable", ["1", "answer"])
async def test_a_template_carries_what_fits(twilio: Sender, variable: str) -> None:
    await templated(twilio, f"News for you: {{{{{variable}}}}} Answer us.", variable)
    delivery = twilio.delivery("**Tea**\n\nand cake")
    sent = await twilio.sending.send(delivery)
    (message,) = twilio.seen()
    assert message.text == "News for you: *Tea* and cake Answer us."
    assert message.message_id == sent.platform_id
    await twilio.until(lambda: len(twilio.host.outcomes.of(delivery)) == 2)
    assert twilio.callbacks[0][1] == {"delivery": delivery.id, "template": "1"}


async def test_a_question_in_a_template_is_numbered(twilio: Sender) -> None:
    await templated(twilio, "News: {{1}} Answer us.")
    await twilio.send("Which?", options=("Tea", "Cake"))
    assert twilio.texts() == ["News: Which? 1. Tea 2. Cake Answer us."]


async def test_what_no_template_carries_is_announced_once_a_day(twilio: Sender) -> None:
    await templated(twilio, "News: {{1}} Answer us.")
    file = twilio.carrying(twilio.host.files.put("plan.png", PNG))
    long = twilio.delivery("word " * 300)
    for delivery in (long, file, long):
        with pytest.raises(Held):
            await twilio.sending.send(delivery)
    twilio.restart()
    with pytest.raises(Held):
        await twilio.sending.send(file)
    (text,) = twilio.texts()
    assert text.startswith("News: word word")
    assert text.endswith("… Answer us.")
    # The invitation is no delivery: it says nothing of one.
    await twilio.until(lambda: len(twilio.callbacks) == 4)
    assert twilio.callbacks[0][1] == {"template": "1"}
    assert twilio.host.outcomes.reports == []


async def test_the_next_day_they_are_invited_again(twilio: Sender) -> None:
    await templated(twilio, "You have news. Write to us to read them.", "")
    for days in (0, 0.5, 1.01):
        twilio.sending._inviting._clock = lambda days=days: twilio.clock() + days * DAY  # type: ignore[misc]
        with pytest.raises(Held):
            await twilio.send()
    assert twilio.texts() == ["You have news. Write to us to read them."] * 2


async def test_a_template_that_is_refused_holds_what_it_should_carry(twilio: Sender) -> None:
    await templated(twilio, "News: {{1}} Answer us.")
    twilio.restart(template="HX" + "0" * 32)
    with pytest.raises(Held, match="21655"):
        await twilio.send()
    with pytest.raises(Held):
        await twilio.send("word " * 300)
    assert twilio.seen() == []
    # They were not invited: that is tried again.
    assert not any(place.startswith("invited:") for place in twilio.host.bookmarks.kept)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.RATE_LIMIT, RateLimited),
        (Fault.BLOCKED, RecipientGone),
        (Fault.SERVER_ERROR, Held),
    ],
)
async def test_an_invitation_that_breaks(
    twilio: Sender, fault: Fault, kind: type[Exception]
) -> None:
    await templated(twilio, "You have news. Write to us to read them.", "")
    twilio.simulator.fail_next(fault)
    with pytest.raises(kind):
        await twilio.send()
    # In doubt counts as invited: two are worse than none.
    assert len(twilio.host.bookmarks.kept) == (1 if kind is Held else 0)


async def test_an_sms_knows_no_window(sms: Sender) -> None:
    sms.pass_time(30 * DAY)
    await sms.send()
    assert sms.texts() == ["hello"]
    assert sms.methods() == ["CreateMessage"]


# Opting out


async def test_nothing_goes_to_who_has_sent_stop(twilio: Sender) -> None:
    await twilio.opting_out.take(Wish.STOP, [twilio.ann.id], at=1.0, sid="SM1")
    with pytest.raises(RecipientGone) as caught:
        await twilio.send()
    assert str(caught.value) == OPTED_OUT
    assert twilio.methods() == []
    await twilio.opting_out.take(Wish.START, [twilio.ann.id], at=2.0, sid="SM2")
    await twilio.send()
    assert twilio.texts() == ["hello"]


async def test_an_sms_to_who_has_sent_stop_is_refused_by_twilio(sms: Sender) -> None:
    sms.simulator.opt_out(sms.ann)
    with pytest.raises(RecipientGone, match="STOP"):
        await sms.send()
    await sms.simulator.say("START", person=sms.ann, place=sms.direct)
    await sms.send()
    assert sms.texts() == ["hello"]
