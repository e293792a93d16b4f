"""The adapter as a whole: what comes in is durable before Twilio hears so, and is ours alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from adapters.twilio import catching_up, intake, opting_out
from adapters.twilio.adapter import SmsAdapter, WhatsAppAdapter
from adapters.twilio.settings import STAND_IN
from gateway import (
    Act,
    Action,
    Address,
    ConfigurationError,
    ConversationKind,
    Grouping,
    Ignored,
    RecipientGone,
    Rejected,
    Sent,
    Unavailable,
)
from gateway.ports.adapter import Spelling, Typing
from gateway.testing.adapter import BareHost, bare_host, make_delivery
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.forms import ANN, OURS, sms, whatsapp
from tests.unit.adapters.twilio.number import NAME, Kind, Number, number, until

KINDS: list[Kind] = ["whatsapp", "sms"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.02)
    monkeypatch.setattr(catching_up, "AGAIN_AT_MOST", 0.05)


@pytest.fixture(params=KINDS)
async def twilio(request: pytest.FixtureRequest) -> AsyncIterator[Number]:
    async with number(request.param) as everything:
        yield everything


@pytest.fixture
async def wa() -> AsyncIterator[Number]:
    async with number("whatsapp") as everything:
        yield everything


@pytest.fixture
async def host() -> AsyncIterator[BareHost]:
    async with bare_host() as host:
        yield host


# Receiving


async def test_what_is_said_is_heard_in_order_and_acknowledged(twilio: Number) -> None:
    async with twilio.running():
        for count in range(20):
            await twilio.say(str(count))
        await twilio.inbox.wait(20)
        await until(lambda: not twilio.simulator.unacknowledged())
    assert twilio.inbox.texts == list(map(str, range(20)))
    assert not twilio.simulator.lost()
    assert {event.participant.id for event in twilio.inbox.heard} == {twilio.ann.id}


async def test_what_the_store_could_not_take_is_fetched_soon(twilio: Number) -> None:
    async with twilio.running():
        twilio.inbox.failures.append(Unavailable("no disk"))
        with capture_logs() as logs:
            event = await twilio.say("hello?")
            await twilio.inbox.wait(1)
    assert twilio.inbox.texts == ["hello?"]
    assert event in twilio.simulator.lost()
    assert "twilio.intake_paused" in [line["event"] for line in logs]


async def test_what_comes_twice_is_heard_once(twilio: Number) -> None:
    async with twilio.running():
        event = await twilio.say("once")
        await twilio.inbox.wait(1)
        twilio.simulator.redeliver(event)
        await until(lambda: len(twilio.inbox.rows) == 2)
    assert twilio.inbox.texts == ["once"]


async def test_nothing_is_taken_before_it_runs(twilio: Number) -> None:
    assert not await twilio.simulator.verify()
    async with twilio.running():
        assert await twilio.simulator.verify()
    assert not await twilio.simulator.verify()


async def test_whoever_has_another_token_is_refused(wa: Number) -> None:
    async with wa.running():
        other = wa.again(auth_token="f" * 32)
        wa.routes.routes[:] = list(other.adapter.routes())
        with capture_logs() as logs:
            assert not await wa.simulator.verify()
    assert "twilio.request_unauthorized" in [line["event"] for line in logs]


async def test_the_query_of_the_configured_address_is_signed(wa: Number) -> None:
    wa.simulator.webhook_url(wa.account, f"{wa.host.public_url}/webhooks/{NAME}?a=b%20c&d#rc=3")
    async with wa.running():
        await wa.say("hello")
        await wa.inbox.wait(1)


async def test_without_a_public_address_it_does_not_run(host: BareHost) -> None:
    adapter = WhatsAppAdapter(NAME, whatsapp(), host)

    async def receive(raw: bytes) -> Any:
        raise AssertionError

    with pytest.raises(ConfigurationError) as caught:
        await adapter.run(receive)
    (problem,) = caught.value.problems
    assert problem.where == "gateway.public_url"
    assert "https://" in (problem.hint or "")


@pytest.mark.parametrize("key", ["account_sid", "auth_token", "from"])
async def test_a_stand_in_is_for_reading_events_alone(host: BareHost, key: str) -> None:
    """It is any account and any number: a channel of it would hear all of them."""
    host.public_url = "https://chat.example.com"
    adapter = SmsAdapter(NAME, sms(**{key: STAND_IN}), host)

    async def receive(raw: bytes) -> Any:
        raise AssertionError

    async with asyncio.timeout(1):
        for doing in (adapter.run(receive), adapter.check()):
            with pytest.raises(ConfigurationError) as caught:
                await doing
            assert [one.where for one in caught.value.problems] == [f"channels.{NAME}.{key}"]


async def test_a_live_message_waits_for_what_came_before_it(
    wa: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "WAIT", 1.0)
    async with wa.running():
        await wa.say("zero")
        await wa.inbox.wait(1)
    await wa.say("one")
    await until(lambda: len(wa.simulator.lost()) == 1)
    again = wa.again()
    async with again.running(settled=False):
        await wa.say("two")
        await again.inbox.wait(2)
    assert again.inbox.texts == ["one", "two"]


async def test_a_picked_option_is_a_press(wa: Number) -> None:
    payload = {"ButtonPayload": "q:0123abcd:1", "ButtonText": "Tea"}
    async with wa.running():
        await wa.say("Tea", extra=payload)
        await wa.inbox.wait(1)
    (event,) = wa.inbox.heard
    assert event.action is Action.PRESS
    assert event.press is not None
    assert (event.press.question_id, event.press.option) == ("0123abcd", 1)


async def test_who_hides_the_number_stays_the_same_person(wa: Number) -> None:
    async with wa.running():
        await wa.say("with my number")
        await wa.inbox.wait(1)
        wa.ann = wa.simulator.set_privacy(wa.ann, "both")
        await wa.say("with both")
        await wa.inbox.wait(2)
        wa.ann = wa.simulator.set_privacy(wa.ann, "hidden")
        await wa.say("without")
        await wa.inbox.wait(3)
    plain, both, hidden = wa.inbox.heard
    assert plain.participant.id == both.participant.id
    assert both.also == (hidden.participant.id,)
    assert hidden.participant.id != plain.participant.id


# Groups


async def test_a_group_is_one_conversation_of_several(twilio: Number) -> None:
    ben = twilio.simulator.person("Ben")
    group = twilio.simulator.place("group", people=[twilio.ann, ben])
    async with twilio.running():
        event = await twilio.say("hi all", group)
        await twilio.simulator.say("hi Ann", person=ben, place=group)
        await twilio.inbox.wait(2)
        await twilio.simulator.edit(event, "hello all")
        await twilio.inbox.wait(3)
        await twilio.simulator.delete(event)
        await twilio.inbox.wait(4)
        await until(lambda: not twilio.simulator.unacknowledged())
    first, second, edit, delete = twilio.inbox.heard
    assert {e.conversation.id for e in twilio.inbox.heard} == {group.id}
    assert {e.conversation.kind for e in twilio.inbox.heard} == {ConversationKind.GROUP}
    assert [first.participant.id, second.participant.id] == [twilio.ann.id, ben.id]
    assert (edit.action, edit.message_id, edit.text) == (
        Action.EDIT,
        first.message_id,
        "hello all",
    )
    assert (delete.action, delete.deleted) == (Action.DELETE, (first.message_id,))


async def test_what_is_sent_to_a_group_is_not_heard(twilio: Number) -> None:
    ben = twilio.simulator.person("Ben")
    group = twilio.simulator.place("group", people=[twilio.ann, ben])
    async with twilio.running():
        await twilio.say("hi all", group)
        await twilio.inbox.wait(1)
        address = twilio.inbox.heard[0].address
        await twilio.adapter.send(make_delivery(address, "hello", channel=NAME))
        await twilio.simulator.wait_sent(1, group)
        await twilio.say("and again", group)
        await twilio.inbox.wait(2)
    assert twilio.inbox.texts == ["hi all", "and again"]


async def test_a_group_mms_becomes_a_conversation_with_the_first_answer() -> None:
    async with number("sms") as twilio:
        ben = twilio.simulator.person("Ben")
        group = twilio.simulator.group_text([twilio.ann, ben])
        async with twilio.running():
            await twilio.say("hey all", group)
            await twilio.inbox.wait(1)
            (event,) = twilio.inbox.heard
            assert event.conversation.id.startswith("mms:")
            sent = await twilio.adapter.send(make_delivery(event.address, "hey", channel=NAME))
            assert sent.moved is not None
            assert sent.moved.old_id == event.conversation.id
            await twilio.say("more", group)
            await twilio.inbox.wait(2)
        assert twilio.inbox.heard[1].conversation.id == sent.moved.new_id


async def test_without_conversations_groups_are_not_heard() -> None:
    async with number("sms", conversations=False) as twilio:
        ben = twilio.simulator.person("Ben")
        group = twilio.simulator.group_text([twilio.ann, ben])
        async with twilio.running():
            await twilio.say("hey all", group)
            await until(lambda: twilio.inbox.ignored)
        assert not twilio.inbox.heard
        assert "set conversations = true" in twilio.inbox.ignored[0]


# Several numbers of one account


async def test_two_numbers_of_an_account_are_two_channels() -> None:
    assert WhatsAppAdapter.identity(whatsapp()) != WhatsAppAdapter.identity(
        whatsapp(**{"from": "+15550002222"})
    )
    assert WhatsAppAdapter.identity(whatsapp()) == WhatsAppAdapter.identity(
        whatsapp(**{"from": "whatsapp:+1 555 000 1111", "auth_token": "f" * 32})
    )
    assert WhatsAppAdapter.identity(whatsapp()) != SmsAdapter.identity(sms())


async def test_what_another_number_gets_is_not_heard_here(twilio: Number) -> None:
    other = twilio.simulator.add_number(url=f"{twilio.host.public_url}/webhooks/{NAME}")
    there = twilio.simulator.place("direct", people=[twilio.ann], account=other)
    async with twilio.running():
        await twilio.simulator.say("for the other", person=twilio.ann, place=there)
        await until(lambda: twilio.inbox.ignored)
        await twilio.say("for this")
        await twilio.inbox.wait(1)
    assert twilio.inbox.texts == ["for this"]
    assert "another number" in twilio.inbox.ignored[0]


# Opting out


async def test_who_wrote_stop_gets_nothing_until_start(wa: Number) -> None:
    async with wa.running():
        await wa.say("hello")
        await wa.inbox.wait(1)
        delivery = make_delivery(wa.inbox.heard[0].address, "news", channel=NAME)
        await wa.say("Stop")
        (said,) = await wa.simulator.wait_sent(1, wa.here)
        assert said.text == opting_out.STOPPED
        with pytest.raises(RecipientGone):
            await wa.adapter.send(delivery)
        again = wa.again()
        with pytest.raises(RecipientGone):
            await again.adapter.send(delivery)
        await wa.say("start")
        await wa.simulator.wait_sent(2, wa.here)
        assert isinstance(await wa.adapter.send(delivery), Sent)
    assert wa.inbox.texts == ["hello"]


# What it offers


def test_only_whatsapp_shows_typing(host: BareHost) -> None:
    assert isinstance(WhatsAppAdapter(NAME, whatsapp(), host), Typing)
    assert not isinstance(SmsAdapter(NAME, sms(), host), Typing)
    for adapter in (WhatsAppAdapter(NAME, whatsapp(), host), SmsAdapter(NAME, sms(), host)):
        assert isinstance(adapter, Spelling)
        assert isinstance(adapter, Grouping)


def test_parsing_needs_nothing_of_the_host() -> None:
    adapter = WhatsAppAdapter(NAME, whatsapp(), None)  # type: ignore[arg-type]
    assert isinstance(adapter.parse(b'{"CallSid": "CA1"}'), Ignored)


def test_a_person_has_a_budget_and_the_number_another(host: BareHost) -> None:
    address = Address(destination=ANN, data={"to": ANN})
    adapter = WhatsAppAdapter(NAME, whatsapp(), host)
    person, overall = adapter.budgets(address, Act.SEND)
    assert (person[0], person[1].burst) == (f"to:{ANN}", 3)
    assert (overall[0], overall[1].count) == ("number", 40)
    assert adapter.budgets(address, Act.TYPING) == ()
    assert [key for key, _ in SmsAdapter(NAME, sms(), host).budgets(address, Act.SEND)] == [
        "number"
    ]
    free = WhatsAppAdapter(NAME, whatsapp(person_rate="0", overall_rate="0"), host)
    assert free.budgets(address, Act.SEND) == ()
    half = WhatsAppAdapter(NAME, whatsapp(person_rate="0"), host)
    assert [key for key, _ in half.budgets(address, Act.SEND)] == ["number"]


async def test_nothing_is_not_sent(host: BareHost) -> None:
    adapter = WhatsAppAdapter(NAME, whatsapp(), host)
    with pytest.raises(Rejected):
        await adapter.send(make_delivery(Address(destination=ANN, data={"to": ANN}), " \n"))


def test_routes_take_posts_alone(host: BareHost) -> None:
    adapter = WhatsAppAdapter(NAME, whatsapp(), host)
    paths = {route.path for route in adapter.routes()}  # type: ignore[attr-defined]
    assert paths == {f"/webhooks/{NAME}", f"/webhooks/{NAME}/status"}


async def test_others_methods_and_paths_are_not_served(wa: Number) -> None:
    async with wa.running(), aiohttp.ClientSession() as http:
        base = f"{wa.host.public_url}/webhooks/{NAME}"
        for method, url, status in (
            ("GET", base, 405),
            ("GET", f"{base}/status", 405),
            ("POST", base, 415),
            ("POST", f"{base}/other", 404),
        ):
            async with http.request(method, url) as answer:
                assert answer.status == status, (method, url)


async def test_secrets_are_shown_nowhere(wa: Number) -> None:
    token = wa.simulator.settings()["auth_token"]
    with capture_logs() as logs:
        async with wa.running():
            wa.simulator.fail_next(Fault.SERVER_ERROR, method="*")
            await wa.say("hello")
            await wa.inbox.wait(1)
            await asyncio.sleep(0.05)
    assert token not in f"{wa.adapter!r} {wa.adapter.settings!r} {logs}"
    assert OURS not in str(logs)
