"""Telegram bots behind one gateway, for the scenarios that leave it as they found it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import SimulatedPerson, running
from tests.support.configuration import ROOT, configuration
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_channel

in_town = pytest.mark.asyncio(loop_scope="session")
"""For tests that take the fixture `town`, which lives as long as its worker."""
AGENTS = ("recall", "slow", "faulty", "writer", "witness")
TWINS = ("1000001:token", "2000001:token")


@dataclass(frozen=True, kw_only=True)
class Town:
    """A Telegram for each of `AGENTS`, whose one bot answers with it; and four for one thing each.

    ``attentive`` has a bot that reads all that is said in groups, and ``witness`` behind it;
    ``topical`` gives topics sessions of their own; ``listed`` answers ``member`` alone; ``twins``
    has a bot for each of `TWINS`.
    """

    gateway: GatewayProcess
    telegrams: Mapping[str, TelegramSimulator]
    member: SimulatedPerson

    def __getitem__(self, name: str) -> TelegramSimulator:
        return self.telegrams[name]


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """Build it. What Telegram refused fails whatever ran last."""
    async with AsyncExitStack() as stack:
        telegrams: dict[str, TelegramSimulator] = {}
        for number, name in enumerate((*AGENTS, "attentive", "topical", "listed", "twins")):
            simulator = await stack.enter_async_context(running(TelegramSimulator(rates=None)))
            all_ = name == "attentive"
            # No two channels may have one account.
            simulator.add_bot(f"{77 + number}:{name}", "sim_bot", can_read_all_group_messages=all_)
            telegrams[name] = simulator
        member = telegrams["listed"].person("Ada")
        config = configuration(_channels(telegrams, member))
        config["agents"] |= {
            name: {"kind": "python", "entry": f"tests.support.agents:{name}", "path": str(ROOT)}
            for name in AGENTS
        }
        gateway = await stack.enter_async_context(GatewayProcess(config, folder))
        yield Town(gateway=gateway, telegrams=telegrams, member=member)
        assert not [refused for one in telegrams.values() for refused in one.refusals]
        assert await gateway.stop() == 0
        assert "Traceback" not in gateway.output


def _channels(
    telegrams: Mapping[str, TelegramSimulator], member: SimulatedPerson
) -> dict[str, dict[str, Any]]:
    channels = {name: telegram_channel(telegrams[name], agent=name) for name in AGENTS}
    channels["attentive"] = telegram_channel(telegrams["attentive"], agent="witness")
    channels["topical"] = telegram_channel(telegrams["topical"], boundary={"thread": "per-thread"})
    channels["listed"] = telegram_channel(telegrams["listed"], allow=[member.id])
    for number, token in enumerate(TWINS, start=1):
        account = telegrams["twins"].add_bot(token, f"twin{number}_bot")
        channels[f"twin{number}"] = telegram_channel(telegrams["twins"], account)
    return channels
