"""What people see of an answer that is being written, and what is remembered of that."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway import presence as module
from gateway.boundary import Boundary, Rule
from gateway.channels import Channel
from gateway.domain import (
    Address,
    Conversation,
    ConversationKind,
    Delivery,
    Ignored,
    Inbound,
    Participant,
)
from gateway.errors import NotAccepted
from gateway.lane import Lane, Showing, Waiting
from gateway.lanes import Lanes
from gateway.ports.adapter import Preview, Receive, Sent
from gateway.presence import Presence


class Platform:
    """An adapter that shows previews and typing."""

    settings = None
    typing_every = 0.02
    preview_every = 0.02

    def routes(self) -> list[Any]:
        return []

    async def run(self, receive: Receive) -> None:
        await asyncio.get_running_loop().create_future()

    def parse(self, raw: bytes) -> Ignored:
        return Ignored(reason="nothing comes in here")

    async def send(self, delivery: Delivery) -> Sent:
        return Sent()

    async def typing(self, address: Address) -> None:
        raise AssertionError("the outbox calls it")

    async def preview(self, preview: Preview) -> str:
        raise AssertionError("the outbox calls it")


class Desk:
    """A running turn, and what the outbox and the store would have been told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, platform: Platform) -> None:
        monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)
        monkeypatch.setattr(module, "FIRST_AFTER", 0.0)
        self.shown: list[tuple[str, str]] = []
        self.typed = 0
        self.remembered: list[tuple[str, str]] = []
        self.retracted: list[str] = []
        self.broken = False
        self.lanes = Lanes()
        rules = {ConversationKind.DIRECT: Rule.PER_USER}
        at = Channel(name="c", adapter=platform, agent="a", rules=rules, respond={})
        self.presence = Presence(
            lanes=self.lanes,
            channels={"c": at},
            typing=self._typing,
            preview=self._preview,
            retract=self._retract,
            remember=self._remember,
            spawn=spawn,
        )
        self.lanes.serve(self._turn, spawn)
        self.lanes.admit("l", row())
        (self.lane,) = self.lanes.running()
        self.lane.current, self.lane.in_agent = tuple(self.lane.rows), True
        self.lane.showing = self.showing = Showing(task_id="t", pieces=[])

    async def watch(self, seconds: float = 0.1) -> None:
        task = asyncio.create_task(self.presence.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait((task,))

    async def _retract(self, channel: Channel, address: Address, message_id: str) -> None:
        self.retracted.append(message_id)

    async def _turn(self, lane: Lane) -> None:
        await asyncio.get_running_loop().create_future()

    async def _typing(self, channel: Channel, address: Address) -> None:
        self.typed += 1

    async def _preview(self, channel: Channel, preview: Preview) -> str:
        if self.broken:
            raise NotAccepted("not now")
        self.shown.append((preview.text, preview.message_id))
        return "m1"

    async def _remember(self, row_id: str, message_id: str) -> None:
        self.remembered.append((row_id, message_id))


def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)


def row() -> Waiting:
    return Waiting(
        id="r",
        task_id="t",
        channel="c",
        inbound=Inbound(
            event_id="r",
            conversation=Conversation(kind=ConversationKind.DIRECT, id="7"),
            participant=Participant(id="ada"),
            address=Address(destination="7"),
        ),
        boundary=Boundary(rule=Rule.PER_USER, key="c/user/ada", shared=False, owner="o"),
        accepted_at=0.0,
    )


async def test_typing_until_there_is_something_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, Platform())
    desk.showing.pieces += ["", "  "]
    await desk.watch()
    assert desk.typed >= 2
    assert desk.shown == []
    typed = desk.typed
    desk.showing.pieces.append("Hel")
    await desk.watch()
    desk.showing.pieces.append("lo")
    await desk.watch()
    assert desk.shown == [("  Hel", ""), ("  Hello", "m1")]
    assert desk.typed == typed


async def test_the_message_that_shows_it_is_remembered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, Platform())
    for piece in "abc":
        desk.showing.pieces.append(piece)
        await desk.watch(0.05)
    assert desk.remembered == [("r", "m1")]
    assert desk.lane.rows[0].preview == desk.showing.message_id == "m1"


async def test_what_could_not_be_shown_is_shown_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, Platform())
    desk.broken = True
    desk.showing.pieces.append("a")
    await desk.watch(0.05)
    desk.broken = False
    await desk.watch(0.05)
    assert desk.shown == [("a", "")]


async def test_a_channel_may_want_none(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform()
    platform.preview_every = 0.0
    desk = Desk(monkeypatch, platform)
    desk.showing.pieces.append("a")
    await desk.watch()
    assert desk.shown == []
    assert desk.typed >= 2


class Retracting(Platform):
    """One that can take previews back."""

    async def retract(self, address: Address, message_id: str) -> None:
        raise AssertionError("the outbox calls it")


@pytest.mark.parametrize(("platform", "taken"), [(Retracting(), ["m9"]), (Platform(), [])])
async def test_what_no_answer_became_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, platform: Platform, taken: list[str]
) -> None:
    desk = Desk(monkeypatch, platform)
    head = desk.lane.rows[0]
    head.preview = "m9"
    desk.presence.left(head)
    await asyncio.sleep(0.01)
    assert desk.retracted == taken
