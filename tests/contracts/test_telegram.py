"""Telegram keeps the adapter's contract, in both of its modes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from adapters.telegram.adapter import TelegramAdapter
from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.adapter import AdapterContract, BareFiles, BareHost, Harness, bare_host
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

SAMPLES = Path(__file__).parents[1] / "samples" / "telegram"
TOKEN = "1000:s3cr3t-of-the-bot"
SECRET = "s3cr3t-of-the-webhook"
POISON = {"message": {"message_id": 1, "chat": {"id": "x"}, "text": "poison"}}


class Simulator(TelegramSimulator):
    """Gives a client the moment it takes to notice that an idle connection was reset.

    Until then it may write to it, and cannot know what became of that.
    """

    async def outage(self, on: bool) -> None:
        await super().outage(on)
        await asyncio.sleep(0.05)


def harness_of(simulator: TelegramSimulator, host: BareHost, **keys: str) -> Harness:
    chosen = {"platform": "telegram", **simulator.settings("1000"), **keys}

    def make() -> TelegramAdapter:
        return TelegramAdapter("garden", TelegramAdapter.Settings.model_validate(chosen), host)

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
        secrets=(TOKEN, SECRET),
        garble=garble,
        twin=make,
        files=host.files,
        attach=attach,
    )


@asynccontextmanager
async def simulated() -> AsyncIterator[TelegramSimulator]:
    async with running(Simulator(rates=None)) as simulator:
        simulator.add_bot(TOKEN, "helper_bot")
        yield simulator


class TestTelegram(AdapterContract):
    @pytest.fixture(params=["polling", "webhook"])
    async def harness(self, request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
        async with simulated() as simulator, bare_host() as host:
            if request.param == "polling":
                yield harness_of(simulator, host)
                return
            harness = harness_of(simulator, host, mode="webhook", secret=SECRET)
            async with served(harness, host):
                yield harness


@asynccontextmanager
async def served(harness: Harness, host: BareHost) -> AsyncIterator[None]:
    """The channel's routes on a real server, which is the host's public address."""
    app = Starlette(routes=list(harness.adapter.routes()))
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    host.public_url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        await server.shutdown()
