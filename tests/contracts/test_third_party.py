"""What somebody else adds is found by its entry points, and passes the same contracts as ours."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from gateway import Agent, ConfigurationError, plugins
from gateway.testing.adapter import AdapterContract, Harness, bare_host
from gateway.testing.agent import AgentContract
from gateway.testing.simulator import running

FOLDER = Path(__file__).parent.parent / "third_party"
SAMPLES = (
    b'{"id": 1, "from": {"id": "ada", "name": "Ada"}, "text": "hello"}',
    b'{"id": 2, "from": {"id": "ada"}, "text": "", "choice": ["question", 1]}',
    b'{"id": 3, "from": {"id": "ada", "name": "Ada"}, "text": ""}',
    b'{"id": "four"}',
)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the distribution in the folder had been installed."""
    monkeypatch.syspath_prepend(FOLDER)


def test_entry_points_are_found() -> None:
    found = {point.name: point.dist for point in entry_points(group="gateway.adapters")}
    assert found["postcard"]
    assert found["postcard"].name == "gateway-postcards"
    assert {"postcard", "telegram", "web"} <= set(plugins.adapters())
    assert {"parrot", "echo", "demo", "python"} <= set(plugins.agent_kinds())


class TestPostcard(AdapterContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        factory = plugins.adapters()["postcard"]
        module = importlib.import_module("gateway_postcards.simulator")
        async with running(module.PostcardSimulator()) as simulator, bare_host() as host:
            settings = factory.Settings(platform="postcard", **simulator.settings())

            async def garble() -> None:
                simulator.deliver({"from": 42})

            yield Harness(
                adapter=factory("cards", settings, host),
                channel="cards",
                simulator=simulator,
                samples=SAMPLES,
                secrets=[module.KEY],
                garble=garble,
                twin=lambda: factory("cards", settings, host),
            )

    async def test_a_wrong_key_is_told(self, harness: Harness) -> None:
        factory = plugins.adapters()["postcard"]
        settings = harness.adapter.settings.model_copy(update={"url": "http://127.0.0.1:1"})
        async with bare_host() as host:
            adapter = factory("cards", settings, host)
            with pytest.raises(ConfigurationError, match=r"channels\.cards\.url"):
                await adapter.check()  # type: ignore[attr-defined]


class TestParrot(AgentContract):
    @pytest.fixture
    def agent(self) -> Agent:
        kind = plugins.agent_kinds()["parrot"]
        agent: Agent = kind.create("polly", kind.settings(times=3))
        return agent
