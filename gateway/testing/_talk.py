"""What the store's contract is told with: people who write, and turns that answer them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import Any

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
from gateway.ports.records import (
    Accepted,
    Arrival,
    Credential,
    Effects,
    Entry,
    Hold,
    LaneScope,
    OperatorScope,
    Row,
    RowEnd,
    SessionScope,
)
from gateway.ports.store import Store

OPERATOR = OperatorScope(why="the contract's tests")
CHANNEL = "contract"


def arrival(key: str, text: str = "hello", **changes: Any) -> Arrival:
    """A message to the lane of this key; its content is its own event's."""
    event = changes.get("event_id", new_id())
    values: dict[str, Any] = {
        "row_id": new_id(),
        "task_id": new_id(),
        "channel": CHANNEL,
        "event_id": event,
        "lane_key": key,
        "owner": f"participant:{key}",
        "shared": False,
        "raw": f"raw {text}".encode(errors="replace"),
        "inbound": f"inbound {text}".encode(errors="replace"),
        "accepted_at": time.time(),
    }
    return Arrival(**{**values, **changes})


def delivery(lane_id: str, text: str = "hello", **changes: Any) -> Delivery:
    """Something to send to the lane's only place."""
    values: dict[str, Any] = {
        "id": new_id(),
        "channel": CHANNEL,
        "lane_id": lane_id,
        "address": Address(destination="place", data={"chat_id": 7}),
        "text": text,
        "created_at": time.time(),
    }
    return Delivery(**{**values, **changes})


def session(lane_id: str, key: str, **changes: Any) -> Session:
    """A session on this lane, with nothing in it."""
    now = time.time()
    values: dict[str, Any] = {
        "id": new_id(),
        "lane_id": lane_id,
        "channel": CHANNEL,
        "agent": "echo",
        "owner": f"participant:{key}",
        "conversation": Conversation(kind=ConversationKind.DIRECT, id=key),
        "created_at": now,
        "last_activity": now,
    }
    return Session(**{**values, **changes})


def credential(token: str, expires_at: float | None = None) -> Credential:
    """What opens a session to who has this token."""
    return Credential(token_hash=hashed(token), expires_at=expires_at)


def hashed(token: str) -> str:
    """The form in which the store knows a token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def waiting(store: Store, scope: LaneScope | OperatorScope = OPERATOR) -> list[Row]:
    """The rows that wait, in the order given."""
    return [row async for row in store.waiting(scope)]


class Talk:
    """One lane's conversation with the agent ``echo``, in one session after the other."""

    def __init__(self, store: Store, key: str = "") -> None:
        self.store = store
        self.key = key or f"contract/{new_id()}"
        self.lane_id = ""
        self.session: Session | None = None

    @property
    def scope(self) -> SessionScope:
        """May read the current session."""
        assert self.session is not None
        return SessionScope(session_id=self.session.id)

    @property
    def lane(self) -> LaneScope:
        """May read the lane."""
        return LaneScope(lane_id=self.lane_id)

    async def says(self, text: str = "hello", **changes: Any) -> Accepted:
        """The person writes."""
        accepted = await self.store.accept(arrival(self.key, text, **changes))
        self.lane_id = accepted.lane_id
        return accepted

    async def holds(self, text: str = "hello") -> tuple[Accepted, Hold]:
        """The person writes while nothing else waits; the lane is held for the row."""
        accepted = await self.says(text)
        assert accepted.hold is not None
        return accepted, accepted.hold

    def turn(self, accepted: Accepted, hold: Hold, text: str = "hello", **changes: Any) -> Effects:
        """The effects of answering a row with the same text; releases the lane."""
        now, turn_id = time.time(), new_id()
        before = self.session or session(hold.lane_id, self.key)
        number = before.last_number
        after = replace(
            before,
            message_count=before.message_count + 2,
            last_number=number + 2,
            version=before.version + 1,
            last_activity=now,
        )
        entries = tuple(
            Entry(
                session_id=after.id,
                message=Message(
                    number=number + place,
                    role=role,
                    text=text,
                    created_at=now,
                    task_id=accepted.task_id,
                    row_id=accepted.row_id,
                ),
            )
            for place, role in enumerate((Role.USER, Role.ASSISTANT), 1)
        )
        task = Task(
            id=accepted.task_id,
            session_id=after.id,
            state=TaskState.COMPLETED,
            created_at=now,
            updated_at=now,
        )
        values: dict[str, Any] = {
            "turn_id": turn_id,
            "hold": hold,
            "rows": (ended(accepted),),
            "sessions": (after,) if self.session else (),
            "new_sessions": () if self.session else (after,),
            "entries": entries,
            "tasks": (task,),
            "deliveries": (delivery(hold.lane_id, text, turn_id=turn_id, session_id=after.id),),
            "release": True,
        }
        return Effects(**{**values, **changes})

    async def commits(self, effects: Effects) -> Hold | None:
        """Commit, and remember the session that it left."""
        hold = await self.store.commit(effects)
        for changed in (*effects.sessions, *effects.new_sessions):
            self.session = changed if changed.ended_at is None else None
        return hold

    async def exchange(self, text: str = "hello") -> Effects:
        """One message and its answer, the whole way."""
        accepted, hold = await self.holds(text)
        effects = self.turn(accepted, hold, text)
        assert await self.commits(effects) is None
        return effects

    async def texts(self) -> list[str]:
        """What was said in the session."""
        return [message.text for message in await self.store.history(self.scope, limit=1000)]


def ended(accepted: Accepted, outcome: Outcome = Outcome.ANSWERED) -> RowEnd:
    """A row's outcome, taken by its own task."""
    return RowEnd(row_id=accepted.row_id, outcome=outcome, task_id=accepted.task_id)


async def states(store: Store) -> dict[DeliveryState, list[str]]:
    """The texts of all deliveries by their state, oldest first."""
    return {
        state: [found.text for found in reversed(await store.deliveries(OPERATOR, [state]))]
        for state in DeliveryState
    }
