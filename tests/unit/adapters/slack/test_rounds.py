"""Now and then it is looked whether all is as it seems: nobody tells that events do not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from adapters.slack import backoff, catching_up, history
from adapters.slack.api import SlackRefused
from adapters.slack.catching_up import CatchingUp
from adapters.slack.history import History, Listed
from adapters.slack.positions import CONNECTED, Positions, ago, micros
from adapters.slack.simulator import Patience
from adapters.slack.turns import Turns
from gateway import (
    ConversationKind,
    OutcomeUnknown,
    RateLimited,
    Receipt,
    Rejected,
    Unavailable,
    UnreadableUpdate,
)
from gateway import observability as obs
from gateway.testing.adapter import BareBookmarks
from tests.unit.adapters.slack.channel import Channel, Mode, channel, until
from tests.unit.adapters.slack.test_catching_up import MODES, down, lose

NOWHERE = "http://127.0.0.1:9/"
HASTY = Patience(ack_within=0.2, waits=(0.0, 0.01, 0.02))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(history, "TRY_AGAIN_AFTER", 0.001)


@pytest.fixture(params=MODES)
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[Channel]:
    async with channel(request.param) as everything:
        yield everything


def rounds(monkeypatch: pytest.MonkeyPatch, every: float = 0.05) -> None:
    monkeypatch.setattr(catching_up, "ROUND_EVERY", every)


async def unreachable(slack: Channel, *texts: str) -> None:
    """Let Ann write while Slack cannot reach us, and gives up; all that we ask it is answered."""
    slack.simulator.webhook_url("", NOWHERE)
    events = [await slack.say(text) for text in texts]
    await until(lambda: set(events) <= set(slack.simulator.lost()))
    slack.simulator.webhook_url("", slack.url)


async def test_what_slack_gave_up_on_while_it_could_not_reach_us_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds(monkeypatch, 0.3)
    async with channel("events", patience=HASTY) as slack, slack.running():
        await slack.say("before")
        await slack.inbox.wait(1)
        await unreachable(slack, "one", "two")
        # What comes by itself again says nothing of what did not.
        await slack.say("after")
        await slack.inbox.wait(4)
        await until(lambda: not slack.simulator.unacknowledged())
    assert sorted(slack.inbox.texts) == ["after", "before", "one", "two"]
    assert len(slack.simulator.lost()) == 2


async def test_a_restart_between_a_gap_and_the_next_round_loses_nothing(slack: Channel) -> None:
    async with slack.running():
        await slack.say("before")
        await slack.inbox.wait(1)
        await lose(slack, "missed")
        await slack.say("after")
        await slack.inbox.wait(2)
    later = await down(slack)
    async with later.running(settled=False):
        await later.inbox.wait(1)
    assert later.inbox.texts == ["missed"]


async def test_a_connection_that_answers_pings_and_brings_nothing_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds(monkeypatch)
    async with channel("socket") as slack, slack.running():
        with obs.captured() as logs:
            await lose(slack, "missed")
            await slack.inbox.wait(1)
            await until(lambda: "slack.caught_up" in [entry["event"] for entry in logs])
        assert len(slack.simulator.calls("apps.connections.open")) == 1


async def test_a_round_takes_nothing_twice(slack: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds(monkeypatch, 0.02)
    place = slack.channel()
    async with slack.running():
        await slack.say("hello")
        event = await slack.say("hello", place, mention=True)
        await slack.say("and", slack.simulator.thread_of(event))
        await slack.inbox.wait(3)
        await until(lambda: not slack.simulator.unacknowledged())
        offered = slack.inbox.offered
        with obs.captured() as logs:
            calls = len(slack.simulator.calls("users.conversations"))
            await until(lambda: len(slack.simulator.calls("users.conversations")) > calls + 2)
        assert slack.inbox.offered == offered
        assert not logs


async def test_what_people_said_among_themselves_is_not_heard_in_hindsight(
    slack: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = slack.channel()
    async with slack.running():
        root = await slack.say("our own thread", place)
        thread = slack.simulator.thread_of(root)
        await slack.say("chatter", thread)
        await until(lambda: slack.inbox.offered >= 2)
        await slack.say("what do you say?", thread, mention=True)
        await slack.inbox.wait(1)
    later = await down(slack)
    rounds(monkeypatch, 0.02)
    async with later.running():
        calls = len(slack.simulator.calls("conversations.replies"))
        await until(lambda: slack.simulator.calls("conversations.replies") or calls)
        await asyncio.sleep(0.05)
    assert later.inbox.texts == []


async def test_a_lost_mention_is_heard_though_a_later_one_made_the_thread_known(
    slack: Channel,
) -> None:
    place = slack.channel()
    async with slack.running():
        thread = slack.simulator.thread_of(await slack.say("our own thread", place))
        await lose(slack, "hello?", place=thread, mention=True)
        await slack.say("is somebody there?", thread, mention=True)
        await slack.inbox.wait(1)
    later = await down(slack)
    async with later.running(settled=False):
        await later.inbox.wait(1)
    assert later.inbox.texts == ["hello?"]


@pytest.mark.parametrize("mode", MODES)
async def test_the_first_start_stays_the_first_moment(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds(monkeypatch, 0.02)
    async with channel(mode) as slack:
        await lose(slack, "long ago")
        async with slack.running():
            calls = len(slack.simulator.calls("conversations.history"))
            await until(lambda: len(slack.simulator.calls("conversations.history")) > calls + 2)
        assert slack.inbox.texts == []


async def test_no_rounds_where_catching_up_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds(monkeypatch, 0.01)
    async with channel(catch_up=0) as slack, slack.running(settled=False):
        await slack.say("hello")
        await slack.inbox.wait(1)
        await asyncio.sleep(0.03)
        assert not slack.simulator.calls("users.conversations")


# Without a simulator: many conversations, and a Slack that has enough.


class Workspace:
    """What Slack would answer, and what was asked."""

    def __init__(self, *channels: str) -> None:
        self.channels = list(channels)
        self.failures: dict[str, Exception] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.taken: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.raised: list[Exception] = []
        self.bookmarks = BareBookmarks()
        self.positions = Positions(self.bookmarks, "garden")
        log = structlog.get_logger("test")
        self.catching_up = CatchingUp(
            History(self.call, log),
            History(self.call, log, patient=False),
            self.take,
            turns=Turns(),
            positions=self.positions,
            window=86400.0,
            learn=lambda channel, sort: None,
            called=lambda event: False,
            head={},
            log=log,
        )

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        if method == "users.conversations":
            return {"channels": [{"id": channel} for channel in self.channels]}
        channel = arguments["channel"]
        self.asked.append(channel)
        if channel in self.failures:
            raise self.failures[channel]
        return {"messages": self.messages.get(channel, [])}

    async def take(self, event: dict[str, Any]) -> Receipt:
        if self.raised:
            raise self.raised.pop()
        self.taken.append(event["event"]["text"])
        self.events.append(event)
        return Receipt(outcome="accepted")

    async def look_around(self) -> list[str]:
        """The conversations that one round asked."""
        self.asked.clear()
        await self.catching_up._look_around()
        return list(self.asked)


@pytest.fixture
async def workspace() -> Workspace:
    made = Workspace("C1", "C2", "C3", "C4", "C5", "C6")
    made.bookmarks.put("garden", CONNECTED, ago(600))
    await made.positions.load()
    return made


async def test_a_round_is_bounded_and_the_next_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "ROUND_CALLS", 4)
    assert await workspace.look_around() == ["C1", "C2", "C3"]
    # As long as one was not looked into, something may be missing there.
    assert micros(workspace.positions.since("C9", 3600)) < micros(ago(500))
    assert await workspace.look_around() == ["C4", "C5", "C6"]
    assert micros(workspace.positions.since("C9", 3600)) > micros(ago(500))
    assert await workspace.look_around() == ["C1", "C2", "C3"]


async def test_a_round_ends_where_slack_has_enough(workspace: Workspace) -> None:
    workspace.failures["C2"] = RateLimited("slowly", retry_after=60)
    async with asyncio.timeout(1):
        assert await workspace.look_around() == ["C1", "C2"]
    workspace.failures.clear()
    assert (await workspace.look_around())[0] == "C2"


async def test_a_round_makes_way_for_what_is_wanted(workspace: Workspace) -> None:
    workspace.catching_up.want()
    assert await workspace.look_around() == []


async def test_one_bad_place_stands_in_the_way_of_no_other(workspace: Workspace) -> None:
    workspace.failures["C1"] = OutcomeUnknown("fatal_error")
    assert set(await workspace.look_around()) == set(workspace.channels)
    workspace.asked.clear()
    with pytest.raises(OutcomeUnknown):
        await workspace.catching_up._catch_up(first=False)
    assert set(workspace.asked) == set(workspace.channels)
    assert micros(workspace.positions.since("C2", 3600)) > micros(ago(500))
    assert micros(workspace.positions.since("C1", 3600)) < micros(ago(500))


async def test_where_nothing_can_be_read_not_everything_is_tried(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AT_ONCE", 1)
    workspace.failures = dict.fromkeys(workspace.channels, Unavailable("away"))
    with pytest.raises(Unavailable):
        await workspace.catching_up._catch_up(first=False)
    assert set(workspace.asked) == {"C1", "C2", "C3"}


async def test_what_cannot_be_read_for_good_holds_up_nothing(workspace: Workspace) -> None:
    workspace.failures["C1"] = Rejected("no")
    with obs.captured() as logs:
        for _ in range(2):
            await workspace.catching_up._catch_up(first=False)
    assert micros(workspace.positions.since("C9", 3600)) > micros(ago(500))
    assert [(entry["event"], entry["place"]) for entry in logs] == [
        ("slack.catch_up_refused", "C1")
    ]


async def test_what_came_by_itself_is_not_taken_again(workspace: Workspace) -> None:
    heard = ago(5)
    workspace.messages["C1"] = [{"ts": heard, "text": "two"}, {"ts": ago(40), "text": "one"}]
    workspace.positions.heard("C1", heard)
    await workspace.look_around()
    assert workspace.taken == ["one"]
    (event,) = workspace.events
    assert event["event"]["channel_type"] == "channel"
    assert "context_team_id" not in event


async def test_what_was_missed_in_an_organisation_says_its_workspace(workspace: Workspace) -> None:
    workspace.messages["C1"] = [{"ts": ago(5), "text": "hello"}]
    await workspace.catching_up._conversation(
        workspace.catching_up._glances, "C1", Listed(sort="group", team="T7"), 0
    )
    (event,) = workspace.events
    assert event["context_team_id"] == "T7"
    assert event["event"]["channel_type"] == "group"


async def test_a_message_that_nobody_can_read_is_left_out(workspace: Workspace) -> None:
    workspace.messages["C1"] = [{"ts": ago(30), "text": "two"}, {"ts": ago(40), "text": "one"}]
    workspace.raised.append(UnreadableUpdate("nonsense"))
    await workspace.look_around()
    assert workspace.taken == ["two"]


async def test_failures_are_asked_for_ever_more_seldom(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 30.0)
    workspace.failures["C1"] = OutcomeUnknown("fatal_error")
    waits = []
    with obs.captured() as logs:
        for _ in range(7):
            await workspace.catching_up._try()
            workspace.catching_up._soon = None
        waits = [entry["retry_in"] for entry in logs if entry["event"] == "slack.catch_up_failed"]
    assert waits == [30, 60, 120, 240, 480, 600, 600]


async def test_what_is_wanted_sooner_is_not_put_off(workspace: Workspace) -> None:
    asking = workspace.catching_up
    asking._again(600)
    asking.want_soon()
    assert asking._soon is not None
    soon = asking._soon.when()
    assert soon < asyncio.get_running_loop().time() + 31
    asking._again(600)
    assert asking._soon.when() == soon
    asking._soon.cancel()


# In an organisation.


class Organisation:
    """Two workspaces; one app for both."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.asked: list[dict[str, Any]] = []

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append({"method": method, **arguments})
        if method == "auth.teams.list":
            if self.refusal is not None:
                raise self.refusal
            return {"teams": [{"id": "T1"}, {"id": "T2"}]}
        return {"channels": [{"id": f"C{arguments['team_id'][1:]}"}]}


async def test_each_workspace_of_an_organisation_is_asked() -> None:
    asked = Organisation()
    found = await History(asked.call, None, everywhere=True).conversations()
    assert found == {
        "C1": Listed(sort="channel", team="T1"),
        "C2": Listed(sort="channel", team="T2"),
    }


class Unknown(SlackRefused, Rejected):
    """What Slack says of a method that it does not have."""

    code = "unknown_method"


async def test_where_its_workspaces_are_not_told_known_places_do() -> None:
    asked = Organisation(Unknown("no"))
    with obs.captured() as logs:
        reader = History(asked.call, structlog.get_logger("test"), everywhere=True)
        for _ in range(2):
            assert await reader.conversations(["C7"]) == {"C7": Listed()}
    assert [entry["event"] for entry in logs] == ["slack.catch_up_refused"]


async def test_what_an_organisation_missed_is_heard() -> None:
    app = {"enterprise": "E1", "org_install": True, "team": "T1"}
    async with channel("socket", app=app) as slack:
        place = slack.channel()
        async with slack.running(settled=False):
            await slack.say("before", place, mention=True)
            await slack.say("before")
            await slack.inbox.wait(2)
            await until(lambda: "auth.teams.list" in slack.methods())
        await lose(slack, "missed")
        await lose(slack, "missed", place=place, mention=True)
        later = await slack.again()
        async with later.running(settled=False):
            await later.inbox.wait(2)
        kinds = {event.conversation.kind for event in later.inbox.heard}
        assert kinds == {ConversationKind.DIRECT, ConversationKind.CHANNEL}


async def test_who_is_refused_again_and_again_asks_ever_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals, waits = 6, list[float]()

    async def call(method: str, **arguments: Any) -> dict[str, Any]:
        if len(waits) < refusals:
            raise RateLimited("slowly", retry_after=0.2)
        return {"messages": []}

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert await History(call, None).messages("C1", "1.000000") == []
    assert waits == [0.2, 0.2, 0.4, 0.8, 1.6, 3.2]
