"""Groups that operators make and change, and those that stand for group texts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from adapters.twilio.adapter import WhatsAppAdapter
from adapters.twilio.assembling import MARK
from adapters.twilio.groups import unique_name
from gateway import ConfigurationError, ConversationKind, Group, Grouping, Unavailable
from gateway.testing.adapter import BareHost
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.twilio.number import NAME, Number, number, until

OURS = "+15550001111"


@pytest.fixture
async def whatsapp() -> AsyncIterator[Number]:
    async with number("whatsapp") as everything:
        yield everything


@pytest.fixture
async def sms() -> AsyncIterator[Number]:
    async with number("sms", account=OURS) as everything:
        yield everything


@pytest.fixture(params=["whatsapp", "sms"])
async def twilio(request: pytest.FixtureRequest) -> AsyncIterator[Number]:
    async with number(request.param) as everything:
        yield everything


def people(twilio: Number, *names: str) -> list[str]:
    """The addresses of people who join the platform."""
    return [twilio.simulator.person(name).id for name in names]


def plain(address: str) -> str:
    return address.removeprefix("whatsapp:")


async def refusal(doing: Any) -> str:
    """What an operator is told."""
    with pytest.raises(ConfigurationError) as caught:
        await doing
    return str(caught.value)


def hooks(twilio: Number, group: str) -> list[str]:
    return [hook.address for hook in twilio.simulator._world.conversations[group].hooks.values()]


async def test_the_adapter_makes_groups(twilio: Number) -> None:
    assert isinstance(twilio.adapter, Grouping)


async def test_a_group_is_made_listed_and_changed(twilio: Number) -> None:
    bob, eve = people(twilio, "Bob", "Eve")
    assert await twilio.adapter.groups() == []
    made = await twilio.adapter.create_group("Garden", [twilio.ann.id, plain(bob)])
    assert (made.title, made.members) == ("Garden", (twilio.ann.id, bob))
    assert await twilio.adapter.groups() == [made]
    assert hooks(twilio, made.id) == [f"{twilio.host.public_url}/webhooks/{NAME}"]

    changed = await twilio.adapter.change_group(made.id, add=[eve], remove=[bob])
    assert set(changed.members) == {twilio.ann.id, eve}
    (listed,) = await twilio.adapter.groups()
    assert listed == changed


async def test_those_who_are_in_or_out_stay_so(twilio: Number) -> None:
    bob, eve = people(twilio, "Bob", "Eve")
    made = await twilio.adapter.create_group("Garden", [twilio.ann.id, bob, bob])
    again = await twilio.adapter.change_group(made.id, add=[bob, twilio.ann.id], remove=[eve])
    assert again == Group(id=made.id, title="Garden", members=(twilio.ann.id, bob))
    assert len(twilio.simulator.calls("CreateConversationScopedWebhook")) == 1
    asked = [c.parameters.get("MessagingBinding.Address") for c in
             twilio.simulator.calls("CreateConversationParticipant")]  # fmt: skip
    assert asked.count(bob) == asked.count(twilio.ann.id) == 1


async def test_what_is_said_in_it_is_heard(twilio: Number) -> None:
    (bob,) = people(twilio, "Bob")
    async with twilio.running():
        made = await twilio.adapter.create_group("Garden", [twilio.ann.id, bob])
        place = SimulatedPlace(kind="group", id=made.id, account=twilio.account)
        await twilio.say("hello all", place)
        await twilio.inbox.wait(1)
    (event,) = twilio.inbox.heard
    assert event.conversation.kind is ConversationKind.GROUP
    assert (event.conversation.id, event.participant.id) == (made.id, twilio.ann.id)


async def test_who_was_let_out_writes_in_private_again(whatsapp: Number) -> None:
    (bob,) = people(whatsapp, "Bob")
    async with whatsapp.running():
        made = await whatsapp.adapter.create_group("Garden", [whatsapp.ann.id, bob])
        await whatsapp.say("to all")
        await whatsapp.inbox.wait(1)
        await whatsapp.adapter.change_group(made.id, remove=[whatsapp.ann.id])
        await whatsapp.say("to you")
        await whatsapp.inbox.wait(2)
    kinds = [event.conversation.kind for event in whatsapp.inbox.heard]
    assert kinds == [ConversationKind.GROUP, ConversationKind.DIRECT]


async def test_on_whatsapp_everybody_is_bound_to_the_number(whatsapp: Number) -> None:
    (bob,) = people(whatsapp, "Bob")
    made = await whatsapp.adapter.create_group("Garden", [whatsapp.ann.id, bob])
    talk = whatsapp.simulator._world.conversations[made.id]
    assert {one.proxy for one in talk.people} == {whatsapp.account}


async def test_in_north_america_it_is_a_group_text(sms: Number) -> None:
    """We are in it, by the name that we speak under; and last, so that it is never of a few."""
    members = ["+14155550101", "+14155550102"]
    sms.adapter = sms.again(**{"from": "+14155550100"}).adapter
    sms.simulator.add_number("+14155550100")
    made = await sms.adapter.create_group("Garden", members)
    seats = list(sms.simulator._world.conversations[made.id].participants.values())
    assert [seat.address for seat in seats] == [*members, None]
    assert (seats[-1].identity, seats[-1].projected) == ("chat-gateway", "+14155550100")
    assert {seat.proxy for seat in seats} == {None}


@pytest.mark.parametrize(
    "members",
    [
        ["+14155550101"],
        ["+14155550101", "+4915112345678"],
        ["+14155550101", "+18005550102"],
    ],
)
async def test_elsewhere_what_is_said_is_relayed(sms: Number, members: list[str]) -> None:
    sms.simulator.add_number("+14155550100")
    adapter = sms.again(**{"from": "+14155550100"}).adapter
    made = await adapter.create_group("Garden", members)
    seats = list(sms.simulator._world.conversations[made.id].participants.values())
    assert {seat.proxy for seat in seats} == {"+14155550100"}


# What cannot be


async def test_groups_are_off(twilio: Number) -> None:
    off = twilio.again(conversations=False).adapter
    for doing in (off.groups(), off.create_group("G", ["+1"]), off.change_group("CH1")):
        told = await refusal(doing)
        assert told.startswith(f"channels.{NAME}.conversations: groups are off")
        assert "conversations = true" in told
    assert not twilio.simulator.calls()


async def test_groups_need_an_address(twilio: Number) -> None:
    twilio.host.public_url = ""
    adapter = twilio.again().adapter
    assert "gateway.public_url: is not set" in await refusal(adapter.groups())


async def test_all_numbers_that_are_none_are_named(twilio: Number) -> None:
    given = ["+49 151 12345678", "12", "", "whatsapp:+", "+0151", "anna", twilio.account]
    told = await refusal(twilio.adapter.create_group("Garden", given))
    lines = told.splitlines()
    assert len(lines) == 6
    assert all(line.startswith(f"channels.{NAME}: ") for line in lines)
    assert "'12' is no number" in told
    assert "own number" in lines[-1]
    assert not twilio.simulator.calls()


async def test_hidden_numbers_can_be_let_in_by_their_ids(whatsapp: Number) -> None:
    bob = whatsapp.simulator.person("Bob", privacy="hidden")
    assert "+" not in bob.id
    made = await whatsapp.adapter.create_group("Garden", [bob.id])
    assert made.members == (bob.id,)


@pytest.mark.parametrize("title", ["", "  ", "x" * 257])
async def test_titles_that_are_none(twilio: Number, title: str) -> None:
    told = await refusal(twilio.adapter.create_group(title, [twilio.ann.id]))
    assert "a title has 1 to 256 characters" in told


async def test_too_few_and_too_many(twilio: Number) -> None:
    assert "has 1 to" in await refusal(twilio.adapter.create_group("G", []))
    many = [f"+1415555{n:04}" for n in range(51)]
    assert "and not 51" in await refusal(twilio.adapter.create_group("G", many))


async def test_nobody_is_in_two_groups_with_one_number(whatsapp: Number) -> None:
    (bob,) = people(whatsapp, "Bob")
    first = await whatsapp.adapter.create_group("First", [whatsapp.ann.id])
    told = await refusal(whatsapp.adapter.create_group("Second", [bob, whatsapp.ann.id]))
    who = plain(whatsapp.ann.id)
    assert f"{who} is in the group {first.id} with this number already" in told
    assert f"`gateway groups remove {NAME} {first.id} {who}`" in told
    # What was begun is taken back, so that Bob is not stuck in it.
    assert [group.title for group in await whatsapp.adapter.groups()] == ["First"]
    await whatsapp.adapter.create_group("Second", [bob])

    second = (await whatsapp.adapter.groups())[0]
    told = await refusal(whatsapp.adapter.change_group(second.id, add=[whatsapp.ann.id]))
    assert "already" in told


async def test_the_same_people_are_one_group_text(sms: Number) -> None:
    sms.simulator.add_number("+14155550100")
    adapter = sms.again(**{"from": "+14155550100"}).adapter
    members = ["+14155550101", "+14155550102"]
    made = await adapter.create_group("First", members)
    told = await refusal(adapter.create_group("Second", members))
    assert "are a group already" in told
    assert [group.id for group in await adapter.groups()] == [made.id]


@pytest.mark.parametrize("group", ["CH" + "0" * 32, "Garden", "../Services", ""])
async def test_no_such_group(twilio: Number, group: str) -> None:
    told = await refusal(twilio.adapter.change_group(group, add=[twilio.ann.id]))
    assert "there is no group" in told
    assert f"`gateway groups list {NAME}`" in told


async def test_other_conversations_are_none_of_ours(whatsapp: Number) -> None:
    """Those of another number, or of another program of the account's."""
    foreign = whatsapp.simulator.place("group", people=[whatsapp.ann])
    other = whatsapp.simulator.add_number()
    (bob,) = people(whatsapp, "Bob")
    theirs = await whatsapp.again(**{"from": other}).adapter.create_group("Theirs", [bob])
    assert await whatsapp.adapter.groups() == []
    for group in (foreign.id, theirs.id):
        assert "there is no group" in await refusal(
            whatsapp.adapter.change_group(group, remove=[whatsapp.ann.id])
        )


async def test_a_closed_group_is_gone(whatsapp: Number) -> None:
    made = await whatsapp.adapter.create_group("Garden", [whatsapp.ann.id])
    whatsapp.simulator._world.conversations[made.id].state = "closed"
    assert await whatsapp.adapter.groups() == []
    assert "is closed" in await refusal(whatsapp.adapter.change_group(made.id))


# Trouble on the way


@pytest.mark.parametrize(
    "method", ["CreateConversationParticipant", "CreateConversationScopedWebhook"]
)
async def test_what_breaks_in_the_middle_leaves_nothing(whatsapp: Number, method: str) -> None:
    whatsapp.simulator.fail_next(Fault.SERVER_ERROR, method=method)
    with pytest.raises(Unavailable):
        await whatsapp.adapter.create_group("Garden", [whatsapp.ann.id])
    assert await whatsapp.adapter.groups() == []
    assert whatsapp.simulator.calls("DeleteConversation")


async def test_giving_up_in_the_middle_leaves_nothing(whatsapp: Number) -> None:
    """Nobody waits for a minute and finds half a group later."""
    (bob,) = people(whatsapp, "Bob")
    method = "CreateConversationParticipant"
    whatsapp.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method=method)
    doing = asyncio.create_task(whatsapp.adapter.create_group("Garden", [whatsapp.ann.id, bob]))
    await until(lambda: whatsapp.simulator.calls(method))
    doing.cancel()
    await asyncio.wait([doing])
    assert doing.cancelled()
    assert not whatsapp.simulator._world.conversations


async def test_a_rate_limit_says_how_long(whatsapp: Number) -> None:
    whatsapp.simulator.fail_next(Fault.RATE_LIMIT, method="ListConversation", retry_after=7.0)
    with pytest.raises(Unavailable) as caught:
        await whatsapp.adapter.groups()
    assert caught.value.retry_after == 7.0


async def test_nobody_there() -> None:
    async with aiohttp.ClientSession() as http:
        host = BareHost(http=http, public_url="https://bots.example.org")
        given = {
            "platform": "whatsapp", "account_sid": "AC" + "0" * 32, "auth_token": "0" * 32,
            "from": OURS, "api_url": "http://127.0.0.1:9", "conversations": True,
        }  # fmt: skip
        adapter = WhatsAppAdapter(NAME, WhatsAppAdapter.Settings.model_validate(given), host)
        with pytest.raises(Unavailable):
            await adapter.groups()


async def test_a_server_that_moved_is_told_of_again(whatsapp: Number) -> None:
    made = await whatsapp.adapter.create_group("Garden", [whatsapp.ann.id])
    whatsapp.host.public_url = "https://new.example.org"
    moved = whatsapp.again().adapter
    await moved.change_group(made.id)
    assert hooks(whatsapp, made.id) == [f"https://new.example.org/webhooks/{NAME}"]


# Group texts


async def test_a_group_text_gets_a_conversation_once(sms: Number) -> None:
    groups = sms.adapter._groups
    bob, eve = people(sms, "Bob", "Eve")
    sid = await groups.of_members([eve, bob])
    assert await groups.of_members([bob, eve]) == sid
    assert await sms.again().adapter._groups.of_members([bob, eve]) == sid
    talk = sms.simulator._world.conversations[sid]
    assert talk.unique_name == unique_name(sms.account, sorted([bob, eve]))
    assert {one.address for one in talk.people} == {bob, eve}
    assert [one.projected for one in talk.participants.values()][-1] == sms.account
    assert hooks(sms, sid) == [f"{sms.host.public_url}/webhooks/{NAME}"]
    assert len(sms.simulator.calls("CreateConversation")) == 1
    assert MARK in talk.attributes


@pytest.mark.parametrize("done", range(1, 5))
async def test_a_conversation_begun_before_a_crash_is_completed(sms: Number, done: int) -> None:
    bob, eve = people(sms, "Bob", "Eve")
    sms.simulator.fail_next(Fault.RESET, method="CreateConversationParticipant")
    groups = sms.adapter._groups
    with pytest.raises(Exception, match="connection broke"):
        await groups.of_members([bob, eve])
    sid = await sms.again().adapter._groups.of_members([bob, eve])
    talk = sms.simulator._world.conversations[sid]
    assert {one.address for one in talk.people} == {bob, eve}
    assert len(talk.participants) == 3
    assert len(talk.hooks) == 1


async def test_a_closed_conversation_is_followed_by_another(sms: Number) -> None:
    bob, eve = people(sms, "Bob", "Eve")
    groups = sms.adapter._groups
    first = await groups.of_members([bob, eve])
    sms.simulator._world.conversations[first].state = "closed"
    second = await groups.of_members([bob, eve])
    assert second != first
    assert await groups.of_members([bob, eve]) == second


async def test_a_conversation_of_the_same_people_is_taken(sms: Number) -> None:
    """There can be but one: Twilio, or another program, may have made it before."""
    bob, eve = (sms.simulator.person(name) for name in ("Bob", "Eve"))
    there = sms.simulator.place("group", people=[bob, eve])
    sid = await sms.adapter._groups.of_members([bob.id, eve.id])
    assert sid == there.id
    assert f"{sms.host.public_url}/webhooks/{NAME}" in hooks(sms, sid)
    assert [one.identity for one in _ours(sms, sid)] == ["chat-gateway"]
    assert len(sms.simulator._world.conversations) == 1


def _ours(sms: Number, sid: str) -> list[Any]:
    seats = sms.simulator._world.conversations[sid].participants.values()
    return [seat for seat in seats if seat.projected]


def test_unique_names_are_the_peoples_and_the_numbers() -> None:
    names = {
        unique_name("+1", ["+2", "+3"]),
        unique_name("+1", ["+2", "+3"], 1),
        unique_name("+1", ["+2"]),
        unique_name("+2", ["+1", "+3"]),
        unique_name("+1", ["+23"]),
    }
    assert len(names) == 5
    assert all(name.startswith("chat-gateway-") for name in names)
