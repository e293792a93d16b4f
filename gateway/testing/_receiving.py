"""The adapter's contract, second part: ``run``, against the simulator."""

from __future__ import annotations

import asyncio
import inspect
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import new_id
from gateway.errors import LimitExceeded, Unavailable
from gateway.ports.adapter import Adapter, Fetching
from gateway.testing._harness import Harness, Inbox, reach, running, wait_until


class ReceivingContract:
    """What is said is heard: durable before it is acknowledged, and whatever happens between."""

    within: float = 20.0
    """Seconds for what takes a platform a while: connecting again, delivering again."""
    prompt: float = 2.0
    """Seconds that ending ``run`` may take."""

    async def test_everything_said_is_heard_once_and_in_order(self, harness: Harness) -> None:
        simulator, inbox = harness.platform, Inbox(harness.adapter)
        person = simulator.person("Ada")
        place = simulator.place("direct", people=[person])
        async with running(harness.adapter, inbox):
            await reach(harness, inbox, self.within, (person, place))
            inbox.heard.clear()
            texts = [f"{number}: Grüße 👋🏽 <b>&amp; \\ {new_id()}" for number in range(10)]
            for text in texts:
                await simulator.say(text, person=person, place=place)
            await wait_until(lambda: len(inbox.heard) >= 10, self.within, "all ten are heard")
        assert inbox.said() == texts
        ids = {event.event_id for event in inbox.heard}
        assert len(ids) == 10
        assert {event.participant.id for event in inbox.heard} == {person.id}
        assert {event.addressed for event in inbox.heard} == {True}

    async def test_people_stay_apart(self, harness: Harness) -> None:
        inbox = Inbox(harness.adapter)
        async with running(harness.adapter, inbox):
            ada = await reach(harness, inbox, self.within)
            bob = await reach(harness, inbox, self.within)
        assert ada.participant.id != bob.participant.id
        assert ada.conversation.id != bob.conversation.id
        assert ada.address.destination != bob.address.destination

    async def test_nothing_is_acknowledged_before_it_is_taken(self, harness: Harness) -> None:
        simulator, inbox = harness.platform, Inbox(harness.adapter)
        person = simulator.person("Ada")
        place = simulator.place("direct", people=[person])
        async with running(harness.adapter, inbox):
            await reach(harness, inbox, self.within, (person, place))
            await wait_until(lambda: not simulator.unacknowledged(), self.within, "all is taken")
            inbox.gate.clear()
            offered = inbox.offered
            event_id = await simulator.say("take your time", person=person, place=place)
            await wait_until(lambda: inbox.offered > offered, self.within, "it is offered")
            await asyncio.sleep(0.1)
            assert event_id in simulator.unacknowledged()
            inbox.gate.set()
            await wait_until(
                lambda: event_id not in simulator.unacknowledged(), self.within, "it is taken"
            )
        assert inbox.find("take your time")

    async def test_what_is_refused_for_now_comes_again(self, harness: Harness) -> None:
        simulator, inbox = harness.platform, Inbox(harness.adapter)
        person = simulator.person("Ada")
        place = simulator.place("direct", people=[person])
        async with running(harness.adapter, inbox):
            await reach(harness, inbox, self.within, (person, place))
            inbox.refuse = 2
            for number in range(3):
                await simulator.say(f"try {number}", person=person, place=place)
            await wait_until(
                lambda: all(inbox.find(f"try {number}") for number in range(3)),
                self.within,
                "what was refused is heard",
            )
        assert not inbox.refuse
        assert inbox.said()[-3:] == ["try 0", "try 1", "try 2"]

    async def test_one_unreadable_event_stops_nothing(self, harness: Harness) -> None:
        if harness.garble is None:
            pytest.skip("this simulator cannot deliver what is unreadable")
        inbox = Inbox(harness.adapter)
        async with running(harness.adapter, inbox):
            await reach(harness, inbox, self.within)
            await harness.garble()
            await reach(harness, inbox, self.within)

    async def test_a_file_that_is_sent_can_be_fetched(self, harness: Harness) -> None:
        adapter, attach = harness.adapter, harness.attach
        if not isinstance(adapter, Fetching) or attach is None:
            pytest.skip("nobody can send this adapter a file")
        simulator, inbox = harness.platform, Inbox(adapter)
        person = simulator.person("Ada")
        place = simulator.place("direct", people=[person])
        content = bytes(range(256)) * 1000
        async with running(adapter, inbox):
            await reach(harness, inbox, self.within, (person, place))
            await attach(content, "roses.bin", person, place)
            await wait_until(
                lambda: inbox.heard[-1].attachments, self.within, "the file is heard of"
            )
            (attachment,) = inbox.heard[-1].attachments
            pieces = [piece async for piece in adapter.fetch(attachment)]
            assert b"".join(pieces) == content
            with pytest.raises((LimitExceeded, Unavailable)) as raised:
                _ = [piece async for piece in adapter.fetch(replace(attachment, ref="nowhere"))]
            told = "".join(traceback.format_exception(raised.value))
            assert not [secret for secret in harness.secrets if secret in told]

    async def test_survives_lost_connections(self, harness: Harness) -> None:
        simulator, inbox = harness.platform, Inbox(harness.adapter)
        async with running(harness.adapter, inbox):
            for _ in range(3):
                await reach(harness, inbox, self.within)
                await simulator.disconnect()
            await reach(harness, inbox, self.within)

    async def test_survives_an_outage(self, harness: Harness) -> None:
        simulator, inbox = harness.platform, Inbox(harness.adapter)
        async with running(harness.adapter, inbox):
            await reach(harness, inbox, self.within)
            await simulator.outage(True)
            await asyncio.sleep(0.3)
            await simulator.outage(False)
            await reach(harness, inbox, self.within)

    async def test_starts_during_an_outage(self, harness: Harness) -> None:
        simulator, inbox = harness.platform, Inbox(harness.adapter)
        await simulator.outage(True)
        async with running(harness.adapter, inbox):
            await asyncio.sleep(0.3)
            await simulator.outage(False)
            await reach(harness, inbox, self.within)

    async def test_ends_when_cancelled_and_runs_again(self, harness: Harness) -> None:
        _ = harness.platform
        inbox = Inbox(harness.adapter)
        before = asyncio.all_tasks()
        for _ in range(2):
            run = asyncio.create_task(harness.adapter.run(inbox))
            await reach(harness, inbox, self.within)
            assert not run.done()
            run.cancel()
            cancelled = time.monotonic()
            await asyncio.wait([run], timeout=self.prompt)
            assert run.cancelled(), "run() ends with CancelledError when it is cancelled"
            assert time.monotonic() - cancelled < self.prompt
            await wait_until(
                lambda: not _own_tasks(harness.adapter, before), self.prompt, "its tasks ended"
            )

    async def test_ends_when_cancelled_at_once(self, harness: Harness) -> None:
        _ = harness.platform
        for wait in (0.0, 0.001, 0.02):
            run = asyncio.create_task(harness.adapter.run(Inbox(harness.adapter)))
            await asyncio.sleep(wait)
            run.cancel()
            await asyncio.wait([run], timeout=self.prompt)
            assert run.cancelled()


def _own_tasks(adapter: Adapter, before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Tasks whose code stands in the adapter's folder, its simulator's aside."""
    folder = Path(inspect.getfile(type(adapter))).parent
    tasks = set()
    for task in asyncio.all_tasks() - before:
        code = getattr(task.get_coro(), "cr_code", None)
        file = Path(code.co_filename) if code else Path()
        if file.is_relative_to(folder) and "simulat" not in str(file.relative_to(folder)):
            tasks.add(task)
    return tasks
