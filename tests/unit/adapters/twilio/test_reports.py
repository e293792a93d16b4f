"""What Twilio tells of messages later: in any order, more than once, and of what it took only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from adapters.twilio.settling import reached_nobody
from gateway import (
    Delivery,
    Held,
    NotAccepted,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.sender import DAY, Sender, sender


@pytest.fixture
async def twilio() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


def status(twilio: Sender, name: str, code: str = "", **more: str) -> dict[str, str]:
    """A status callback's form."""
    return {
        "MessageSid": "SM" + "5" * 32,
        "MessageStatus": name,
        "SmsStatus": name,
        "AccountSid": twilio.settings.account_sid,
        "From": twilio.settings.from_,
        "To": twilio.ann.id,
        **({"ErrorCode": code} if code else {}),
        **more,
    }


async def told(
    twilio: Sender, form: Mapping[str, str], query: Mapping[str, str] | None = None
) -> list[SendError | None]:
    """What is reported of a form."""
    twilio.host.outcomes.reports.clear()
    await twilio.reports.take(form, {"delivery": "d1"} if query is None else query)
    assert all(delivery == "d1" for delivery, _ in twilio.host.outcomes.reports)
    return [error for _, error in twilio.host.outcomes.reports]


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("accepted", []),
        ("queued", []),
        ("sending", []),
        ("sent", []),
        ("delivered", [None]),
        ("read", [None]),
        ("", []),
        ("new-word", []),
    ],
)
async def test_a_status_says_whether_it_arrived(
    twilio: Sender, name: str, reported: list[None]
) -> None:
    assert await told(twilio, status(twilio, name)) == reported


@pytest.mark.parametrize("name", ["failed", "undelivered", "canceled"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("21610", RecipientGone),
        ("63024", RecipientGone),
        ("63015", RecipientGone),
        ("30003", Rejected),
        ("30005", RecipientGone),
        ("30008", NotAccepted),
        ("30001", RateLimited),
        ("63018", RateLimited),
        ("63013", Rejected),
        ("63019", NotAccepted),
        ("30002", RateLimited),
        ("", Rejected),
        ("0", Rejected),
        ("what", Rejected),
        ("٣", Rejected),
        ("9" * 20, Rejected),
    ],
)
async def test_a_failure_says_why(
    twilio: Sender, name: str, code: str, kind: type[Exception]
) -> None:
    (error,) = await told(twilio, status(twilio, name, code))
    assert isinstance(error, kind)


async def test_another_accounts_or_numbers_form_says_nothing(twilio: Sender) -> None:
    assert await told(twilio, status(twilio, "failed", AccountSid="AC" + "9" * 32)) == []
    assert await told(twilio, status(twilio, "failed", From="whatsapp:+15559990000")) == []
    assert await told(twilio, {}) == []


async def test_what_is_no_delivery_is_only_noted(twilio: Sender) -> None:
    assert await told(twilio, status(twilio, "failed", "63016"), {}) == []
    assert await told(twilio, status(twilio, "delivered"), {"template": "1"}) == []


# Outside the window


async def test_outside_the_window_it_is_held_until_they_write(twilio: Sender) -> None:
    # As far as is known here, Ann has just written.
    twilio.simulator.pass_time(DAY + 1, twilio.direct)
    delivery = twilio.delivery()
    await twilio.sending.send(delivery)
    await twilio.until(lambda: twilio.host.outcomes.of(delivery))
    (error,) = twilio.host.outcomes.of(delivery)
    assert isinstance(error, Held)
    assert twilio.seen() == []
    with pytest.raises(Held):
        await twilio.send()
    assert len(twilio.simulator.calls("CreateMessage")) == 1
    assert twilio.host.outcomes.released == []


async def test_if_they_wrote_meanwhile_it_is_sent_again(twilio: Sender) -> None:
    (error,) = await told(twilio, status(twilio, "failed", "63016"))
    assert isinstance(error, NotAccepted)
    await twilio.send()
    assert twilio.texts() == ["hello"]


async def test_with_a_template_it_is_sent_again_as_that(twilio: Sender) -> None:
    sid = twilio.simulator.add_template("News: {{1}} Answer us.", {"1": "x"})
    twilio.restart(template=sid)
    twilio.simulator.pass_time(DAY + 1, twilio.direct)
    delivery = twilio.delivery()
    await twilio.sending.send(delivery)
    await twilio.until(lambda: twilio.host.outcomes.of(delivery))
    (error,) = twilio.host.outcomes.of(delivery)
    assert isinstance(error, NotAccepted)
    await twilio.sending.send(delivery)
    assert twilio.texts() == ["News: hello Answer us."]


async def test_a_template_that_fails_holds_what_it_carried(twilio: Sender) -> None:
    query = {"delivery": "d1", "template": "1"}
    twilio.restart(template="HX" + "a" * 32)
    for code in ("63041", "63049", ""):
        (error,) = await told(twilio, status(twilio, "failed", code), query)
        assert isinstance(error, Held)
    twilio.simulator.pass_time(DAY + 1, twilio.direct)
    (error,) = await told(twilio, status(twilio, "failed", "63016"), query)
    assert isinstance(error, Held)
    # Whoever has blocked us will not write.
    (error,) = await told(twilio, status(twilio, "failed", "63014"), query)
    assert isinstance(error, RecipientGone)


async def test_if_nobody_can_say_it_is_held(twilio: Sender) -> None:
    twilio.simulator.fail_next(Fault.RATE_LIMIT, method="ListMessage")
    (error,) = await told(twilio, status(twilio, "failed", "63016"))
    assert isinstance(error, Held)
    with pytest.raises(Held):
        await twilio.send()
    twilio.simulator.fail_next(Fault.SERVER_ERROR, method="ListMessage")
    with pytest.raises(Unavailable):
        await told(twilio, status(twilio, "failed", "63016"))


async def test_what_is_held_while_they_write_is_released(twilio: Sender) -> None:
    query = {"delivery": "d1", "template": "1"}
    twilio.window.heard(twilio.ann.id, twilio.clock())
    (error,) = await told(twilio, status(twilio, "failed", "63041"), query)
    assert isinstance(error, Held)
    assert twilio.host.outcomes.released == [twilio.ann.id]


# In any order


@pytest.mark.parametrize("scrambled", [True, False])
async def test_the_order_of_statuses_says_nothing(scrambled: bool) -> None:
    async with sender(scramble_callbacks=scrambled) as twilio:
        delivery = twilio.delivery()
        await twilio.sending.send(delivery)
        names = await twilio.statuses(4)
        order = ["queued", "sent", "delivered", "read"]
        assert names == (order[::-1] if scrambled else order)
        assert twilio.host.outcomes.of(delivery) == [None, None]


async def test_a_status_may_be_told_again(twilio: Sender) -> None:
    delivery = twilio.delivery()
    await twilio.sending.send(delivery)
    await twilio.until(lambda: len(twilio.callbacks) == 4)
    for form, query in list(twilio.callbacks):
        await twilio.reports.take(form, query)
    assert twilio.host.outcomes.of(delivery) == [None] * 4


async def test_who_is_gone_is_told(twilio: Sender) -> None:
    twilio.simulator.leave(twilio.ann)
    delivery = twilio.delivery()
    await twilio.sending.send(delivery)
    await twilio.until(lambda: twilio.host.outcomes.of(delivery))
    (error,) = twilio.host.outcomes.of(delivery)
    assert isinstance(error, RecipientGone)


# Groups


def missed(
    twilio: Sender, delivery: Delivery, platform_id: str, code: str = "63016"
) -> dict[str, str]:
    """What is posted when one member did not get a message."""
    conversation, _, sid = platform_id.partition(":")
    return {
        "EventType": "onDeliveryUpdated",
        "AccountSid": twilio.settings.account_sid,
        "ConversationSid": conversation,
        "MessageSid": sid,
        "ParticipantSid": "MB" + "1" * 32,
        "Status": "undelivered",
        "ErrorCode": code,
    }


def receipts(twilio: Sender) -> list[str]:
    """What was told of members."""
    told = [form for form in twilio.arrived if form.get("EventType") == "onDeliveryUpdated"]
    return [form.get("Status", "") for form in told]


async def test_what_one_member_misses_is_not_sent_again(twilio: Sender) -> None:
    # Bob has not written: to him it cannot go.
    group = await twilio.group()
    await twilio.sending.send(twilio.delivery("hi", group))
    assert twilio.texts(group) == ["hi"]
    await twilio.until(lambda: len(receipts(twilio)) == 2)
    assert sum(status in {"failed", "undelivered"} for status in receipts(twilio)) == 1
    assert twilio.host.outcomes.reports == []


async def test_what_nobody_in_a_group_got_is_held(twilio: Sender) -> None:
    twilio.pass_time(DAY + 1)
    group = await twilio.group()
    delivery = twilio.delivery("hi", group)
    await twilio.sending.send(delivery)
    await twilio.until(lambda: len(receipts(twilio)) == 2)
    assert twilio.texts(group) == []
    first, second = twilio.host.outcomes.of(delivery)
    assert isinstance(first, Held)
    assert isinstance(second, Held)


async def test_a_group_that_all_have_left_keeps_what_waits_for_it(twilio: Sender) -> None:
    # Who is gone ends all that waits for them; a group may get others.
    for person in (twilio.ann, twilio.bob):
        twilio.simulator.leave(person)
    delivery = twilio.delivery("hi", await twilio.group())
    await twilio.sending.send(delivery)
    await twilio.until(lambda: len(receipts(twilio)) == 2)
    for error in twilio.host.outcomes.of(delivery):
        assert isinstance(error, Rejected)


async def test_what_happens_to_messages_of_others_is_nothing(twilio: Sender) -> None:
    group = await twilio.group()
    unknown = f"{group.id}:IM{'9' * 32}"
    await twilio.reports.take(missed(twilio, twilio.delivery(), unknown), {})
    form = missed(twilio, twilio.delivery(), unknown) | {"Status": "delivered"}
    await twilio.reports.take(form, {})
    assert twilio.host.outcomes.reports == []
    twilio.simulator.fail_next(Fault.SERVER_ERROR, method="FetchConversationMessage")
    with pytest.raises(Unavailable):
        await twilio.reports.take(missed(twilio, twilio.delivery(), unknown), {})


@pytest.mark.parametrize(
    ("summary", "nobody"),
    [
        ({"total": 2, "failed": "all", "undelivered": "none"}, True),
        ({"total": 2, "failed": "none", "undelivered": "all"}, True),
        ({"total": 2, "failed": "some", "undelivered": "some"}, False),
        ({"total": 2, "failed": "none"}, False),
        (None, False),
        ("all", False),
    ],
)
def test_who_has_it(summary: object, nobody: bool) -> None:
    assert reached_nobody({"delivery": summary}) is nobody
