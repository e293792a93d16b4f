"""Knowledge bases in a whole gateway: each agent consults its own, and reading delays nobody."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.process import GatewayProcess
from tests.support.web import WebClient
from tests.unit.gateway.knowledge import pdfs

AGENT = """
async def look(turn):
    found = await turn.knowledge.search(turn.text, limit=50)
    said = [f"{passage.base}/{passage.document}: {passage.text}" for passage in found]
    return "\\n".join(["bases: " + ",".join(turn.knowledge.bases), *sorted(said)])
"""


def config(folder: Path) -> dict[str, Any]:
    """Agents with one base, the other, both and none."""
    mine: dict[str, list[str]] = {"a": ["apple"], "b": ["plum"], "ab": ["apple", "plum"], "no": []}
    agent = {"kind": "python", "entry": "looking:look", "path": str(folder)}
    page = {"platform": "web", "agent": "no", "agents": list(mine)}
    return {
        "knowledge": {name: {"path": name} for name in ("apple", "plum")},
        "agents": {name: {**agent, "knowledge": bases} for name, bases in mine.items()},
        "channels": {"page": page},
    }


async def asked(http: aiohttp.ClientSession, url: str, agent: str) -> str:
    client = WebClient(http, url)
    await client.open(agent=agent)
    answer = await client.say("canary")
    return "\n".join(answer.texts[-1:])


async def test_each_agent_consults_its_own_bases_while_more_is_read(tmp_path: Path) -> None:
    (tmp_path / "looking.py").write_text(AGENT)
    for name in ("apple", "plum"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note.md").write_text(f"The {name} canary.")
    # It is read last, and takes long.
    (tmp_path / "plum" / "z.pdf").write_bytes(pdfs.busy())
    apple, plum = "apple/note.md: The apple canary.", "plum/note.md: The plum canary."
    gateway = GatewayProcess(config(tmp_path), tmp_path, start=False)
    async with gateway, aiohttp.ClientSession() as http:
        await gateway.start()
        async with asyncio.timeout(20):
            # Nothing tells when it was read.
            while plum not in await asked(http, gateway.base_url, "b"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        said = {
            agent: await asked(http, gateway.base_url, agent) for agent in ("a", "b", "ab", "no")
        }
        assert said == {
            "a": f"bases: apple\n{apple}",
            "b": f"bases: plum\n{plum}",
            "ab": f"bases: apple,plum\n{apple}\n{plum}",
            "no": "bases: ",
        }
        assert "z.pdf" not in gateway.tail()
        began = time.monotonic()
        assert await gateway.stop() == 0
        assert time.monotonic() - began < 10
