"""The stage on which every row of what is promised about sessions is shown, on each database.

Beside platforms as they are by default, two channels say otherwise who shares a session, when the
bot answers, and when a session is over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from adapters.discord.simulation.model import token_of
from adapters.discord.simulator import DiscordSimulator
from adapters.telegram.simulator import TelegramSimulator
from tests.scenarios.test_web_identity import SECRET
from tests.support.databases import Database, Line
from tests.support.people import Home
from tests.support.stage import PLATFORMS, Platform, Stage, Theatre, theatre

TOKEN = "the operator's own word"
PAIR = ("telegram-polling", "discord")
OWN = {"telegram-polling": "telegram-own", "discord": "discord-own"}
"""The channel of the same platform that is configured otherwise."""
BOOK = "The garden gate opens at seven."
LIMITS = {
    "history_messages": 8,
    "messages_per_minute": 30,
    "running_sessions": 4,
    "variables_bytes": 400,
    "data_bytes": 400,
    "facts": 5,
    "drive_bytes": 1000,
    "file_bytes": 2000,
}
_IN_HALF_A_DAY = datetime.now().astimezone() + timedelta(hours=12)


def _telegram(**more: Any) -> TelegramSimulator:
    """One whose bot hears all that is said in groups."""
    simulator = TelegramSimulator(**{"rates": None, **more})
    simulator.add_bot("33333:own", "sim_bot", can_read_all_group_messages=True)
    return simulator


def _discord(**more: Any) -> DiscordSimulator:
    simulator = DiscordSimulator(**{"rates": None, **more})
    simulator.add_bot(token_of(4242))
    return simulator


def _configured(name: str, simulator: Callable[..., Any], **keys: Any) -> Platform:
    platform = PLATFORMS[name]
    own = {"respond": "all", **keys}
    return replace(platform, simulator=simulator, keys={**platform.keys, **own})


ROWS: Mapping[str, Platform] = {
    **{name: PLATFORMS[name] for name in (*PAIR, "slack-socket", "whatsapp", "sms")},
    "web": replace(PLATFORMS["web"], keys={"platform": "web", "user_secret": SECRET}),
    "telegram-own": _configured(
        "telegram-polling",
        _telegram,
        boundary={
            "group": "per-user-in-group",
            "thread": "per-thread",
            "channel": "per-thread",
        },
        reset={"direct": "idle:2h"},
    ),
    "discord-own": _configured(
        "discord",
        _discord,
        boundary={"channel": "per-user-in-group", "direct": "per-user"},
        reset={"direct": f"daily:{_IN_HALF_A_DAY:%H:%M}"},
    ),
}


@dataclass(frozen=True)
class Rows:
    """The stages, and the database behind them."""

    theatre: Theatre
    database: Database

    def __getitem__(self, name: str) -> Stage:
        return self.theatre.stages[name]

    async def operate(self, method: str, path: str, **more: Any) -> Any:
        """What the operators' API answers."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
            http.request(method, f"{self.theatre.gateway.base_url}/operator/{path}", **more) as got,
        ):
            assert got.status == 200, await got.text()
            return await got.json()

    async def sessions(self, home: Home, columns: str = "id") -> list[Line]:
        """What the view says of all sessions of one person's own on a channel, oldest first."""
        (channel,) = (
            n for n, one in self.theatre.stages.items() if one.simulator is home.simulator
        )
        whose = f"channel = '{channel}' AND owner = 'participant:{quote(home.person.id, safe='')}'"
        return await self.database.ask(
            f"SELECT {columns} FROM sessions WHERE {whose} ORDER BY created_at"
        )


@asynccontextmanager
async def rows(
    folder: Path,
    database: Database,
    names: Sequence[str] = tuple(ROWS),
    **agents: Mapping[str, Any],
) -> AsyncIterator[Rows]:
    """Open all of it, or what is named: one process. ``agents`` are there besides."""
    books = folder / "books"
    books.mkdir()
    (books / "garden.md").write_text(BOOK)
    async with theatre(
        folder,
        names,
        platforms=ROWS,
        agents={
            "clerk": {"writes_agent_data": True, "knowledge": ["garden"]},
            "greedy": {"entry": "tests.support.greedy:greedy"},
            **agents,
        },
        gateway={"database": database.url, "operator_token": TOKEN, "tell_after": "300ms"},
        limits=LIMITS,
        knowledge={"garden": {"path": str(books)}},
    ) as opened:
        yield Rows(opened, database)
