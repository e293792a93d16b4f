"""What the simulated Slack's agent view shows besides messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.slack import assistant
from adapters.slack.assistant import Assistant
from gateway import RateLimited
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.slack.sender import LOG, Sender, sender


@pytest.fixture
async def slack() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


@pytest.fixture
async def chat(slack: Sender) -> SimulatedPlace:
    return slack.simulator.open_assistant(slack.ann)


def view(slack: Sender, *prompts: str) -> Assistant:
    settings = slack.settings.model_copy(update={"prompts": prompts})
    return Assistant(slack.api, settings, LOG)


def started(chat: SimulatedPlace) -> dict[str, Any]:
    """The event that tells of a new chat."""
    thread = {"channel_id": chat.parent, "thread_ts": chat.id, "user_id": "U1"}
    return {"event": {"type": "assistant_thread_started", "assistant_thread": thread}}


def said(chat: SimulatedPlace, text: str, **more: Any) -> dict[str, Any]:
    """The event that tells of a message in it."""
    message = {"type": "message", "channel": chat.parent, "thread_ts": chat.id, "text": text}
    return {"event": message, **more}


async def test_it_offers_what_can_be_asked(slack: Sender, chat: SimulatedPlace) -> None:
    await view(slack, "What is tea?", "<!here>").started(started(chat))
    assert slack.simulator.prompts(chat) == [
        {"title": "What is tea?", "message": "What is tea?"},
        {"title": "<\u200b!here>", "message": "<!here>"},
    ]


async def test_it_offers_nothing_where_there_is_nothing(
    slack: Sender, chat: SimulatedPlace
) -> None:
    await view(slack).started(started(chat))
    assert slack.methods() == []


async def test_the_first_words_are_the_title(slack: Sender, chat: SimulatedPlace) -> None:
    agent = view(slack)
    await agent.started(started(chat)["event"])
    await agent.titled(said(chat, " "))
    await agent.titled(
        said(
            chat,
            "Is <@U0123> right\nabout <!here> &amp; " + "tea " * 30,
            gateway={"names": {"U0123": "Ann"}},
        )
    )
    await agent.titled(said(chat, "And coffee?"))
    title = slack.simulator.title(chat)
    assert title.replace("\u200b", "").startswith("Is @Ann right about @here & tea tea")
    assert len(title) == assistant.LONGEST_TITLE
    assert "@here" not in title
    assert slack.methods() == ["assistant.threads.setTitle"]


async def test_a_chat_whose_beginning_was_not_seen_keeps_its_title(
    slack: Sender, chat: SimulatedPlace
) -> None:
    await view(slack).titled(said(chat, "And coffee?"))
    assert slack.methods() == []


async def test_where_a_message_begins_a_chat_it_is_the_title(slack: Sender) -> None:
    settings = slack.settings.model_copy(update={"assistant": True})
    agent = Assistant(slack.api, settings, LOG)
    event = await slack.simulator.say("What is tea?", person=slack.ann, place=slack.direct)
    here, ts = event.split(":")
    message = {"type": "message", "channel": here, "ts": ts, "text": "What is tea?"}
    await agent.titled({"event": message})
    answer = {**message, "thread_ts": ts, "ts": "9.000001", "text": "And coffee?"}
    await agent.titled({"event": answer})
    await agent.titled({"event": {**message, "channel": slack.channel.id}})
    (call,) = slack.simulator.calls("assistant.threads.setTitle")
    assert call.parameters == {"channel_id": here, "thread_ts": ts, "title": "What is tea?"}
    await view(slack).titled({"event": message})
    assert len(slack.methods()) == 1


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.BLOCKED])
async def test_a_failure_is_nobodys_problem(
    slack: Sender, chat: SimulatedPlace, fault: Fault
) -> None:
    slack.simulator.fail_next(fault, 2, method="*")
    agent = view(slack, "What is tea?")
    await agent.started(started(chat))
    await agent.titled(said(chat, "tea"))
    assert slack.simulator.prompts(chat) == []


@pytest.mark.parametrize(
    "event", [{}, {"event": None}, {"event": {"assistant_thread": 7}}, {"event": {"text": 7}}]
)
async def test_what_cannot_be_read_does_nothing(slack: Sender, event: dict[str, Any]) -> None:
    agent = view(slack, "What is tea?")
    await agent.started(event)
    await agent.titled(event)
    assert slack.methods() == []


async def test_not_every_chat_is_remembered(
    slack: Sender, chat: SimulatedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "MAX_UNTITLED", 1)
    agent = view(slack)
    await agent.started(started(chat))
    await agent.started(started(slack.simulator.open_assistant(slack.ann)))
    await agent.titled(said(chat, "tea"))
    assert slack.methods() == []


async def test_it_shows_that_it_thinks_where_there_is_a_thread(slack: Sender) -> None:
    agent = view(slack)
    await agent.thinking(slack.address())
    await agent.thinking(slack.address(slack.direct))
    assert slack.simulator.status(slack.thread) == assistant.STATUS
    assert slack.methods() == ["assistant.threads.setStatus"]
    slack.simulator.fail_next(Fault.RATE_LIMIT, method="*")
    with pytest.raises(RateLimited):
        await agent.thinking(slack.address())
