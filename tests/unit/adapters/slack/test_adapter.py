"""The adapter as a whole, in both of its modes: what comes in is durable before Slack hears so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from adapters.slack import backoff, catching_up, intake
from gateway import (
    Act,
    Action,
    Address,
    ConfigurationError,
    ConversationKind,
    Receipt,
    Rejected,
    Unavailable,
)
from gateway import observability as obs
from gateway.testing.adapter import make_delivery
from gateway.testing.simulator import Fault
from tests.unit.adapters.slack.channel import Channel, Mode, channel, until

MODES: list[Mode] = ["socket", "events"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_WAIT", 0.05)


@pytest.fixture(params=MODES)
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[Channel]:
    async with channel(request.param) as everything:
        yield everything


@pytest.fixture
async def socket() -> AsyncIterator[Channel]:
    async with channel("socket") as everything:
        yield everything


# Receiving.


async def test_what_is_said_is_heard_in_order_and_acknowledged(slack: Channel) -> None:
    async with slack.running():
        for number in range(20):
            await slack.say(str(number))
        await slack.inbox.wait(20)
        await until(lambda: not slack.simulator.unacknowledged())
    assert slack.inbox.texts == list(map(str, range(20)))


async def test_nothing_is_acknowledged_before_it_is_committed(slack: Channel) -> None:
    async with slack.running():
        slack.inbox.gate.clear()
        event = await slack.say("take your time")
        await until(lambda: slack.inbox.offered)
        await asyncio.sleep(0.02)
        assert slack.simulator.unacknowledged() == [event]
        slack.inbox.gate.set()
        await until(lambda: not slack.simulator.unacknowledged())


async def test_what_the_store_could_not_take_comes_again(slack: Channel) -> None:
    async with slack.running():
        slack.inbox.failures.extend([Unavailable("no disk"), Unavailable("no disk")])
        with obs.captured() as logs:
            await slack.say("hello?")
            await slack.inbox.wait(1)
            await until(lambda: not slack.simulator.unacknowledged())
    assert slack.inbox.texts == ["hello?"]
    assert slack.inbox.offered == 3
    paused = [entry["error"] for entry in logs if entry["event"] == "slack.intake_paused"]
    assert paused == ["no disk"]


async def test_what_the_bot_says_comes_back_and_needs_nothing(slack: Channel) -> None:
    async with slack.running():
        await slack.say("hello")
        await slack.inbox.wait(1)
        await until(lambda: len(slack.simulator.ack_times()) == 1)
        offered = slack.inbox.offered
        sent = await slack.adapter.send(make_delivery(slack.inbox.heard[0].address, "hello, Ann"))
        await until(lambda: len(slack.simulator.ack_times()) == 2)
        await slack.say("and?")
        await slack.inbox.wait(2)
    assert slack.inbox.offered == offered + 1
    assert sent.platform_id not in {row["event"]["ts"] for row in slack.inbox.rows}


async def test_a_mention_is_one_event_though_it_is_told_twice(slack: Channel) -> None:
    place = slack.channel()
    async with slack.running():
        event = await slack.say("what grows here?", place, mention=True)
        await until(lambda: len(slack.inbox.rows) >= 2)
        await until(lambda: not slack.simulator.unacknowledged())
    assert {row["event"]["type"] for row in slack.inbox.rows} == {"app_mention", "message"}
    assert [one.event_id for one in slack.inbox.heard] == [event]


async def test_a_mention_in_a_group_belongs_to_the_group(slack: Channel) -> None:
    bob = slack.simulator.person("Bob")
    async with slack.running():
        group = slack.simulator.place("group", people=[slack.ann, bob])
        await slack.say("who waters?", group, mention=True)
        await until(lambda: len(slack.inbox.rows) == 2)
    events = [slack.adapter.parse(orjson.dumps(row)) for row in slack.inbox.rows]
    kinds = {getattr(event, "conversation", None) for event in events}
    assert {kind.kind for kind in kinds if kind} == {ConversationKind.GROUP}
    assert len(kinds) == 1


async def test_forty_at_once_are_acknowledged_within_a_second(slack: Channel) -> None:
    people = [slack.simulator.person(f"Person {number}") for number in range(40)]
    places = [slack.simulator.place("direct", people=[person]) for person in people]
    async with slack.running():
        for person, place in zip(people, places, strict=True):
            await slack.simulator.say("now", person=person, place=place)
        await slack.inbox.wait(40)
        await until(lambda: not slack.simulator.unacknowledged())
    times = sorted(slack.simulator.ack_times())[-40:]
    assert len(times) == 40
    assert max(times) < 1.0


async def test_forty_at_once_do_not_wait_in_turn_for_names_that_never_come(socket: Channel) -> None:
    place = socket.channel()
    people = [socket.simulator.person(f"Person {number}") for number in range(40)]
    async with socket.running():
        socket.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, 100, method="users.info")
        began = time.monotonic()
        for person in people:
            await socket.simulator.say("now", person=person, place=place, mention=True)
        await socket.inbox.wait(40)
        assert time.monotonic() - began < 1.5
        socket.simulator.clear_faults()
        await socket.simulator.disconnect()


async def test_a_slow_conversation_holds_up_no_other(slack: Channel) -> None:
    bob = slack.simulator.person("Bob")
    there = slack.simulator.place("direct", people=[bob])
    stuck = asyncio.Event()

    async def receive(raw: bytes) -> Receipt:
        if orjson.loads(raw).get("event", {}).get("channel") == slack.here.id:
            await stuck.wait()
        return await slack.inbox.receive(raw)

    run = asyncio.create_task(slack.adapter.run(receive))
    try:
        await slack.caught_up()
        await slack.say("one")
        await slack.say("two")
        await slack.simulator.say("quick", person=bob, place=there)
        await slack.inbox.wait(1)
        assert slack.inbox.texts == ["quick"]
        stuck.set()
        await slack.inbox.wait(3)
    finally:
        run.cancel()
        await asyncio.wait([run])
    assert slack.inbox.texts == ["quick", "one", "two"]


async def test_names_come_with_the_event(slack: Channel) -> None:
    async with slack.running():
        await slack.say("who am I?")
        await slack.inbox.wait(1)
    assert slack.inbox.heard[0].participant.name == "Ann"
    assert slack.inbox.rows[0]["gateway"]["names"] == {slack.ann.id: "Ann"}


async def test_nobody_is_looked_up_for_what_is_not_for_the_bot(slack: Channel) -> None:
    place = slack.channel()
    async with slack.running():
        await slack.say("chatter", place)
        await until(lambda: slack.inbox.rows)
    assert "users.info" not in slack.methods()
    assert not slack.inbox.heard


async def test_nothing_that_opens_anything_is_stored(slack: Channel) -> None:
    async with slack.running():
        await slack.say("hello")
        await slack.simulator.command("status", person=slack.ann, place=slack.here)
        await until(lambda: len(slack.inbox.rows) == 2)
    stored = orjson.dumps(slack.inbox.rows)
    assert b"hooks" not in stored
    assert b'"token"' not in stored
    assert b"response_url" not in stored


async def test_a_command_in_a_channel_is_answered_to_who_gave_it_only(slack: Channel) -> None:
    place = slack.channel()
    async with slack.running():
        await slack.simulator.command("reset", person=slack.ann, place=place)
        await until(lambda: slack.simulator.ephemerals(slack.ann))
        await slack.simulator.command("chat-status", person=slack.ann, place=place)
        await until(lambda: len(slack.simulator.ephemerals(slack.ann)) == 2)
    hint, other = slack.simulator.ephemerals(slack.ann)
    assert "write reset in" in hint.text
    assert "write !status in" in other.text
    assert "thread" in hint.text
    assert not slack.inbox.heard
    assert not slack.simulator.sent(place)


async def test_a_command_in_private_is_taken_and_answered_by_the_agent(slack: Channel) -> None:
    async with slack.running():
        await slack.simulator.command("chat-reset", "now", person=slack.ann, place=slack.here)
        await slack.inbox.wait(1)
    assert slack.inbox.texts == ["/reset now"]
    assert not slack.simulator.ephemerals(slack.ann)


async def test_what_slack_never_repeats_is_tried_again_here(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "INSIST_EVERY", 0.01)
    async with slack.running():
        slack.inbox.failures.extend([Unavailable("no disk")] * 3)
        await slack.simulator.command("status", person=slack.ann, place=slack.here)
        await slack.inbox.wait(1)
        await until(lambda: not slack.simulator.unacknowledged())
    assert slack.inbox.texts == ["/status"]


async def test_an_unreadable_event_stands_in_nobodys_way(slack: Channel) -> None:
    async with slack.running():
        slack.simulator.inject({"type": "event_callback", "event": {"type": "message"}})
        slack.simulator.inject({"type": "event_callback", "event": 7})
        await slack.say("after")
        await slack.inbox.wait(1)
        await until(lambda: not slack.simulator.unacknowledged())


# The agent view.


async def test_a_chat_of_the_agent_view_gets_its_prompts_and_its_title() -> None:
    prompts = ["What grows here?", "Who waters?"]
    async with channel(app={"assistant": True}, assistant=True, prompts=prompts) as slack:
        async with slack.running():
            chat = slack.simulator.open_assistant(slack.ann)
            await until(lambda: slack.simulator.calls("assistant.threads.setSuggestedPrompts"))
            await slack.say("Tell me of roses", chat)
            await slack.inbox.wait(1)
            await until(lambda: slack.simulator.calls("assistant.threads.setTitle"))
            await slack.adapter.typing(slack.inbox.heard[0].address)
        (call,) = slack.simulator.calls("assistant.threads.setSuggestedPrompts")
        assert [prompt["message"] for prompt in call.parameters["prompts"]] == prompts
        (call,) = slack.simulator.calls("assistant.threads.setTitle")
        assert call.parameters["title"] == "Tell me of roses"
        assert slack.simulator.calls("assistant.threads.setStatus")


async def test_what_changes_in_a_chat_of_the_agent_view_belongs_to_it(slack: Channel) -> None:
    chat = slack.simulator.open_assistant(slack.ann)
    async with slack.running():
        event = await slack.say("What is tea?", chat)
        await slack.inbox.wait(1)
        await slack.simulator.edit(event, "What is coffee?")
        await slack.simulator.delete(event)
        await slack.inbox.wait(3)
    said, *changes = slack.inbox.heard
    assert said.conversation.kind is ConversationKind.THREAD
    assert [change.conversation for change in changes] == [said.conversation] * 2


async def test_that_the_app_was_removed_is_said(slack: Channel) -> None:
    with obs.captured() as logs:
        async with slack.running():
            event = {"type": "tokens_revoked", "tokens": {"bot": ["U1"], "oauth": []}}
            slack.simulator.inject({"type": "event_callback", "event_id": "Ev1", "event": event})
            await until(lambda: "slack.app_removed" in [entry["event"] for entry in logs])


async def test_a_stream_that_somebody_stops_stops_the_turn() -> None:
    async with channel(app={"assistant": True}, assistant=True) as slack, slack.running():
        chat = slack.simulator.open_assistant(slack.ann)
        await slack.say("Tell me everything", chat)
        await slack.inbox.wait(1)
        address = slack.inbox.heard[0].address
        shown = await slack.adapter.preview(preview(address, "Roses"))
        await slack.simulator.stop_stream(person=slack.ann, place=chat)
        await slack.adapter.preview(preview(address, "Roses are red", shown))
        await slack.inbox.wait(2)
    stop = slack.inbox.heard[1]
    assert stop.action is Action.STOP
    assert stop.conversation == slack.inbox.heard[0].conversation
    assert stop.participant.id == slack.ann.id


def preview(address: Address, text: str, message_id: str = "") -> Any:
    from gateway import Preview

    return Preview(address=address, task_id="task", text=text, message_id=message_id)


# Tokens.


async def test_a_refused_bot_token_is_told_in_words(slack: Channel) -> None:
    slack.simulator.refuse("invalid_auth")
    with pytest.raises(ConfigurationError) as raised:
        await slack.adapter.run(slack.inbox.receive)
    assert "channels.garden.bot_token" in str(raised.value)
    with pytest.raises(ConfigurationError):
        await slack.adapter.check()


async def test_a_refused_app_token_is_told_in_words(socket: Channel) -> None:
    other = await socket.again(app_token="xapp-1-unknown")
    for attempt in (other.adapter.run(other.inbox.receive), other.adapter.check()):
        with pytest.raises(ConfigurationError) as raised:
            await attempt
        assert "channels.garden.app_token" in str(raised.value)
        assert "xapp-1-unknown" not in str(raised.value)


async def test_check_says_who_we_are(slack: Channel) -> None:
    assert "gateway" in await slack.adapter.check()


# Sending.


def test_a_channel_has_its_own_budget_and_the_rest_shares_one() -> None:
    address = Address(destination="D1", data={"channel": "D1"})
    thread = Address(destination="D1:1.0", data={"channel": "D1", "thread": "1.000000"})

    async def budgets() -> None:
        async with channel(stream_rate="0") as slack:
            keys = {act: [key for key, _ in slack.adapter.budgets(address, act)] for act in Act}
            assert keys == {
                Act.SEND: ["chan:D1"],
                Act.PREVIEW: ["update"],
                Act.TYPING: ["typing"],
            }
            assert not slack.adapter.budgets(thread, Act.PREVIEW)

    asyncio.run(budgets())


async def test_nothing_is_not_sent(socket: Channel) -> None:
    async with socket.running():
        await socket.say("hello")
        await socket.inbox.wait(1)
    with pytest.raises(Rejected):
        await socket.adapter.send(make_delivery(socket.inbox.heard[0].address, " \n"))


# Ending.


async def test_a_cancelled_run_leaves_nothing_behind(socket: Channel) -> None:
    before = asyncio.all_tasks()
    async with socket.running():
        socket.inbox.gate.clear()
        await socket.say("stuck")
        await socket.say("behind it")
        await until(lambda: socket.inbox.offered)
    assert not own_tasks(before)
    await until(lambda: not socket.simulator.connections())


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_run_ends_what_goes_on_aside(mode: Mode) -> None:
    method = "assistant.threads.setSuggestedPrompts"
    async with channel(mode, app={"assistant": True}, assistant=True, prompts=["Hm?"]) as slack:
        before = asyncio.all_tasks()
        async with slack.running():
            slack.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method=method)
            slack.simulator.open_assistant(slack.ann)
            await until(lambda: slack.simulator.calls(method))
        assert not own_tasks(before)


async def test_when_the_run_is_over_slack_is_sent_away() -> None:
    async with channel("events") as slack:
        async with slack.running():
            pass
        event = await slack.say("anybody?")
        await asyncio.sleep(0.05)
        assert slack.simulator.unacknowledged() == [event]
        assert not slack.inbox.offered


def own_tasks(before: set[asyncio.Task[Any]]) -> list[str]:
    """What of the adapter still runs, its simulator aside."""
    files = [
        task.get_coro().cr_code.co_filename  # type: ignore[union-attr]
        for task in asyncio.all_tasks() - before
    ]
    return [file for file in files if "adapters/slack/" in file and "simulat" not in file]


async def test_a_webhook_that_nobody_serves_sends_slack_away() -> None:
    async with channel("events") as slack:
        event = await slack.say("anybody?")
        await asyncio.sleep(0.05)
        assert slack.simulator.unacknowledged() == [event]
        assert await slack.simulator.verify()
        async with slack.running():
            await slack.inbox.wait(1)


def test_the_constants_leave_slack_s_three_seconds() -> None:
    assert intake.INSIST_FOR < 3.0
    assert catching_up.AGAIN_AFTER > 0
