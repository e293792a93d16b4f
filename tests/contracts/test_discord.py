"""Discord keeps the adapter's contract."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.simulator import DiscordSimulator
from gateway.testing.adapter import AdapterContract, BareFiles, Harness, bare_host
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

SAMPLES = Path(__file__).parents[1] / "samples" / "discord"
BOT = "1002003004005006007"
TOKEN = f"{base64.b64encode(BOT.encode()).decode().rstrip('=')}.Zm9v.s3cr3t-of-the-bot"
POISON = {"t": "MESSAGE_CREATE", "d": {"id": "1", "channel_id": "x", "content": "poison"}}


class Simulator(DiscordSimulator):
    """Gives a client the moment it takes to notice that an idle connection was reset.

    Until then it may write to it, and cannot know what became of that. People come only once the
    bot was there: nothing ever tells it what was said before.
    """

    async def say(self, text: str, **more: Any) -> str:
        if not self.calls("IDENTIFY"):
            await self.wait_until(self.connected)
        return await super().say(text, **more)

    async def outage(self, on: bool) -> None:
        await super().outage(on)
        await asyncio.sleep(0.05)


class TestDiscord(AdapterContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with running(Simulator(rates=None, heartbeat=0.1)) as simulator, bare_host() as host:
            chosen = {"platform": "discord", **simulator.settings(simulator.add_bot(TOKEN))}

            def make() -> DiscordAdapter:
                return DiscordAdapter("garden", DiscordAdapter.Settings(**chosen), host)

            async def garble() -> str:
                return simulator.inject(POISON)

            async def attach(
                content: bytes, name: str, person: SimulatedPerson, place: SimulatedPlace
            ) -> str:
                return await simulator.send_file(content, name, person=person, place=place)

            assert isinstance(host.files, BareFiles)
            yield Harness(
                adapter=make(),
                channel="garden",
                simulator=simulator,
                samples=[path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))],
                secrets=(TOKEN,),
                garble=garble,
                twin=make,
                files=host.files,
                attach=attach,
            )
