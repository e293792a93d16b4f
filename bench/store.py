"""``python -m bench.store``: what the store costs, beside the same statements on bare sqlite3.

A message is one accept, one commit and one mark, as an echo agent causes them; the mark waits for
company. Printed are messages a second and CPU microseconds a message, of all threads of this
process, at 1, 8 and 64 users who each wait for their own; and as ratios to the floor, which does
the same in two transactions for as many messages, with nobody to answer.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from gateway.domain import (
    Address,
    Conversation,
    ConversationKind,
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Role,
    Session,
    Task,
    TaskState,
    new_id,
)
from gateway.ports.records import Arrival, Effects, Entry, Hold, Mark, RowEnd
from gateway.ports.store import Store
from gateway.store import connect
from gateway.store.sqlite import driver
from gateway.testing.postgres import PostgresServer

USERS = (1, 8, 64)
RAW = b'{"update_id":' + b" " * 780 + b"1}"
INBOUND = b'{"event_id":' + b" " * 480 + b"1}"
TEXT = "Hello there, how are you today?"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one program at one number of users."""

    rate: float
    cpu: float


async def user(store: Store, number: int, until: float) -> int:
    """One person who writes again as soon as the answer is marked as sent; how often they did."""
    key = f"bench/user/{number}"
    conversation = Conversation(kind=ConversationKind.DIRECT, id=str(number))
    address = Address(destination=str(number), data={"chat_id": number})
    session: Session | None = None
    marks: list[asyncio.Future[None]] = []
    while time.perf_counter() < until:
        arrival = arrived(key)
        accepted = await store.accept(arrival)
        if accepted.hold is None:
            raise RuntimeError("the lane should have been idle")
        fresh = session is None
        session = moved(session) if session else begun(accepted.lane_id, conversation)
        effects = turned(arrival, accepted.hold, session, fresh, address)
        await store.commit(effects)
        sent = effects.deliveries[0].id
        mark = Mark(delivery_id=sent, state=DeliveryState.SENT, platform_id="55")
        # As the outbox does it: nobody waits for the mark, it shares the next transaction.
        marks.append(asyncio.ensure_future(store.mark((mark,), patient=True)))
    await asyncio.gather(*marks)
    return len(marks)


def arrived(key: str) -> Arrival:
    """A message of this person."""
    row_id = new_id()
    return Arrival(
        row_id=row_id,
        task_id=new_id(),
        channel="bench",
        event_id=row_id,
        lane_key=key,
        owner=key,
        shared=False,
        raw=RAW,
        inbound=INBOUND,
        accepted_at=time.time(),
    )


def begun(lane_id: str, conversation: Conversation) -> Session:
    """The person's session."""
    now = time.time()
    return Session(
        id=new_id(),
        lane_id=lane_id,
        channel="bench",
        agent="echo",
        owner="bench",
        conversation=conversation,
        created_at=now,
        last_activity=now,
        message_count=2,
        last_number=2,
        version=1,
        variables={"name": "somebody"},
    )


def moved(session: Session) -> Session:
    """The session after one more turn."""
    return replace(
        session,
        message_count=session.message_count + 2,
        last_number=session.last_number + 2,
        version=session.version + 1,
        last_activity=time.time(),
    )


def turned(
    arrival: Arrival, hold: Hold, session: Session, fresh: bool, address: Address
) -> Effects:
    """What an echo commits."""
    now, last, turn_id = time.time(), session.last_number, new_id()
    said = Message(
        number=last - 1,
        role=Role.USER,
        text=TEXT,
        created_at=now,
        sender="Somebody",
        sender_id="17",
        task_id=arrival.task_id,
        row_id=arrival.row_id,
    )
    answer = Message(
        number=last, role=Role.ASSISTANT, text=TEXT, created_at=now, task_id=arrival.task_id
    )
    delivery = Delivery(
        id=new_id(),
        channel="bench",
        lane_id=hold.lane_id,
        address=address,
        text=TEXT,
        turn_id=turn_id,
        session_id=session.id,
        started=True,
        created_at=now,
    )
    task = Task(
        id=arrival.task_id,
        session_id=session.id,
        state=TaskState.COMPLETED,
        created_at=now,
        updated_at=now,
    )
    end = RowEnd(row_id=arrival.row_id, outcome=Outcome.ANSWERED, task_id=arrival.task_id)
    return Effects(
        turn_id=turn_id,
        hold=hold,
        rows=(end,),
        new_sessions=(session,) if fresh else (),
        sessions=() if fresh else (session,),
        entries=tuple(Entry(session_id=session.id, message=m) for m in (said, answer)),
        tasks=(task,),
        deliveries=(delivery,),
        release=True,
    )


async def measure(store: Store, users: int, seconds: float, first: int) -> Figures:
    """The store with that many people, after a moment to warm up."""
    await _crowd(store, users, 0.3, first)
    cpu, began = time.process_time(), time.perf_counter()
    done = await _crowd(store, users, seconds, first + 1000)
    took = time.perf_counter() - began
    return Figures(done / took, (time.process_time() - cpu) / done * 1e6)


async def _crowd(store: Store, users: int, seconds: float, first: int) -> int:
    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(user(store, first + n, until) for n in range(users))))


async def measured(url: str, seconds: float, repeat: int) -> dict[int, Figures]:
    """The best of several runs for each number of users."""
    store = connect(url, replica="bench")
    await store.open()
    try:
        found: dict[int, Figures] = {}
        for place, users in enumerate(USERS):
            runs = [
                await measure(store, users, seconds, (place * repeat + run) * 10_000)
                for run in range(repeat)
            ]
            found[users] = min(runs, key=lambda figures: figures.cpu)
        return found
    finally:
        await store.close()


FLOOR_TABLES = """
CREATE TABLE lane (id TEXT PRIMARY KEY, holder TEXT, fence INTEGER, turn TEXT) WITHOUT ROWID;
CREATE TABLE inbox (id TEXT PRIMARY KEY, channel TEXT, event TEXT, lane TEXT, task TEXT,
  state TEXT, outcome TEXT, attempts INTEGER, raw BLOB, inbound BLOB, at REAL, done REAL,
  UNIQUE (channel, event));
CREATE INDEX inbox_open ON inbox (lane, id) WHERE state <> 'done';
CREATE TABLE session (id TEXT PRIMARY KEY, lane TEXT, conversation TEXT, activity REAL,
  count INTEGER, version INTEGER, variables TEXT) WITHOUT ROWID;
CREATE TABLE message (session TEXT, number INTEGER, role TEXT, text TEXT, at REAL, sender TEXT,
  task TEXT, row TEXT, PRIMARY KEY (session, number)) WITHOUT ROWID;
CREATE TABLE task (session TEXT, id TEXT, state TEXT, at REAL, PRIMARY KEY (session, id))
  WITHOUT ROWID;
CREATE TABLE delivery (id TEXT PRIMARY KEY, lane TEXT, session TEXT, address TEXT, text TEXT,
  state TEXT, started INTEGER, at REAL, platform TEXT) WITHOUT ROWID;
CREATE INDEX delivery_state ON delivery (state, lane, id);
"""


class Floor:
    """The statements that cannot be avoided, in batches, on the bare driver in one thread."""

    def __init__(self, path: Path, users: int) -> None:
        self._connection = driver().connect(str(path), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(FLOOR_TABLES)
        self._lanes = [new_id() for _ in range(users)]
        self._sessions = [new_id() for _ in range(users)]
        self._sent: list[str] = []
        self._number = 0
        now = time.time()
        self._write(
            ("INSERT INTO lane VALUES (?, NULL, 0, NULL)", ((lane,) for lane in self._lanes)),
            (
                "INSERT INTO session VALUES (?, ?, ?, ?, 0, 0, '{}')",
                (
                    (session, lane, '{"kind":"direct","id":"1"}', now)
                    for session, lane in zip(self._sessions, self._lanes, strict=True)
                ),
            ),
        )

    def measure(self, seconds: float) -> Figures:
        """For so long, one message of each user after the other."""
        cpu, began, done = time.process_time(), time.perf_counter(), 0
        while time.perf_counter() < began + seconds:
            self._round()
            done += len(self._lanes)
        took = time.perf_counter() - began
        return Figures(done / took, (time.process_time() - cpu) / done * 1e6)

    def _round(self) -> None:
        now, lanes, sessions = time.time(), self._lanes, self._sessions
        rows = [(new_id(), lane) for lane in lanes]
        self._number += 2
        number = self._number
        self._write(
            (
                "UPDATE delivery SET state = 'sent', started = 0, platform = ? WHERE id = ?",
                [("55", delivery) for delivery in self._sent],
            ),
            (
                "UPDATE lane SET holder = 'me', fence = fence + 1 WHERE id = ? AND holder IS NULL",
                ((lane,) for lane in lanes),
            ),
            (
                (
                    "INSERT INTO inbox VALUES"
                    " (?, 'bench', ?, ?, ?, 'claimed', NULL, 1, ?, ?, ?, NULL)"
                    " ON CONFLICT DO NOTHING"
                ),
                ((row, row, lane, row, RAW, INBOUND, now) for row, lane in rows),
            ),
        )
        sent = self._sent = [new_id() for _ in lanes]
        self._write(
            (
                "UPDATE lane SET holder = NULL, turn = ? WHERE id = ? AND fence > 0",
                ((row, lane) for row, lane in rows),
            ),
            (
                (
                    "UPDATE inbox SET state = 'done', outcome = 'answered', task = ?, done = ?,"
                    " raw = NULL, inbound = NULL WHERE id = ?"
                ),
                ((row, now, row) for row, _ in rows),
            ),
            (
                (
                    "UPDATE session SET activity = ?, count = ?, version = ?, variables = ?"
                    " WHERE id = ?"
                ),
                ((now, number, number, '{"name":"somebody"}', session) for session in sessions),
            ),
            (
                "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (session, number + place, role, TEXT, now, "Somebody", row, row)
                    for session, (row, _) in zip(sessions, rows, strict=True)
                    for place, role in enumerate(("user", "assistant"))
                ),
            ),
            (
                (
                    "INSERT INTO task VALUES (?, ?, 'completed', ?) ON CONFLICT (session, id)"
                    " DO UPDATE SET state = excluded.state"
                ),
                ((session, row, now) for session, (row, _) in zip(sessions, rows, strict=True)),
            ),
            (
                "INSERT INTO delivery VALUES (?, ?, ?, '{\"chat_id\":1}', ?, 'pending', 1, ?, '')",
                (
                    (delivery, lane, session, TEXT, now)
                    for delivery, lane, session in zip(sent, lanes, sessions, strict=True)
                ),
            ),
        )

    def _write(self, *statements: tuple[str, Iterable[tuple[object, ...]]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for statement, rows in statements:
            self._connection.executemany(statement, rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


def floor(folder: Path, seconds: float, repeat: int) -> dict[int, Figures]:
    """The floor for each number of users, the best of several runs."""
    found = {}
    for users in USERS:
        subject = Floor(folder / f"floor-{users}.db", users)
        runs = [subject.measure(seconds) for _ in range(repeat)]
        subject.close()
        found[users] = min(runs, key=lambda figures: figures.cpu)
    return found


def show(name: str, found: dict[int, Figures], base: dict[int, Figures]) -> None:
    """One line for each number of users."""
    for users, figures in found.items():
        print(
            f"{name:22} {users:3} users  {figures.rate:8.0f} msg/s  {figures.cpu:6.0f} us CPU/msg"
            f"  {figures.cpu / base[users].cpu:5.2f} x floor",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure (default 2)")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the best counts (default 3)")
    parser.add_argument("--folder", type=Path, default=Path(), help="on the disk to measure")
    parser.add_argument("--no-postgresql", action="store_true", help="SQLite only")
    args = parser.parse_args()

    def run(work: Callable[[], Awaitable[dict[int, Figures]]]) -> dict[int, Figures]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_awaited(work))

    with tempfile.TemporaryDirectory(dir=args.folder, prefix="bench-store-") as name:
        folder = Path(name).absolute()
        base = floor(folder, args.seconds, args.repeat)
        show("bare sqlite3", base, base)
        url = f"sqlite:///{folder / 'store.db'}"
        show("store, SQLite FULL", run(lambda: measured(url, args.seconds, args.repeat)), base)
    if not args.no_postgresql:
        with PostgresServer() as server:
            url = server.create_database("bench")
            show("store, PostgreSQL", run(lambda: measured(url, args.seconds, args.repeat)), base)


async def _awaited(work: Callable[[], Awaitable[dict[int, Figures]]]) -> dict[int, Figures]:
    return await work()


if __name__ == "__main__":
    main()
