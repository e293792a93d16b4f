"""One post and what follows, where the way to it is rough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from adapters.web import exchange as exchanges
from adapters.web.exchange import Line, Update, exchange, restarts
from adapters.web.models import Said
from adapters.web.problems import Refusal
from gateway import LiveEvent, Message, Progress, Receipt, Session, TaskState, Ticket, Unavailable
from tests.unit.adapters.web.standin import StandIn


@pytest.mark.parametrize(
    ("text", "restart", "rest"),
    [
        ("/reset", True, ""),
        ("/RESET ", True, ""),
        ("/new", True, ""),
        ("/new  hello there ", True, "hello there"),
        ("/new\nhello\nthere", True, "hello\nthere"),
        ("/new a\nb c", True, "a\nb c"),
        ("/newer", False, ""),
        ("new", False, ""),
        (" /reset", False, ""),
        ("/help", False, ""),
    ],
)
def test_commands_that_start_afresh(text: str, restart: bool, rest: str) -> None:
    assert restarts(text) == (restart, rest)


@pytest.fixture
async def gateway() -> AsyncIterator[StandIn]:
    standin = StandIn(speed=0)
    yield standin
    for task in standin.running.values():
        task.cancel()


@pytest.fixture
async def line(gateway: StandIn) -> AsyncIterator[Line]:
    async with holding(gateway) as line:
        yield line


@asynccontextmanager
async def holding(gateway: StandIn) -> AsyncIterator[Line]:
    line = Line(gateway)  # type: ignore[arg-type]
    task = asyncio.create_task(line.hold(gateway.receive))
    await asyncio.sleep(0)
    yield line
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def session(gateway: StandIn) -> Session:
    return (await gateway.create("web")).session


async def updates(
    line: Line, session: Session, text: str, wait: float | None = 5.0
) -> list[Update]:
    said = Said(text=text, message_id="m")
    return [update async for update in exchange(line, session, said, wait=wait)]


def last(found: list[Update]) -> Progress:
    assert isinstance(found[-1], Progress)
    return found[-1]


async def test_an_answer_comes_with_its_last_progress(line: Line, session: Session) -> None:
    found = await updates(line, session, "hello")
    assert isinstance(found[0], Progress)
    assert found[0].task.state is TaskState.SUBMITTED
    assert [m.text for m in last(found).messages] == ["hello", "You said: hello"]
    assert last(found).settled


async def test_the_store_is_asked_where_live_events_are_lost(
    gateway: StandIn, line: Line, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "POLL", 0.02)
    monkeypatch.setattr(gateway, "show", lambda *_, **__: None)
    assert last(await updates(line, session, "hello")).settled


async def test_a_lagging_watcher_is_replaced(
    gateway: StandIn, line: Line, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "LULL", 0.01)
    gateway.speed = 0.02
    lagging = asyncio.get_running_loop().call_later(0.02, gateway.drop_watchers)
    found = await updates(line, session, "one two three four")
    assert lagging.when() < asyncio.get_running_loop().time()
    assert last(found).settled


async def test_time_is_up(line: Line, session: Session) -> None:
    assert not last(await updates(line, session, "slow", wait=0.05)).settled
    assert len(await updates(line, session, "slow", wait=0)) == 1


async def test_the_end_of_service_is_the_end_of_waiting(gateway: StandIn, session: Session) -> None:
    async with holding(gateway) as line:
        waiting = asyncio.create_task(updates(line, session, "slow", wait=60))
        await asyncio.sleep(0.02)
    assert not last(await waiting).settled


async def test_a_session_that_ends_ends_the_waiting(
    gateway: StandIn, line: Line, session: Session
) -> None:
    waiting = asyncio.create_task(updates(line, session, "slow", wait=60))
    await asyncio.sleep(0.02)
    await gateway.end(session)
    assert last(await waiting).task.state is TaskState.CANCELED


async def test_what_others_wait_for_is_not_relayed(
    gateway: StandIn, line: Line, session: Session
) -> None:
    gateway.speed = 0.01
    first = asyncio.create_task(updates(line, session, "one two three"))
    await asyncio.sleep(0)
    said = Said(text="four", message_id="other")
    second = [update async for update in exchange(line, session, said, wait=5)]
    mine = last(second).task.id
    events = [update for update in second if isinstance(update, LiveEvent)]
    assert {e.data["task_id"] for e in events if e.kind == "delta"} == {mine}
    assert last(await first).task.id != mine


async def test_a_typed_answer_takes_the_task_that_asked(line: Line, session: Session) -> None:
    asked = last(await updates(line, session, "ask"))
    assert asked.task.state is TaskState.INPUT_REQUIRED
    said = Said(text="Tea", message_id="answer")
    found = [update async for update in exchange(line, session, said, wait=5)]
    assert last(found).task.id == asked.task.id
    assert [m.text for m in last(found).messages] == ["Tea", "You chose Tea."]


async def test_a_fresh_token_is_told_even_when_its_first_message_is_not_taken(
    gateway: StandIn, line: Line, session: Session
) -> None:
    async def away() -> Receipt | None:
        raise Unavailable("the store is away")

    gateway.next_receipt = away
    found = await updates(line, session, "/new hello")
    assert isinstance(found[0], Ticket)
    notices = [update.text for update in found if isinstance(update, Message)]
    assert "not taken" in notices[-1]
    assert last(found).task.state is TaskState.REJECTED


async def test_nothing_is_reset_before_service(gateway: StandIn, session: Session) -> None:
    with pytest.raises(Refusal):
        await updates(Line(gateway), session, "/reset")  # type: ignore[arg-type]
    assert gateway.kept[session.id].session.ended_at is None
