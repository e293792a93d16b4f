"""How a delivery in doubt is found: after a crash, or when the answer to it was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.twilio import settling
from gateway import Address, Delivery, OutcomeUnknown, RateLimited, Rejected, Sent, Unavailable
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.twilio.sender import DAY, Sender, sender


@pytest.fixture(params=["whatsapp", "sms"])
async def twilio(request: pytest.FixtureRequest) -> AsyncIterator[Sender]:
    async with sender(request.param) as everything:
        yield everything


@pytest.fixture
async def whatsapp() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


async def lost(twilio: Sender, delivery: Delivery, *, taken: bool = True) -> None:
    """Send it; what Twilio answers does not arrive."""
    twilio.simulator.fail_next(Fault.RESET_AFTER_ACCEPT if taken else Fault.RESET)
    with pytest.raises(OutcomeUnknown):
        await twilio.sending.send(delivery)


async def last(twilio: Sender, place: SimulatedPlace | None = None) -> str:
    """The id of the last message that people see."""
    await twilio.until(lambda: twilio.seen(place))
    return twilio.seen(place)[-1].message_id


async def test_what_was_taken_is_found_and_what_was_not_is_not(twilio: Sender) -> None:
    before = await twilio.send("before")
    delivery = twilio.delivery("**hello**\n\nyou")
    await lost(twilio, delivery, taken=False)
    assert await twilio.sending.settle(delivery, before) is None
    await lost(twilio, delivery)
    twilio.restart()
    sent = Sent(platform_id=await last(twilio))
    assert await twilio.sending.settle(delivery, before) == sent
    assert await twilio.sending.settle(delivery, "") == sent


async def test_of_equal_texts_each_is_itself(twilio: Sender) -> None:
    first = await twilio.send("ok")
    second = twilio.delivery("ok")
    # The first is not the second, though it says the same.
    assert await twilio.sending.settle(second, first) is None
    await lost(twilio, second)
    sent = await twilio.sending.settle(second, first)
    assert sent is not None
    assert sent.platform_id == await last(twilio) != first
    third = await twilio.send("ok")
    assert await twilio.sending.settle(second, first) == sent
    assert await twilio.sending.settle(twilio.delivery("ok"), third) is None


async def test_what_was_sent_long_before_is_another(twilio: Sender) -> None:
    await twilio.send("ok")
    later = replace(twilio.delivery("ok"), created_at=twilio.clock() + 120.0)
    assert await twilio.sending.settle(later, "") is None


async def test_a_file_is_no_text(twilio: Sender) -> None:
    before = await twilio.send("before")
    delivery = twilio.carrying(twilio.host.files.put("a.png", b"\x89PNG"))
    assert await twilio.sending.settle(delivery, before) is None
    await lost(twilio, delivery)
    await twilio.until(lambda: twilio.seen()[-1].files)
    file_id = await last(twilio)
    assert await twilio.sending.settle(delivery, before) == Sent(platform_id=file_id)
    again = twilio.carrying(twilio.host.files.put("a.png", b"\x89PNG"))
    assert await twilio.sending.settle(again, file_id) is None
    assert await twilio.sending.settle(twilio.delivery("text"), before) is None


async def test_a_question_is_found_however_it_was_asked(whatsapp: Sender) -> None:
    delivery = whatsapp.delivery("Which?\n\nReally.", options=("Tea", "Cake"))
    await lost(whatsapp, delivery)
    sent = Sent(platform_id=await last(whatsapp))
    assert await whatsapp.sending.settle(delivery, "") == sent
    words = whatsapp.delivery("Who?", options=("Ann", "Bob"))
    whatsapp.simulator.fail_next(Fault.BLOCKED, method="CreateContent")
    await lost(whatsapp, words)
    assert whatsapp.texts()[-1] == "Who?\n\n1. Ann\n2. Bob"
    sent = Sent(platform_id=await last(whatsapp))
    assert await whatsapp.sending.settle(words, "") == sent


async def test_what_went_out_in_a_template_is_found(whatsapp: Sender) -> None:
    sid = whatsapp.simulator.add_template("News: {{1}} Answer us.", {"1": "x"})
    whatsapp.restart(template=sid)
    whatsapp.pass_time(DAY + 1)
    delivery = whatsapp.delivery("two\n\nlines")
    await lost(whatsapp, delivery)
    sent = Sent(platform_id=await last(whatsapp))
    assert await whatsapp.sending.settle(delivery, "") == sent
    assert await whatsapp.sending.settle(whatsapp.delivery("other lines"), "") is None


async def test_what_is_known_to_have_failed_does_not_stand_there(whatsapp: Sender) -> None:
    whatsapp.simulator.leave(whatsapp.ann)
    delivery = whatsapp.delivery()
    await lost(whatsapp, delivery)
    assert await whatsapp.sending.settle(delivery, "") is None


async def test_what_a_trial_account_adds_is_left_out(whatsapp: Sender) -> None:
    said = "Sent from your Twilio trial account - hello"
    message = {"sid": "SM1", "status": "sent", "num_media": "0", "body": said}
    found = whatsapp.sending._settling
    assert found._is_it(message, whatsapp.delivery("hello"))
    kept = whatsapp.host.files.put("a.png", b"x")
    file = whatsapp.carrying(kept)
    assert found._is_it({**message, "body": said.removesuffix("hello")}, file)
    assert not found._is_it(message, file)
    assert not found._is_it({**message, "num_media": "1"}, whatsapp.delivery("hello"))
    captioned = whatsapp.carrying(kept, text="hello")
    assert found._is_it({**message, "num_media": "1"}, captioned)
    assert not found._is_it(message, captioned)


@pytest.mark.parametrize(
    ("fault", "kind"), [(Fault.RATE_LIMIT, RateLimited), (Fault.SERVER_ERROR, Unavailable)]
)
async def test_what_cannot_be_looked_up_now_is_looked_up_later(
    twilio: Sender, fault: Fault, kind: type[Exception]
) -> None:
    for place, method in ((None, "ListMessage"), (await twilio.group(), "ListConversationMessage")):
        twilio.simulator.fail_next(fault, method=method)
        with pytest.raises(kind):
            await twilio.sending.settle(twilio.delivery("x", place), "")


async def test_too_much_is_not_looked_through(
    twilio: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = twilio.delivery("hello")
    monkeypatch.setattr(settling, "MAX_LOOKED", 3)
    group = await twilio.group()
    for number in range(3):
        await twilio.send(f"{number}")
        await twilio.send(f"{number}", group)
    with pytest.raises(Rejected, match="too much"):
        await twilio.sending.settle(delivery, "")
    with pytest.raises(Rejected, match="too much"):
        await twilio.sending.settle(twilio.delivery("hello", group), "")


async def test_what_was_relayed_from_a_group_is_not_it() -> None:
    async with sender(configured={"conversations": True}) as twilio:
        group = await twilio.group()
        before = await twilio.send("before")
        delivery = twilio.delivery("ok")
        await twilio.send("ok", group)
        await twilio.until(lambda: "ok" in twilio.texts(group))
        assert await twilio.sending.settle(delivery, before) is None
        await lost(twilio, delivery)
        assert await twilio.sending.settle(delivery, before) == Sent(platform_id=await last(twilio))


# Groups


async def test_what_reached_nobody_does_not_stand_there(whatsapp: Sender) -> None:
    whatsapp.pass_time(DAY + 1)
    group = await whatsapp.group()
    delivery = whatsapp.delivery("hi", group)
    await whatsapp.sending.send(delivery)
    await whatsapp.until(lambda: whatsapp.host.outcomes.of(delivery))
    assert await whatsapp.sending.settle(delivery, "") is None


async def test_a_group_text_that_is_found_has_moved() -> None:
    async with sender("sms", configured={"conversations": True}) as twilio:
        members = tuple(sorted((twilio.ann.id, twilio.bob.id)))
        there = Address(destination=f"mms:{','.join(members)}", data={"members": list(members)})
        delivery = replace(twilio.delivery("hi"), address=there)
        await lost(twilio, delivery)
        sent = await twilio.sending.settle(delivery, "")
        assert sent is not None
        assert sent.moved is not None
        assert sent.moved.old_id == there.destination
        assert sent.platform_id.startswith(f"{sent.moved.new_id}:IM")


async def test_a_groups_message_says_which_delivery_it_is(twilio: Sender) -> None:
    group = await twilio.group()
    await twilio.send("ok", group)
    delivery = twilio.delivery("ok", group)
    assert await twilio.sending.settle(delivery, "") is None
    await lost(twilio, delivery, taken=False)
    assert await twilio.sending.settle(delivery, "") is None
    await lost(twilio, delivery)
    sent = Sent(platform_id=f"{group.id}:{await last(twilio, group)}")
    assert await twilio.sending.settle(delivery, "") == sent
    file = twilio.carrying(twilio.host.files.put("a.png", b"x"), group)
    await lost(twilio, file)
    sent = Sent(platform_id=f"{group.id}:{await last(twilio, group)}")
    assert await twilio.sending.settle(file, "") == sent


@pytest.mark.parametrize("attributes", [None, "", "{", "[]", '{"delivery": 5}', 5, {"x": 1}])
def test_attributes_that_are_not_ours(attributes: object) -> None:
    assert settling.delivery_of({"attributes": attributes}) == ""
