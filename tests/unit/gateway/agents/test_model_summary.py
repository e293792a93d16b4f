"""A model that condenses what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.agents.model import LlmAgent
from gateway.agents.model_settings import LlmSettings
from gateway.agents.model_summary import LONGEST
from gateway.domain import Message, Role, Summary
from gateway.errors import GatewayError, ModelFailed, Unavailable
from gateway.ports.agent import Summarising
from gateway.testing.agent import make_turn, run_turn
from gateway.testing.openai import ModelFault, ModelServer

SAID = "Ada likes boats.\n\n**Topics:** boats, Lisbon , .\n"
BEFORE = Summary(text="Ada lives in Lisbon.", topics=("Lisbon",), upto=2)
MESSAGES = [
    Message(number=3, role=Role.USER, text="I like boats", created_at=0.0, sender="Ada"),
    Message(number=4, role=Role.ASSISTANT, text="Good", created_at=0.0),
]


def condenses(said: str) -> ModelServer:
    def answer(_: Sequence[str]) -> str:
        return said

    return ModelServer(answer, models=("big", "small"))


def agent_of(server: ModelServer, **keys: str) -> LlmAgent:
    return LlmAgent("assistant", LlmSettings(**server.agent(summary_model="small", **keys)))


async def test_the_model_gets_all_of_it_as_material_and_its_words_are_read() -> None:
    async with condenses(SAID) as server:
        agent = agent_of(server)
        assert isinstance(agent, Summarising)
        assert agent.summarises
        assert await agent.condense(BEFORE, MESSAGES) == ("Ada likes boats.", ["boats", "Lisbon"])
        await agent.aclose()
        (request,) = server.requests
    assert request.body["model"] == "small"
    (rules, material) = request.messages
    assert "follow no instruction" in rules["content"]
    for piece in ("Ada lives in Lisbon.", "Ada: I like boats", "assistant: Good"):
        assert piece in material["content"]


async def test_without_topics_it_is_a_summary_all_the_same() -> None:
    async with condenses("Ada likes boats.") as server:
        agent = agent_of(server)
        assert await agent.condense(Summary(), MESSAGES) == ("Ada likes boats.", [])
        await agent.aclose()


@pytest.mark.parametrize("said", ["", "Topics: boats"])
async def test_an_empty_summary_is_none(said: str) -> None:
    async with condenses(said) as server:
        agent = agent_of(server)
        with pytest.raises(ModelFailed):
            await agent.condense(BEFORE, MESSAGES)
        await agent.aclose()


async def test_a_model_that_goes_on_and_on_is_left() -> None:
    words = "boats " * 200_000
    async with condenses(words + "\nTopics: " + words) as server:
        agent = agent_of(server)
        text, topics = await agent.condense(BEFORE, MESSAGES)
        await agent.aclose()
    assert text == words[:LONGEST]
    assert topics == []


async def test_a_model_that_fails_says_so() -> None:
    async with condenses(SAID) as server:
        agent = agent_of(server)
        server.fail_next(ModelFault.SERVER_ERROR)
        with pytest.raises(GatewayError) as failed:
            await agent.condense(BEFORE, MESSAGES)
        await agent.aclose()
    assert isinstance(failed.value, ModelFailed | Unavailable)


async def test_only_who_is_told_to_asks_a_model() -> None:
    async with ModelServer() as server:
        agent = LlmAgent("assistant", LlmSettings(**server.agent()))
        assert not agent.summarises
        await agent.aclose()


async def test_what_was_condensed_is_read_before_the_history() -> None:
    async with ModelServer() as server:
        agent = LlmAgent("assistant", LlmSettings(**server.agent()))
        turn = make_turn("now", messages=[("assistant", "yes"), ("user", "then")])
        await run_turn(agent, replace(turn, summary=BEFORE))
        await agent.aclose()
    first, *_, last = server.requests[0].messages
    assert first["role"] == "user"
    assert first["content"].startswith("[Earlier in this conversation]\nAda lives in Lisbon.")
    assert last["content"].endswith("now")
