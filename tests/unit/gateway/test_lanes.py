"""Order, folding, holds and control signals of a lane in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import lanes as module
from gateway.boundary import Boundary, Rule
from gateway.domain import (
    Action,
    Address,
    Conversation,
    ConversationKind,
    Inbound,
    Message,
    Participant,
    Role,
    Session,
    Summary,
)
from gateway.lane import Lane, Memory, Waiting
from gateway.lanes import Lanes
from gateway.ports.records import Hold, Revision

GROUP = Conversation(kind=ConversationKind.GROUP, id="g")


def row(
    name: str,
    *,
    order: int = 0,
    place: str = "g",
    action: Action = Action.MESSAGE,
    message: str = "",
    attempts: int = 0,
    album: str = "",
    deleted: tuple[str, ...] = (),
    at: float = 0.0,
) -> Waiting:
    return Waiting(
        id=name,
        task_id=f"task-{name}",
        channel="c",
        inbound=Inbound(
            event_id=name,
            conversation=Conversation(kind=ConversationKind.GROUP, id=place),
            participant=Participant(id="ada"),
            address=Address(destination=place),
            text=name,
            action=action,
            order=order,
            message_id=message,
            album=album,
            deleted=deleted,
        ),
        boundary=Boundary(rule=Rule.PER_GROUP, key="c/group/g", shared=True, owner="o"),
        accepted_at=at,
        attempts=attempts,
    )


def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)


class Worker:
    """Takes one turn after another, each when it is let."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.turns: list[list[str]] = []
        self.gate = asyncio.Event()
        self.cancelled = 0
        self.amended = 0
        lanes.serve(self.work, spawn)

    async def work(self, lane: Lane) -> None:
        try:
            while rows := self.lanes.next(lane):
                lane.current = rows
                lane.in_agent = True
                try:
                    await self.gate.wait()
                except asyncio.CancelledError:
                    if not lane.amended:
                        raise
                    lane.amended = lane.in_agent = False
                    lane.current = ()
                    self.amended += 1
                    continue
                lane.in_agent = False
                self.turns.append([r.id for r in rows])
                lane.drop(rows)
                lane.current = ()
        except asyncio.CancelledError:
            self.cancelled += 1
        finally:
            lane.in_agent = False
            lane.current = ()
            self.lanes.finish(lane)

    async def let(self) -> None:
        self.gate.set()
        for _ in range(1000):
            if not self.lanes.busy:
                return
            await asyncio.sleep(0)
        raise TimeoutError("the workers do not end")


@pytest.fixture
async def worker() -> Worker:
    return Worker(Lanes())


async def test_arrival_order_without_a_platform_order(worker: Worker) -> None:
    for name in "bca":
        worker.lanes.admit("l", row(name))
    await worker.let()
    assert worker.turns == [["b"], ["c"], ["a"]]


async def test_the_platforms_order_among_what_waits(worker: Worker) -> None:
    worker.lanes.admit("l", row("first", order=9))
    await asyncio.sleep(0)
    for name, order in (("third", 3), ("second", 2)):
        worker.lanes.admit("l", row(name, order=order))
    await worker.let()
    assert worker.turns == [["first"], ["second"], ["third"]]


async def test_a_press_keeps_its_place_and_other_places_do_not_compare(worker: Worker) -> None:
    worker.lanes.admit("l", row("running"))
    await asyncio.sleep(0)
    worker.lanes.admit("l", row("press"))
    worker.lanes.admit("l", row("topic", order=8, place="t"))
    worker.lanes.admit("l", row("group", order=1))
    await worker.let()
    assert worker.turns == [["running"], ["press"], ["topic"], ["group"]]


async def test_a_claimed_row_is_never_overtaken(worker: Worker) -> None:
    lane = Lane("l", rows=[row("late", order=1), row("claimed", order=5, attempts=1)])
    assert [r.id for r in lane.take()] == ["claimed"]


async def test_the_same_row_is_admitted_once(worker: Worker) -> None:
    worker.lanes.admit("l", row("a"))
    worker.lanes.admit("l", row("a"))
    assert worker.lanes.knows("l", "a")
    await worker.let()
    assert worker.turns == [["a"]]


async def test_an_edit_folds_into_the_row_that_still_waits(worker: Worker) -> None:
    worker.lanes.admit("l", row("running", message="m0"))
    await asyncio.sleep(0)
    worker.lanes.admit("l", row("waiting", message="m1"))
    assert worker.lanes.control("l", row("edit", action=Action.EDIT, message="m1"))
    assert not worker.lanes.control("l", row("other", action=Action.EDIT, message="m9"))
    await worker.let()
    assert worker.turns == [["running"], ["waiting", "edit"]]
    assert worker.amended == 0


async def test_an_edit_of_the_running_message_begins_its_turn_again(worker: Worker) -> None:
    worker.lanes.admit("l", row("running", message="m0"))
    await asyncio.sleep(0)
    assert worker.lanes.control("l", row("edit", action=Action.EDIT, message="m0"))
    await worker.let()
    assert worker.turns == [["running", "edit"]]
    assert worker.amended == 1


@pytest.mark.parametrize("busy", ["committing", "spoken"])
async def test_an_edit_that_cannot_begin_the_turn_again_waits_for_its_end(
    worker: Worker, busy: str
) -> None:
    worker.lanes.admit("l", row("running", message="m0"))
    await asyncio.sleep(0)
    (lane,) = worker.lanes.running()
    lane.in_agent, lane.spoken = busy != "committing", busy == "spoken"
    edit = row("edit", action=Action.EDIT, message="m0")
    assert worker.lanes.control("l", edit)
    assert lane.settled() == []
    assert worker.lanes.knows("l", "edit")
    await worker.let()
    assert worker.turns == [["running"]]
    assert lane.settled() == [edit]
    assert lane.settled() == []


async def test_a_deletion_dooms_what_waits_and_what_runs(worker: Worker) -> None:
    for name in ("m0", "m1", "m2"):
        worker.lanes.admit("l", row(name, message=name))
    await asyncio.sleep(0)
    (lane,) = worker.lanes.running()
    gone = row("gone", action=Action.DELETE, deleted=("m0", "m2", "m9"))
    assert worker.lanes.control("l", gone)
    assert [one.id for one in lane.rows if lane.doomed(one)] == ["m0", "m2"]
    assert not worker.lanes.control("l", row("late", action=Action.DELETE, deleted=("m9",)))
    await worker.let()
    assert worker.amended == 1
    assert lane.settled() == [gone]
    assert [r.origin for r in gone.revisions()] == ["g/m0", "g/m2", "g/m9"]


async def test_an_album_is_one_turn_in_the_platforms_order(worker: Worker) -> None:
    worker.lanes.admit("l", row("b", order=2, album="x", message="2"))
    worker.lanes.admit("l", row("a", order=1, album="x", message="1"))
    worker.lanes.admit("l", row("c", order=3, message="3"))
    worker.lanes.admit("l", row("elsewhere", order=4, album="x", place="t"))
    worker.lanes.control("l", row("edit", action=Action.EDIT, message="1"))
    await worker.let()
    assert worker.turns == [["a", "b", "edit"], ["c"], ["elsewhere"]]


async def test_a_lane_waits_for_the_parts_of_an_album(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module, "ALBUM_WAIT", 0.02)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now))
    worker.gate.set()
    worker.lanes.admit("l", row("a", album="x", at=now))
    await asyncio.sleep(0.05)
    now += 0.015
    worker.lanes.admit("l", row("b", album="x", at=now))
    now += 0.015
    await asyncio.sleep(0.05)
    assert worker.turns == []
    now += 0.015
    for _ in range(1000):
        if worker.turns:
            break
        await asyncio.sleep(0.01)
    assert worker.turns == [["a", "b"]]


async def test_a_lane_remembers_what_was_edited_and_forgets_what_was_deleted() -> None:
    lane = Lane("l", memory={"agent": remembered("s", 3)})
    window = lane.memory["agent"].window
    for number in range(3):
        window[number] = replace(window[number], origin=f"g/m{number}")
    lane.revise((Revision(origin="g/m1", text="y"), Revision(origin="g/m2", text=None)))
    kept = lane.memory["agent"].window
    assert [message.text for message in kept] == ["x", "y"]
    assert kept.maxlen == window.maxlen


async def test_what_a_changed_message_may_have_come_to_is_forgotten() -> None:
    made = Summary(text="said and gone", upto=7)
    for place, kept in (("g/m8", True), ("g/m7", False), ("g/elsewhere", False)):
        lane = Lane("l", memory={"agent": remembered("s", 0)})
        memory = lane.memory["agent"]
        memory.summary, memory.condense_from = made, 99
        for number in (7, 8):
            said = Message(
                number=number, role=Role.USER, text="x", created_at=0.0, origin=f"g/m{number}"
            )
            memory.window.append(said)
        lane.revise((Revision(origin=place, text=None),))
        assert memory.summary == (made if kept else Summary()), place
        assert memory.condense_from == (99 if kept else 0)


async def test_stop_cancels_the_running_turn_only(worker: Worker) -> None:
    worker.lanes.admit("l", row("running"))
    worker.lanes.admit("l", row("waits"))
    await asyncio.sleep(0)
    assert worker.lanes.control("l", row("stop", action=Action.STOP))
    await asyncio.sleep(0)
    assert worker.cancelled == 1
    assert worker.lanes.knows("l", "waits")


async def test_stop_is_too_late_on_an_idle_or_unknown_lane(worker: Worker) -> None:
    assert not worker.lanes.control("nowhere", row("stop", action=Action.STOP))
    worker.lanes.admit("l", row("a"))
    await worker.let()
    assert not worker.lanes.control("l", row("stop", action=Action.STOP))


async def test_revoking_drops_what_waits_and_forgets_the_lane(worker: Worker) -> None:
    worker.lanes.admit("l", row("running"))
    worker.lanes.admit("l", row("waits"))
    await asyncio.sleep(0)
    assert [r.id for r in worker.lanes.revoke("l")] == ["running", "waits"]
    await worker.let()
    assert worker.cancelled == 1
    assert not worker.lanes.knows("l", "waits")
    worker.lanes.admit("l", row("fresh"))
    await worker.let()
    assert worker.turns == [["fresh"]]


async def test_a_paused_house_starts_no_turn(worker: Worker) -> None:
    worker.lanes.admit("l", row("running"))
    await asyncio.sleep(0)
    worker.lanes.pause()
    worker.lanes.admit("l", row("waits"))
    worker.lanes.admit("m", row("elsewhere"))
    await worker.let()
    assert worker.turns == [["running"]]
    assert worker.lanes.waiting() == 2


async def test_a_deferred_lane_wakes_by_itself() -> None:
    lanes, runs, twice = Lanes(), [], asyncio.Event()

    async def work(lane: Lane) -> None:
        runs.append(asyncio.get_running_loop().time())
        if len(runs) == 1:
            lanes.defer(lane, 0.05)
        else:
            lane.drop(lanes.next(lane))
            twice.set()
        lanes.finish(lane)

    lanes.serve(work, spawn)
    lanes.admit("l", row("a"))
    await asyncio.sleep(0)
    lanes.admit("l", row("b"))
    await asyncio.sleep(0.01)
    assert len(runs) == 1
    await asyncio.wait_for(twice.wait(), 5)
    assert runs[1] - runs[0] >= 0.045


async def test_memory_is_kept_only_under_an_unbroken_hold(worker: Worker) -> None:
    worker.lanes.admit("l", row("a"), Hold(lane_id="l", fence=1))
    lane = worker.lanes.running()[0]
    lane.memory["agent"] = remembered("s", 3)
    await worker.let()
    worker.lanes.admit("l", row("b"), Hold(lane_id="l", fence=2))
    assert "agent" in lane.memory
    await worker.let()
    worker.lanes.admit("l", row("c"), Hold(lane_id="l", fence=9))
    assert not lane.memory


async def test_what_idle_lanes_remember_is_bounded(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED_MESSAGES", 100)
    kept = []
    for number in range(50):
        name = str(number)
        worker.lanes.admit(name, row(name), Hold(lane_id=name, fence=1))
        kept.append(worker.lanes.running()[0])
        kept[-1].memory["agent"] = remembered(name, 6)
        await worker.let()
        worker.gate.clear()
    weight = sum(lane.weight for lane in kept if worker.lanes._lanes.get(lane.id) is lane)
    assert 80 <= weight <= 100
    assert worker.lanes._lanes.get("49") is kept[-1]


def test_what_is_long_weighs_more() -> None:
    lane = Lane("l")
    lane.memory["agent"] = memory = remembered("s", 3)
    assert lane.weight == 7
    memory.window.append(Message(number=3, role=Role.USER, text="x" * 100_000, created_at=0.0))
    assert lane.weight == 108
    memory.session = replace(memory.session, variables={"notes": "x" * 1_000_000})
    assert lane.weight == 1108


def remembered(name: str, messages: int) -> Memory:
    memory = Memory(session=session(name), window=deque(maxlen=50))
    for number in range(messages):
        memory.window.append(Message(number=number, role=Role.USER, text="x", created_at=0.0))
    return memory


def session(name: str) -> Session:
    return Session(
        id=name,
        lane_id="l",
        channel="c",
        agent="agent",
        owner="o",
        conversation=GROUP,
        created_at=0.0,
        last_activity=0.0,
    )
