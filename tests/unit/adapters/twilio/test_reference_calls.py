"""What the operators' rooms call is as Twilio's own description of its APIs says."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from adapters.twilio.catching_up import MESSAGES
from tests.unit.adapters.twilio.number import Kind, Number, number, until


@pytest.mark.reference_data
@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_every_call_is_as_described(reference_data: Path, kind: Kind) -> None:
    paths = sorted((reference_data / "specs" / "twilio").glob("*.json"))
    schema = [json.loads(path.read_text()) for path in paths]
    async with number(kind, schema=schema) as twilio:
        await groups(twilio)
        await catching_up(twilio)
        await check(twilio)
        called = {call.method for call in twilio.simulator.calls()}
    assert {"ListMessage", "ListMedia", "ListConversationMessage", "FetchAccount"} <= called
    assert twilio.simulator.violations == []


async def groups(twilio: Number) -> None:
    bob, eve, dan = (twilio.simulator.person(name).id for name in ("Bob", "Eve", "Dan"))
    made = await twilio.adapter.create_group("Garden", [bob, eve])
    await twilio.adapter.change_group(made.id, add=[dan], remove=[bob])
    await twilio.adapter.groups()
    if twilio.simulator.kind == "sms":
        await twilio.adapter._groups.of_members([bob, dan])
        twilio.simulator.place("group", people=[twilio.ann, twilio.simulator.person("Fay")])


async def catching_up(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    twilio.simulator.drop()
    await twilio.simulator.send_file(
        b"\x89PNG", "cat.png", "image/png", person=twilio.ann, place=twilio.here
    )
    await until(twilio.simulator.lost)
    async with twilio.running():
        await twilio.inbox.wait(1)
        await until(lambda: twilio.simulator.calls("ListConversationMessage"))
        await asyncio.sleep(0.02)


async def check(twilio: Number) -> None:
    template = twilio.simulator.add_template("News: {{1}}", {"1": "x"})
    keys = {"template": template} if twilio.simulator.kind == "whatsapp" else {}
    await twilio.again(**keys).adapter.check()
