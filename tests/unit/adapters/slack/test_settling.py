"""How a delivery of unknown outcome is found on the simulated Slack, or is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.slack import sending
from adapters.slack.simulation.vocabulary import DEFAULT_SCOPES
from gateway import (
    Delivery,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    SendError,
    Sent,
    Unavailable,
)
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.slack.sender import Sender, sender


@pytest.fixture
async def slack() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


async def unread(slack: Sender, delivery: Delivery) -> Exception:
    with pytest.raises((SendError, Unavailable)) as caught:
        await slack.sending.settle(delivery, "")
    return caught.value


async def test_only_metadata_tells_which_it_is(slack: Sender) -> None:
    sent = slack.delivery("the same")
    await slack.sending.send(sent)
    assert await slack.sending.settle(slack.delivery("the same"), "") is None
    assert await slack.sending.settle(sent, "") is not None


async def test_a_preview_that_became_the_answer_is_found(slack: Sender) -> None:
    message_id = await slack.send("so far")
    answer = slack.delivery(
        "the end", replaces=message_id, created_at=slack.simulator._clock() + 99
    )
    assert await slack.sending.settle(answer, "") is None
    await slack.sending.send(answer)
    assert await slack.sending.settle(answer, "") == Sent(platform_id=message_id)


@pytest.mark.parametrize("place", ["direct", "thread"])
async def test_a_file_is_found_by_itself(slack: Sender, place: str) -> None:
    where: SimulatedPlace = getattr(slack, place)
    file = slack.host.files.put('pl"an.png', b"some bytes")
    other = slack.host.files.put("other.png", b"some bytes")
    delivery = slack.carrying(file, place=where)
    await slack.simulator.send_file(b"some bytes", "pl_an.png", person=slack.ann, place=where)
    await slack.sending.send(slack.carrying(other, place=where))
    assert await slack.sending.settle(delivery, "F1") is None
    slack.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, method="files.completeUploadExternal")
    with pytest.raises(OutcomeUnknown):
        await slack.sending.send(delivery)
    found = await slack.sending.settle(delivery, "F1")
    assert found == Sent(platform_id=slack.seen(where)[-1].message_id)


async def test_many_messages_are_looked_through_but_not_all_of_them(
    slack: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PAGE", 2)
    monkeypatch.setattr(sending, "MAX_PAGES", 3)
    first = slack.delivery("first")
    await slack.sending.send(first)
    for number in range(3):
        await slack.send(str(number))
    assert await slack.sending.settle(first, "") is not None
    for number in range(6):
        await slack.send(str(number))
    assert isinstance(await unread(slack, slack.delivery("never sent")), Rejected)


async def test_a_clock_that_is_wrong_hides_nothing(slack: Sender) -> None:
    delivery = slack.delivery("early", created_at=slack.simulator._clock() + 30)
    await slack.sending.send(delivery)
    assert await slack.sending.settle(delivery, "") is not None


@pytest.mark.parametrize("place", ["direct", "thread"])
async def test_without_the_right_to_look_the_policy_decides(place: str) -> None:
    history = {"channels:history", "im:history"}
    async with sender(scopes=DEFAULT_SCOPES - history) as slack:
        where: SimulatedPlace = getattr(slack, place)
        delivery = slack.delivery("hello", where)
        problem = await unread(slack, delivery)
        assert isinstance(problem, Rejected)
        assert "history" in str(problem)
        # This one may be sent again: it only makes the preview the answer once more.
        assert await slack.sending.settle(replace(delivery, replaces="1.0"), "") is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.RATE_LIMIT, RateLimited),
        (Fault.SERVER_ERROR, Unavailable),
        (Fault.RESET, Unavailable),
        (Fault.MALFORMED, Unavailable),
    ],
)
async def test_a_look_that_fails_is_repeated_later(
    slack: Sender, fault: Fault, kind: type[Exception]
) -> None:
    slack.simulator.fail_next(fault, method="conversations.replies")
    problem: Any = await unread(slack, slack.delivery())
    assert isinstance(problem, kind)


async def test_a_thread_that_is_not_there_holds_nothing(slack: Sender) -> None:
    address = slack.address()
    nowhere = replace(address, data={**address.data, "thread": "1.000001"})
    assert await slack.sending.settle(replace(slack.delivery(), address=nowhere), "") is None
