"""Every built-in kind of agent passes the contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.agents.demo import HINTS, DemoAgent, DemoSettings
from gateway.agents.echo import EchoAgent, EchoSettings
from gateway.agents.python import PythonAgent
from gateway.errors import Unavailable
from gateway.ports.agent import Agent, Ask, Output, Publish, Step, Text, Turn
from gateway.testing.agent import AgentContract


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
