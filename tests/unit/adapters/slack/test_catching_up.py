"""What was said while nobody listened is asked for, and comes before what is new."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from adapters.slack import backoff, catching_up, history, receiving, turns
from adapters.slack.positions import ago, micros
from adapters.slack.simulation.vocabulary import DEFAULT_SCOPES
from adapters.slack.simulator import Patience
from gateway import ConversationKind, Unavailable
from gateway import observability as obs
from gateway.testing.simulator import Fault
from tests.unit.adapters.slack.channel import Channel, Mode, channel, until

MODES: list[Mode] = ["socket", "events"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(history, "TRY_AGAIN_AFTER", 0.01)


@pytest.fixture(params=MODES)
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[Channel]:
    async with channel(request.param) as everything:
        yield everything


@pytest.fixture
async def socket() -> AsyncIterator[Channel]:
    async with channel("socket") as everything:
        yield everything


async def lose(slack: Channel, *texts: str, **more: object) -> None:
    """Let Ann write what Slack tells nobody of."""
    for text in texts:
        # A mention in a channel is told of twice.
        slack.simulator.drop(2 if more.get("mention") else 1)
        await slack.say(text, **more)  # type: ignore[arg-type]
    slack.simulator.drop(0)


async def down(slack: Channel) -> Channel:
    """The channel after a restart; it listens to nothing yet."""
    after = await slack.again()
    if slack.url:
        # The same route, served by the next one.
        slack.adapter._events.take = None
        after.adapter._events = slack.adapter._events
    return after


async def test_what_was_said_during_a_restart_is_heard_in_order(slack: Channel) -> None:
    async with slack.running():
        await slack.say("before")
        await slack.inbox.wait(1)
    await lose(slack, "one", "two", "three")
    after = await down(slack)
    async with after.running(settled=False):
        await after.inbox.wait(3)
        await until(lambda: not slack.simulator.unacknowledged())
    assert after.inbox.texts == ["one", "two", "three"]


async def test_threads_are_caught_up_with_too(slack: Channel) -> None:
    place = slack.channel()
    async with slack.running():
        event = await slack.say("what grows?", place, mention=True)
        await slack.inbox.wait(1)
    thread = slack.simulator.thread_of(event)
    await lose(slack, "and in winter?", place=thread)
    await lose(slack, "something else", place=place, mention=True)
    await lose(slack, "thank you", place=thread)
    after = await down(slack)
    async with after.running(settled=False):
        await after.inbox.wait(3)
    assert after.inbox.texts == ["and in winter?", "something else", "thank you"]
    first, second, third = after.inbox.heard
    assert first.conversation == third.conversation
    assert first.conversation.kind is ConversationKind.THREAD
    assert second.conversation.kind is ConversationKind.CHANNEL


async def test_a_mention_in_a_thread_that_nobody_knew_of_is_found(slack: Channel) -> None:
    place, bob = slack.channel(), slack.simulator.person("Bob")
    async with slack.running():
        root = await slack.simulator.say("our own thread", person=bob, place=place)
        await until(lambda: slack.inbox.rows)
    await lose(slack, "what do you say?", place=slack.simulator.thread_of(root), mention=True)
    after = await down(slack)
    async with after.running(settled=False):
        await after.inbox.wait(1)
    assert after.inbox.texts == ["what do you say?"]


async def test_somebody_who_wrote_for_the_first_time_is_found(slack: Channel) -> None:
    async with slack.running():
        pass
    await lose(slack, "hello, I am new")
    after = await down(slack)
    async with after.running(settled=False):
        await after.inbox.wait(1)


async def test_nothing_from_before_the_first_start_is_answered(slack: Channel) -> None:
    await lose(slack, "long ago")
    async with slack.running():
        await slack.say("now")
        await slack.inbox.wait(1)
        await asyncio.sleep(0.02)
    assert slack.inbox.texts == ["now"]


async def test_what_the_bot_and_others_say_is_not_heard(slack: Channel) -> None:
    place = slack.channel()
    async with slack.running():
        await slack.say("hello")
        await slack.inbox.wait(1)
    await lose(slack, "chatter", place=place)
    call = slack.adapter._api.call
    slack.simulator.drop(1)
    await call("chat.postMessage", channel=slack.here.id, text="of the bot itself")
    await lose(slack, "for the bot")
    after = await down(slack)
    async with after.running():
        await after.inbox.wait(1)
    assert after.inbox.texts == ["for the bot"]


async def test_what_is_live_waits_for_what_was_missed(socket: Channel) -> None:
    async with socket.running():
        await socket.say("before")
        await socket.inbox.wait(1)
    await lose(socket, "missed")
    after = await socket.again()
    socket.simulator.fail_next(Fault.RATE_LIMIT, method="conversations.history", retry_after=0)
    socket.simulator.fail_next(Fault.SERVER_ERROR, method="conversations.history")
    async with after.running(settled=False):
        await until(socket.simulator.connections)
        await socket.say("live")
        await after.inbox.wait(2)
        await until(lambda: not socket.simulator.unacknowledged())
    assert after.inbox.texts == ["missed", "live"]


async def test_what_is_live_does_not_wait_for_ever(
    socket: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    async with socket.running():
        await socket.say("before")
        await socket.inbox.wait(1)
    await lose(socket, "missed")
    after = await socket.again()
    socket.simulator.fail_next(Fault.RATE_LIMIT, method="conversations.history", retry_after=0.3)
    async with after.running(settled=False):
        await until(lambda: socket.simulator.calls("conversations.history"))
        await socket.say("live")
        await after.inbox.wait(1)
        assert after.inbox.texts == ["live"]
        # What is live says nothing of what was before it.
        assert micros(socket.marks[socket.here.id]) < micros(after.inbox.heard[0].message_id)
        await after.inbox.wait(2)
    assert after.inbox.texts == ["live", "missed"]


async def test_after_a_lost_connection_the_gap_is_closed(socket: Channel) -> None:
    async with socket.running():
        await socket.say("before")
        await socket.inbox.wait(1)
        await lose(socket, "missed")
        await socket.simulator.disconnect()
        await socket.inbox.wait(2)
    assert socket.inbox.texts == ["before", "missed"]


async def test_after_an_outage_the_pulse_closes_the_gap(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PULSE_EVERY", 0.02)
    with obs.captured() as logs:
        async with slack.running():
            await slack.say("before")
            await slack.inbox.wait(1)
            await slack.simulator.outage(True)
            await until(lambda: any(one["event"] == "slack.away" for one in logs))
            await lose(slack, "missed")
            await slack.simulator.outage(False)
            await slack.inbox.wait(2)
    assert slack.inbox.texts == ["before", "missed"]


@pytest.mark.parametrize("mode", MODES)
async def test_what_slack_gave_up_on_while_the_store_was_away_is_heard(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.05)
    hasty = Patience(ack_within=0.1, waits=(0.0, 0.01, 0.02))
    async with channel(mode, patience=hasty) as slack, slack.running():
        await slack.say("before")
        await slack.inbox.wait(1)
        slack.inbox.away = True
        event = await slack.say("missed")
        await until(lambda: event in slack.simulator.lost())
        slack.inbox.away = False
        await slack.inbox.wait(2)
        await slack.say("after")
        await slack.inbox.wait(3)
        await until(lambda: not slack.simulator.unacknowledged())
    assert slack.inbox.texts == ["before", "missed", "after"]


async def test_that_slack_tries_once_more_means_that_something_may_be_missing(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.05)
    async with slack.running():
        await lose(slack, "missed")
        slack.inbox.failures.append(Unavailable("no disk"))
        bob = slack.simulator.person("Bob")
        there = slack.simulator.place("direct", people=[bob])
        await slack.simulator.say("comes twice", person=bob, place=there)
        await slack.inbox.wait(2)
    assert sorted(slack.inbox.texts) == ["comes twice", "missed"]


async def test_long_gaps_are_read_page_by_page(
    socket: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 3)
    async with socket.running():
        await socket.say("before")
        await socket.inbox.wait(1)
    texts = [str(number) for number in range(10)]
    await lose(socket, *texts)
    after = await socket.again()
    async with after.running(settled=False):
        await after.inbox.wait(10)
    assert after.inbox.texts == texts
    assert len(socket.simulator.calls("conversations.history")) >= 4


async def test_not_more_pages_are_read_than_there_may_be_something_on(
    socket: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with socket.running():
        for number in range(9):
            await socket.say(str(number))
        await socket.inbox.wait(9)
    # To some apps, Slack gives fifteen messages a minute, whatever they ask for.
    monkeypatch.setattr(history, "PAGE", 2)
    socket.host.bookmarks.put("garden", socket.here.id, ago(0))
    after = await socket.again()
    before = len(socket.simulator.calls("conversations.history"))
    async with after.running():
        await until(lambda: len(socket.simulator.calls("conversations.history")) > before)
    assert len(socket.simulator.calls("conversations.history")) == before + 1


async def test_what_the_app_may_not_read_is_left_out() -> None:
    scopes = DEFAULT_SCOPES - {"groups:read", "mpim:read", "channels:history"}
    async with channel(app={"scopes": scopes}) as slack:
        slack.channel()
        async with slack.running():
            pass
        await lose(slack, "missed")
        after = await slack.again()
        with obs.captured() as logs:
            async with after.running(settled=False):
                await after.inbox.wait(1)
                await until(lambda: len(refused(logs)) == 3)
        assert {"mpim", "private_channel"} < set(refused(logs))
        assert not [entry for entry in logs if entry["event"] == "slack.catch_up_failed"]


def refused(logs: Sequence[Mapping[str, Any]]) -> list[object]:
    return [entry["place"] for entry in logs if entry["event"] == "slack.catch_up_refused"]


async def test_it_can_be_turned_off() -> None:
    async with channel(catch_up=0) as slack:
        async with slack.running(settled=False):
            await slack.say("hello")
            await slack.inbox.wait(1)
        await lose(slack, "missed")
        after = await slack.again(catch_up=0)
        async with after.running(settled=False):
            await slack.say("now")
            await after.inbox.wait(1)
            await asyncio.sleep(0.02)
        assert after.inbox.texts == ["now"]
        assert not slack.simulator.calls("users.conversations")


async def test_a_failure_is_told_of_and_tried_again(
    socket: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.05)
    async with socket.running():
        pass
    await lose(socket, "missed")
    after = await socket.again()
    socket.simulator.fail_next(Fault.SERVER_ERROR, 3, method="users.conversations")
    with obs.captured() as logs:
        async with after.running(settled=False):
            await after.inbox.wait(1)
    assert [e["event"] for e in logs if e["event"].startswith("slack.c")] == [
        "slack.connected",
        "slack.catch_up_failed",
        "slack.caught_up",
    ]


async def test_what_may_come_by_itself_holds_up_nothing(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.01)
    async with slack.running():
        calls = len(slack.simulator.calls("users.conversations"))
        slack.simulator.fail_next(Fault.RATE_LIMIT, method="users.conversations", retry_after=2.0)
        slack.inbox.failures.append(Unavailable("no disk"))
        await slack.say("comes twice")
        await until(lambda: len(slack.simulator.calls("users.conversations")) > calls)
        began = time.monotonic()
        await slack.say("live")
        await until(lambda: "live" in slack.inbox.texts)
        assert time.monotonic() - began < 1.8
        await slack.inbox.wait(2)


async def test_a_thread_that_is_gone_stands_in_the_way_of_nothing(slack: Channel) -> None:
    place = slack.channel()
    async with slack.running():
        await slack.say("hello", place, mention=True)
        await slack.inbox.wait(1)
    slack.host.bookmarks.put("garden", f"{place.id}:1.000000", ago(5))
    await lose(slack, "missed", place=place, mention=True)
    after = await down(slack)
    with obs.captured() as logs:
        async with after.running(settled=False):
            await after.inbox.wait(1)
    assert refused(logs) == [f"{place.id}:1.000000"]


async def test_more_conversations_than_are_asked_for_are_told_of(
    socket: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "MAX_CONVERSATIONS", 1)
    socket.channel()
    async with socket.running():
        await socket.say("hello")
        await socket.inbox.wait(1)
    await lose(socket, "missed")
    after = await socket.again()
    with obs.captured() as logs:
        async with after.running(settled=False):
            await after.inbox.wait(1)
    left = [e["conversations"] for e in logs if e["event"] == "slack.catch_up_incomplete"]
    assert left == [1]


async def test_a_chat_of_the_agent_view_is_known_in_the_history() -> None:
    async def call(method: str, **arguments: object) -> dict[str, Any]:
        root = {"ts": "1.000000", "subtype": "assistant_app_thread", "user": "B"}
        return {"messages": [root, {"ts": "2.000000", "user": "U"}]}

    said = await history.History(call, None).replies("D1", "1.000000", "0.000001")
    assert said == [{"ts": "2.000000", "user": "U", "assistant_thread": {}}]
