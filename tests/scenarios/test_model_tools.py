"""A model with tools behind the real gateway: what it keeps for people, over resets and a crash.

What each tool does is tested with the agent; here it is whose it is, and that it is committed with
the turn it was done in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.openai import Call, ChatRequest, ModelServer
from gateway.testing.simulator import running
from tests.support.configuration import configuration
from tests.support.people import at_home, in_group
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_channel

TOOLS = ["remember", "drive_save", "drive_send", "set_variable"]


def calls(request: ChatRequest) -> Sequence[Call]:
    """What people ask for in so many words; the group's begin with a name."""
    asked = request.texts[-1].rpartition("\n\n")[2]
    if request.results:
        return []
    if "remember " in asked:
        fact = asked.rpartition("remember ")[2]
        told = Call("set_variable", {"name": "told", "value": fact})
        return [
            Call("remember", {"text": fact}),
            told,
            Call("drive_save", {"name": fact, "text": fact}),
        ]
    if "send " in asked:
        return [Call("drive_send", {"name": asked.rpartition("send ")[2]})]
    return []


def told(texts: Sequence[str]) -> str:
    """What the model was told now; in a document's matter it cites."""
    return texts[-1] + (" [1]" if "Passages" in texts[-1] else "")


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer(told, calls=calls) as server:
        yield server
        assert not server.refusals


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSimulator]:
    async with running(TelegramSimulator(rates=None)) as simulator:
        yield simulator


@pytest.fixture
async def gateway(
    model: ModelServer, telegram: TelegramSimulator, tmp_path: Path
) -> AsyncIterator[GatewayProcess]:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody has thirty holidays a year.\n")
    config = configuration({"chat": telegram_channel(telegram)})
    keys = model.agent(tools=TOOLS, instructions="Told: {told}", knowledge=["papers"])
    config["agents"] = {"scenario": {"kind": "llm", **keys}}
    config["knowledge"] = {"papers": {"path": str(folder)}}
    async with GatewayProcess(config, tmp_path / "gateway", start=False) as process:
        yield process


async def test_what_a_model_keeps_is_its_owners_and_outlives_the_session(
    gateway: GatewayProcess, telegram: TelegramSimulator, model: ModelServer
) -> None:
    await gateway.start()
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    (group, _) = in_group(telegram, "Ada", "Cyd")
    await ada.ask("remember canary-a")
    assert model.requests[0].messages[0]["content"].startswith("Told: {told}")
    await ada.ask("hi")
    assert model.requests[-1].messages[0]["content"].startswith("Told: canary-a")
    await group.ask("remember canary-g", mention=True)
    await ada.ask("/reset")
    assert "- canary-a\n" in await ada.ask("hello")
    assert model.requests[-1].messages[0]["content"].startswith("Told: {told}")
    await group.ask("hello", mention=True)
    assert "conversation from before]\n```\n- canary-g" in model.requests[-1].texts[0]
    assert "canary" not in await bob.ask("hello")
    for request in model.requests:
        assert not ("canary-a" in str(request.body) and "canary-g" in str(request.body))
    await ada.say("send canary-a")
    await telegram.wait_until(lambda: any(m.files for m in telegram.sent(ada.place)))
    await bob.ask("send canary-a")
    assert "there is nothing called" in model.requests[-1].results[-1]
    assert "[1] " in await ada.ask("What of holidays?")
    assert "thirty" in model.requests[-1].texts[-1]
    assert "leave.md" in ada.texts()[-1].rpartition("Sources")[2]


async def test_what_a_model_keeps_is_kept_once_over_a_crash(
    gateway: GatewayProcess, telegram: TelegramSimulator, model: ModelServer
) -> None:
    gateway.launch(env={"GATEWAY_FAILPOINTS": "before-commit-2=kill@1"})
    ada = at_home(telegram, "Ada")
    await ada.say("remember canary-a")
    assert await gateway.ended() == -9
    await gateway.start()
    await ada.heard(1)
    assert [bool(request.results) for request in model.requests] == [False, True] * 2
    assert "[What is known" not in model.requests[2].texts[0]
    await ada.ask("hello")
    assert model.requests[-1].texts[0].count("- canary-a\n") == 1
    await ada.ask("remember canary-a")
    await ada.ask("hello")
    assert model.requests[-1].texts[0].count("- canary-a\n") == 1
