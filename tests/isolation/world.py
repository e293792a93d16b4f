"""A whole gateway in this process, an agent that tells all it can see, and who may know what.

Everything that anybody says has a canary in it. The agent looks into everything a turn can reach
and reports it apart, so that its answers spread nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import jwt

from adapters.web.adapter import WebAdapter
from gateway import Text, Turn
from gateway.app import gateway
from gateway.ports.agent import Agent, AgentKind, Output
from gateway.ports.store import Store
from gateway.settings import Model, Settings, load
from gateway.store import connect
from tests.support.loop import LoopAdapter

CANARY = re.compile(r"canary\d+x")
BOOKS = {"first": "canary1000001x", "second": "canary1000002x"}
"""What is written in each agent's own knowledge base."""
SECRET = "a secret of thirty-two bytes or more"
"""With it a site vouches for its users."""
WITHIN = 20.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one turn could see. ``now``: of its session; ``ever``: of what outlives it, with the
    owner's earlier sessions; ``own``: of its agent."""

    text: str
    session: str
    agent: str
    now: frozenset[str]
    ever: frozenset[str]
    own: frozenset[str]


class Nothing(Model):
    """The probe needs no settings."""


@dataclass
class Probe:
    """Does what the first word says, looks everywhere, and reports."""

    name: str
    reports: list[Report]
    sessions: list[str]

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """One turn."""
        kind, _, rest = turn.text.partition(" ")
        await _keep(turn, kind, rest)
        now = [
            *(f"{m.text} {m.quote}" for m in turn.messages),
            *(turn.summary.text, *turn.summary.topics, turn.session.name),
            json.dumps(turn.variables),
            json.dumps(turn.overrides),
        ]
        own = [json.dumps(turn.agent_data), *await _shelf(turn)]
        own += [p.text for p in await turn.knowledge.search("canary book", limit=50)]
        self.reports.append(
            Report(
                text=turn.text,
                session=turn.session.id,
                agent=turn.agent,
                now=canaries(now),
                ever=canaries(await self._ever(turn)),
                own=canaries(own),
            )
        )
        yield Text("ok")

    async def _ever(self, turn: Turn) -> list[str]:
        seen = [json.dumps(turn.data)]
        seen += [fact.text for fact in await turn.facts.recall(limit=1000)]
        for item in await turn.drive.list(limit=1000):
            seen.append((await turn.drive.read(item.name)).decode())
        seen += [one.name for one in await turn.earlier.sessions()]
        seen += [found.message.text for found in await turn.earlier.search("canary", limit=1000)]
        seen += [found.message.text for found in await turn.earlier.search(limit=1000)]
        for session_id in self.sessions:
            try:
                seen += [m.text for m in await turn.earlier.messages(session_id, limit=1000)]
                seen.append((await turn.earlier.summary(session_id)).text)
            except LookupError:
                continue
        return seen


async def _keep(turn: Turn, kind: str, what: str) -> None:
    match kind:
        case "fact":
            await turn.facts.remember(what)
        case "data":
            turn.data[f"key{len(turn.data)}"] = what
        case "note":
            await turn.drive.save(f"note {what}", what)
        case "file":
            await turn.drive.save(f"file {what}", what.encode(), "text/plain")
        case "variable":
            turn.variables[f"key{len(turn.variables)}"] = what
        case "prompt":
            turn.overrides["prompt"] = what
        case "agent":
            turn.agent_data[f"key{len(turn.agent_data)}"] = what


async def _shelf(turn: Turn) -> list[str]:
    return [(await turn.shelf.read(item.name)).decode() for item in await turn.shelf.list()]


def canaries(texts: Iterable[str]) -> frozenset[str]:
    """All that are named in these."""
    return frozenset(found for text in texts for found in CANARY.findall(text))


@dataclass
class World:
    """The gateway, reached from outside of its loop. ``reports`` grow with every turn."""

    database: str = ""
    reports: list[Report] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="isolation-"))
        self.platform: type[LoopAdapter] = type("Loop", (LoopAdapter,), {"made": {}})
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.wait(self._begin())

    def wait(self, work: Awaitable[T]) -> T:
        """Do it in the gateway's loop."""

        async def whole() -> T:
            async with asyncio.timeout(WITHIN):
                return await work

        return self._runner.run(whole())

    def close(self) -> None:
        """Shut it down, and leave nothing behind."""
        try:
            self.wait(self._end())
        finally:
            self._runner.close()
            shutil.rmtree(self.folder)

    async def _begin(self) -> None:
        # Entered and left by one task, as a task group wants it.
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._life = asyncio.create_task(self._live())
        self.address = await self._ready
        self.http = aiohttp.ClientSession(base_url=self.address)

    async def _live(self) -> None:
        try:
            async with gateway(self._settings()) as address:
                self._ready.set_result(address)
                await self._over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
                return
            raise

    async def _end(self) -> None:
        await self.http.close()
        self._over.set()
        await self._life

    def _settings(self) -> Settings:
        for name, text in BOOKS.items():
            book = self.folder / name
            book.mkdir()
            (book / "book.txt").write_text(f"The canary book of {name}: {text}\n")
        path = self.folder / "gateway.toml"
        database = self.database or f"sqlite:///{self.folder}/data/gateway.db"
        (self.folder / "data").mkdir()
        path.write_text(_CONFIGURATION.format(folder=self.folder, database=database, secret=SECRET))
        kind = AgentKind(settings=Nothing, create=self._probe)
        adapters: Any = {"loop": self.platform, "web": WebAdapter}
        return load(path, {}, adapters, {"probe": kind})

    def _probe(self, name: str, settings: object) -> Agent:
        return Probe(name, self.reports, self.known)

    # what people do

    def say(
        self, channel: str, who: str, place: dict[str, Any], text: str, *, until: str = ""
    ) -> list[str]:
        """Say it; what is sent there and to the person alone, once ``until`` stands in it."""
        return self.wait(self.said(channel, who, place, text, until=until))

    async def said(
        self, channel: str, who: str, place: dict[str, Any], text: str, *, until: str = ""
    ) -> list[str]:
        """The same, in the loop. One thing at a time is said at one place."""
        adapter = self.platform.made[channel]
        places = (place["id"], who)
        before = {one: len(adapter.sent[one]) for one in places}

        def sent() -> list[str]:
            return [text for one in places for text in adapter.sent[one][before[one] :]]

        receipt = await adapter.say(who, place, text)
        assert receipt.outcome == "accepted", receipt
        await adapter.until(
            lambda: (
                len(adapter.sent[place["id"]]) > before[place["id"]]
                and (not until or re.search(until, "\n".join(sent())) is not None)
            )
        )
        return sent()

    async def call(self, method: str, path: str, token: str = "", **more: Any) -> Any:
        """One call of the API; its answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, path, headers=headers, **more) as response:
            response.raise_for_status()
            return await response.json() if response.status != 204 else None

    def user_token(self, who: str) -> str:
        """What the site says of one of its users."""
        return jwt.encode({"sub": who, "exp": int(time.time()) + 3600}, SECRET)

    def beside(self, look: Callable[[Store], Awaitable[T]]) -> T:
        """Look into the database beside the gateway."""
        return self.wait(self._beside(look))

    async def _beside(self, look: Callable[[Store], Awaitable[T]]) -> T:
        database = self.database or f"sqlite:///{self.folder}/data/gateway.db"
        store = connect(database, replica="beside", read_only=True)
        await store.open()
        try:
            return await look(store)
        finally:
            await store.close()


_CONFIGURATION = """
[gateway]
listen = "127.0.0.1:0"
database = "{database}"
data_dir = "{folder}/data"
log_level = "error"

[limits]
history_messages = 6
messages_per_minute = 0

[knowledge.first]
path = "{folder}/first"

[knowledge.second]
path = "{folder}/second"

[agents.first]
kind = "probe"
knowledge = ["first"]
writes_agent_data = true

[agents.second]
kind = "probe"
knowledge = ["second"]
writes_agent_data = true

[channels.one]
platform = "loop"
agents = ["first", "second"]
agent = "first"

[channels.two]
platform = "loop"
agents = ["first", "second"]
agent = "first"
boundary.group = "per-user-in-group"

[channels.page]
platform = "web"
agents = ["first", "second"]
agent = "first"
sessions_per_minute = 0
user_secret = "{secret}"
"""
