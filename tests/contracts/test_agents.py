"""Every built-in kind of agent passes the contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.agents.demo import DemoAgent, DemoSettings
from gateway.agents.demo.visit import HINTS
from gateway.agents.echo import EchoAgent, EchoSettings
from gateway.agents.model import LlmAgent
from gateway.agents.model_settings import LlmSettings
from gateway.agents.python import PythonAgent
from gateway.errors import Unavailable
from gateway.ports.agent import Agent, Ask, Output, Publish, Step, Text, Turn
from gateway.testing.agent import AgentContract
from gateway.testing.openai import ModelFault, ModelServer, in_thread


class TestEcho(AgentContract):
    @pytest.fixture
    def agent(self) -> Agent:
        return EchoAgent("echo", EchoSettings())


class TestSlowEcho(AgentContract):
    @pytest.fixture
    def agent(self) -> Agent:
        return EchoAgent("echo", EchoSettings(delay=0.01))


async def _function(turn: Turn) -> list[Output]:
    await asyncio.sleep(0.001)
    turn.variables["heard"] = turn.text
    return [Step("thinking"), Text(turn.text), Ask(text="And you?")]


async def _streaming(turn: Turn) -> AsyncIterator[Output]:
    for word in turn.text.split(" ", 20):
        yield Text(word)
        await asyncio.sleep(0.001)


def _blocking(turn: Turn) -> str:
    time.sleep(0.002)
    return turn.text


def _blocking_generator(turn: Turn) -> Iterator[str | Output]:
    yield Publish("One moment, please.")
    for word in turn.text.split(" ", 5):
        time.sleep(0.002)
        yield word


async def _away(_: Turn) -> str:
    raise Unavailable("the model is away", retry_after=3.0)


class _PythonContract(AgentContract):
    @pytest.fixture
    def away(self) -> Agent | None:
        return PythonAgent("away", _away)


class TestPythonFunction(_PythonContract):
    @pytest.fixture
    def agent(self) -> Agent:
        return PythonAgent("python", _function)


class TestPythonGenerator(_PythonContract):
    @pytest.fixture
    def agent(self) -> Agent:
        return PythonAgent("python", _streaming)


class TestPythonBlockingFunction(_PythonContract):
    @pytest.fixture
    def agent(self) -> Agent:
        return PythonAgent("python", _blocking)


class TestPythonBlockingGenerator(_PythonContract):
    @pytest.fixture
    def agent(self) -> Agent:
        return PythonAgent("python", _blocking_generator)


class TestDemo(AgentContract):
    texts = (*AgentContract.texts, *HINTS, "delete everything")

    @pytest.fixture
    def agent(self) -> Agent:
        return DemoAgent("demo", DemoSettings(pace=0.002))


class TestModel(AgentContract):
    @pytest.fixture
    def server(self) -> Iterator[ModelServer]:
        with in_thread(ModelServer(api_key="sk-of-the-contract-0123456789")) as server:
            yield server
            assert not server.refusals

    @pytest.fixture
    async def agent(self, server: ModelServer) -> AsyncIterator[Agent]:
        agent = LlmAgent("model", LlmSettings(**server.agent()))
        yield agent
        await agent.aclose()

    @pytest.fixture
    async def away(self, server: ModelServer) -> AsyncIterator[Agent]:
        server.fail_next(ModelFault.SERVER_ERROR)
        agent = LlmAgent("away", LlmSettings(**server.agent()))
        yield agent
        await agent.aclose()


class TestSlowModel(TestModel):
    """Left and cancelled in the middle of an answer."""

    @pytest.fixture
    def server(self) -> Iterator[ModelServer]:
        with in_thread(ModelServer(pace=0.002)) as server:
            yield server
            assert not server.refusals
