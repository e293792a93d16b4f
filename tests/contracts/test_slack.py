"""Slack keeps the adapter's contract, in both of its modes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from starlette.applications import Starlette

from adapters.slack import backoff
from adapters.slack.adapter import SlackAdapter
from adapters.slack.simulator import Patience, SlackSimulator
from gateway.testing.adapter import (
    AdapterContract,
    BareFiles,
    BareHost,
    Harness,
    bare_host,
)
from gateway.testing.simulator import PlaceKind, SimulatedPerson, SimulatedPlace, running

SAMPLES = Path(__file__).parents[1] / "samples" / "slack"
POISON = {"type": "event_callback", "event_id": "Ev0", "event": {"type": "message", "channel": 1}}
PATIENCE = Patience(ack_within=0.5, waits=(0.0, 0.1, 0.3))


class Simulator(SlackSimulator):
    """Gives a client the moment it takes to notice that an idle connection was reset.

    Until then it may write to it, and cannot know what became of that.
    """

    async def outage(self, on: bool) -> None:
        await super().outage(on)
        await asyncio.sleep(0.05)


class AgentView(Simulator):
    """Where people talk to the bot in chats of the agent view, each of which is a thread."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._chats: dict[str, SimulatedPlace] = {}

    def place(
        self, kind: PlaceKind, *, people: Sequence[SimulatedPerson] = (), **more: Any
    ) -> SimulatedPlace:
        if kind != "direct":
            return super().place(kind, people=people, **more)
        (person,) = people
        if person.id not in self._chats:
            self._chats[person.id] = self.open_assistant(person)
        return self._chats[person.id]


def harness_of(simulator: SlackSimulator, host: BareHost, **keys: Any) -> Harness:
    chosen = {"platform": "slack", **simulator.settings(), **keys}

    def make() -> SlackAdapter:
        return SlackAdapter("garden", SlackAdapter.Settings.model_validate(chosen), host)

    async def garble() -> str:
        return simulator.inject(POISON)

    async def attach(
        content: bytes, name: str, person: SimulatedPerson, place: SimulatedPlace
    ) -> str:
        return await simulator.send_file(content, name, person=person, place=place)

    assert isinstance(host.files, BareFiles)
    return Harness(
        adapter=make(),
        channel="garden",
        simulator=simulator,
        samples=[path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))],
        secrets=[secret for name, secret in chosen.items() if "token" in name or "secret" in name],
        garble=garble,
        twin=make,
        files=host.files,
        attach=attach,
    )


class TestSlack(AdapterContract):
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backoff, "FIRST_WAIT", 0.01)
        monkeypatch.setattr(backoff, "LONGEST_WAIT", 0.1)

    @pytest.fixture(params=["socket", "events", "assistant"])
    async def harness(self, request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
        mode: Literal["socket", "events"] = "events" if request.param == "events" else "socket"
        in_view = request.param == "assistant"
        kind = AgentView if in_view else Simulator
        simulator = kind(mode=mode, rates=None, patience=PATIENCE)
        simulator.add_app(assistant=in_view)
        async with running(simulator), bare_host() as host:
            harness = harness_of(simulator, host, assistant=in_view)
            if mode == "socket":
                yield harness
                return
            async with served(harness) as url:
                simulator.webhook_url("", f"{url}/webhooks/garden")
                yield harness

    async def test_typing_is_shown_or_fails_by_name(self, harness: Harness) -> None:
        if not harness.adapter.settings.assistant:
            pytest.skip("Slack shows it in threads only, as the agent view's are")
        await super().test_typing_is_shown_or_fails_by_name(harness)


@asynccontextmanager
async def served(harness: Harness) -> AsyncIterator[str]:
    """The channel's routes on a real server; where that is."""
    app = Starlette(routes=list(harness.adapter.routes()))
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()
