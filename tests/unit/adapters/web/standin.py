"""A gateway in a few lines, all in memory: what the web adapter's own tests stand on."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast
from urllib.parse import quote

import orjson

from adapters.web.adapter import WebAdapter
from adapters.web.settings import WebSettings
from gateway import (
    Attachment,
    Conversation,
    ConversationKind,
    Host,
    Ignored,
    Inbound,
    LimitExceeded,
    LiveEvent,
    Message,
    Owned,
    Participant,
    Progress,
    Question,
    QuestionKind,
    Receipt,
    Role,
    Session,
    Task,
    TaskState,
    Ticket,
    new_id,
)
from gateway.domain import JSON

DELAY = 0.05


@dataclass
class Kept:
    """Everything of one session."""

    session: Session
    token: str
    more: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)


def owner(who: Participant) -> str:
    """Whose a participant's sessions are."""
    return f"participant:{quote(who.id)}"


class StandInFiles:
    """Implements ``Files``, and believes what it is told."""

    limit = 1000

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, Attachment, bytes]] = {}

    async def keep(
        self, session: Session, name: str, content: AsyncIterator[bytes], *, media_type: str = ""
    ) -> Attachment:
        data = bytearray()
        async for piece in content:
            data += piece
            if len(data) > self.limit:
                raise LimitExceeded(f"{name} is larger than {self.limit} bytes")
        kept = Attachment(id=new_id(), name=name, media_type=media_type, size=len(data))
        self.kept[kept.id] = session.id, kept, bytes(data)
        return kept

    async def find(self, session: Session, file_id: str) -> Attachment | None:
        owner, kept, _ = self.kept.get(file_id, ("", None, b""))
        return kept if owner == session.id else None

    async def read(self, attachment: Attachment) -> bytes:
        return self.kept[attachment.id][2]

    def link(self, attachment: Attachment) -> str:
        return f"/files/{attachment.id}?exp=1&sig=x"


class StandIn:
    """Implements ``Sessions``, and ``receive`` with an agent that answers a few texts."""

    agents: Sequence[str] = ("demo", "sales")
    public_url = ""

    def __init__(self, *, speed: float = DELAY, **settings: Any) -> None:
        self.sessions = self
        self.files = StandInFiles()
        self.http = None
        self.speed = speed
        self.kept: dict[str, Kept] = {}
        self.events: dict[str, tuple[bytes, str]] = {}
        self.watchers: dict[str, list[asyncio.Queue[LiveEvent | None]]] = defaultdict(list)
        self.running: dict[str, asyncio.Task[None]] = {}
        self.next_receipt: Callable[[], Awaitable[Receipt | None]] | None = None
        self.adapter = WebAdapter(
            "web",
            WebSettings(agent="demo", agents=("demo", "sales"), **settings),
            cast("Host", self),
        )

    async def create(
        self, channel: str, *, agent: str = "", name: str = "", who: Participant | None = None,
        place: str = "", variables: JSON | None = None, overrides: JSON | None = None,
    ) -> Ticket:  # fmt: skip
        if variables and len(orjson.dumps(variables)) > 1000:
            raise LimitExceeded("the session's variables are too large")
        now = time.time()
        there = Conversation(
            kind=ConversationKind.DIRECT, id=place or new_id(), title=who.name if who else None
        )
        owner = who.id if who else place or f"anon:{there.id}"
        session = Session(
            id=new_id(), lane_id=there.id, channel=channel, agent=agent or "demo",
            owner=f"participant:{quote(owner)}", conversation=there, created_at=now,
            last_activity=now, name=name, expires_at=None if who or place else now + 604800,
            variables=variables or {}, overrides=overrides or {},
        )  # fmt: skip
        for kept in self.kept.values() if place else ():
            if kept.session.conversation.id == place and not kept.session.ended_at:
                if who and kept.session.owner != session.owner:
                    raise LookupError(place)
                return self._again(kept)
        return self._open(session)

    async def of(
        self, channel: str, who: Participant, *, agent: str = "", after: str = "", limit: int = 50
    ) -> Sequence[Owned]:
        mine = [kept for kept in reversed(self.kept.values()) if kept.session.owner == owner(who)]
        ids = [kept.session.id for kept in mine]
        mine = mine[ids.index(after) + 1 :] if after else mine
        return [
            Owned(session=kept.session, waiting=bool(kept.questions))
            for kept in mine
            if kept.session.agent == agent or not agent
        ][:limit]

    async def open(self, channel: str, who: Participant, session_id: str) -> Ticket:
        kept = self.kept.get(session_id)
        if kept is None or kept.session.owner != owner(who):
            raise LookupError(session_id)
        return self._again(kept)

    def _again(self, kept: Kept) -> Ticket:
        token = f"token-{new_id()}"
        kept.more.append(token)
        dies = time.time() + 2_592_000
        return Ticket(session=kept.session, token=token, expires_at=dies, created=False)

    def _open(self, session: Session) -> Ticket:
        token = f"token-{new_id()}"
        self.kept[session.id] = Kept(session, token)
        dies = None if session.expires_at else time.time() + 2_592_000
        return Ticket(session=session, token=token, expires_at=dies)

    async def authenticate(self, channel: str, token: str) -> Session | None:
        found = (
            k.session
            for k in self.kept.values()
            if token in (k.token, *k.more) and not k.session.ended_at
        )
        return next(found, None)

    async def history(
        self, session: Session, *, before: int | None = None, limit: int = 50
    ) -> Sequence[Message]:
        kept = self.kept[session.id].messages
        return [m for m in kept if before is None or m.number < before][-limit:]

    async def after(self, session: Session, number: int) -> Sequence[Message]:
        kept = self.kept.get(session.id)
        return [m for m in kept.messages if m.number > number] if kept else []

    async def search(self, session: Session, text: str, *, limit: int = 50) -> Sequence[Message]:
        kept = reversed(self.kept[session.id].messages)
        return [m for m in kept if text.casefold() in m.text.casefold()][:limit]

    async def rename(self, session: Session, name: str) -> Session:
        kept = self.kept[session.id]
        kept.session = replace(kept.session, name=name)
        return kept.session

    async def questions(self, session: Session) -> Sequence[Question]:
        return self.kept[session.id].questions

    async def progress(self, session: Session, task_id: str) -> Progress | None:
        kept = self.kept.get(session.id)
        task = kept and kept.tasks.get(task_id)
        if not kept or not task:
            return None
        said = tuple(m for m in kept.messages if m.task_id == task_id)
        asked = next((q for q in kept.questions if q.task_id == task_id), None)
        under_way = task.state in {TaskState.SUBMITTED, TaskState.WORKING}
        return Progress(task=task, messages=said, settled=not under_way, question=asked)

    async def reset(self, session: Session) -> Ticket:
        old = self.kept[session.id]
        old.session = replace(session, ended_at=time.time())
        if run := self.running.pop(session.id, None):
            run.cancel()
        ticket = self._open(replace(session, id=new_id(), message_count=0, last_number=0))
        self.show(session.id, "ended", {})
        return ticket

    async def end(self, session: Session) -> None:
        if run := self.running.pop(session.id, None):
            run.cancel()
        del self.kept[session.id]
        self.show(session.id, "ended", {})

    @asynccontextmanager
    async def watch(self, session: Session) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        queue: asyncio.Queue[LiveEvent | None] = asyncio.Queue()
        self.watchers[session.id].append(queue)

        async def events() -> AsyncIterator[LiveEvent]:
            while event := await queue.get():
                yield event

        try:
            yield events()
        finally:
            self.watchers[session.id].remove(queue)

    def show(self, session_id: str, kind: str, data: dict[str, Any], number: int = 0) -> None:
        for queue in self.watchers[session_id]:
            queue.put_nowait(LiveEvent(kind=kind, data=data, number=number))

    def drop_watchers(self) -> None:
        """End every watcher, as a lagging one is ended."""
        for queues in self.watchers.values():
            for queue in queues:
                queue.put_nowait(None)

    async def receive(self, raw: bytes) -> Receipt:
        if self.next_receipt and (receipt := await self.next_receipt()):
            return receipt
        read = self.adapter.parse(raw)
        if isinstance(read, Ignored):
            return Receipt(outcome="ignored", reason=read.reason)
        if read.event_id in self.events:
            before, task_id = self.events[read.event_id]
            conflict = before != raw
            return Receipt(
                outcome="accepted",
                row_id=f"row-{read.event_id}",
                task_id=task_id,
                duplicate=True,
                conflict=conflict,
            )
        kept = next(
            k for k in reversed(self.kept.values())
            if k.session.conversation.id == read.conversation.id
        )  # fmt: skip
        task_id = new_id()
        self.events[read.event_id] = raw, task_id
        if read.text.strip() == "/stop":
            if run := self.running.pop(kept.session.id, None):
                run.cancel()
            return Receipt(outcome="accepted", task_id=task_id)
        self._move(kept, task_id, TaskState.SUBMITTED)
        before_it = self.running.get(kept.session.id)
        turn = self._turn(kept, task_id, read, before_it)
        self.running[kept.session.id] = asyncio.create_task(turn)
        return Receipt(outcome="accepted", row_id=f"row-{read.event_id}", task_id=task_id)

    def _move(self, kept: Kept, task_id: str, state: TaskState) -> None:
        now = time.time()
        kept.tasks[task_id] = Task(
            id=task_id, session_id=kept.session.id, state=state, created_at=now, updated_at=now
        )
        if state is not TaskState.SUBMITTED:
            self.show(kept.session.id, "task", {"id": task_id, "state": state.value, "steps": []})

    def say(self, kept: Kept, role: Role, text: str, task_id: str, asks: Question | None = None,
            *, row_id: str = "", in_context: bool = True,
            attachments: tuple[Attachment, ...] = ()) -> None:  # fmt: skip
        message = Message(
            number=len(kept.messages) + 1, role=role, text=text, created_at=time.time(),
            task_id=task_id, row_id=row_id, question_id=asks.id if asks else "",
            in_context=in_context, attachments=attachments,
        )  # fmt: skip
        kept.messages.append(message)
        kept.session = replace(
            kept.session,
            last_number=message.number,
            message_count=sum(m.in_context for m in kept.messages),
        )
        # As events travel between machines, so that nothing here relies on Python objects.
        data = {"message": asdict(message)} | ({"question": asdict(asks)} if asks else {})
        self.show(kept.session.id, "message", orjson.loads(orjson.dumps(data)), message.number)

    async def _turn(
        self, kept: Kept, task_id: str, read: Inbound, before: asyncio.Task[None] | None
    ) -> None:
        if before:
            await asyncio.wait([before])
        session_id, row_id = kept.session.id, f"row-{read.event_id}"
        text, answered = read.text, None
        if kept.questions:
            answered = kept.questions.pop()
            del kept.tasks[task_id]
            task_id = answered.task_id
            self.events[read.event_id] = self.events[read.event_id][0], task_id
            text = answered.options[read.press.option] if read.press else text
        try:
            answer, asks = await self._agent(session_id, task_id, text, answered)
        except asyncio.CancelledError:
            self.say(kept, Role.USER, text, task_id, row_id=row_id)
            self.say(kept, Role.SYSTEM, "Stopped.", task_id, row_id=row_id, in_context=False)
            self._move(kept, task_id, TaskState.CANCELED)
            return
        spoken = not text.startswith("/")
        self.say(
            kept, Role.USER, text, task_id,
            row_id=row_id, in_context=spoken, attachments=read.attachments,
        )  # fmt: skip
        if answer:
            role = Role.ASSISTANT if spoken else Role.SYSTEM
            self.say(kept, role, answer, task_id, row_id=row_id, in_context=spoken)
        if asks:
            kept.questions.append(asks)
            self.say(kept, Role.ASSISTANT, asks.text, task_id, asks, row_id=row_id)
        self._move(kept, task_id, TaskState.INPUT_REQUIRED if asks else TaskState.COMPLETED)

    async def _agent(
        self, session_id: str, task_id: str, text: str, answered: Question | None
    ) -> tuple[str, Question | None]:
        asks = None
        if answered:
            answer = f"You chose {text}."
        elif text == "ask":
            answer = ""
            asks = Question(
                id=new_id(), session_id=session_id, task_id=task_id, addressee="",
                kind=QuestionKind.CHOICE, text="Tea or coffee?", options=("Tea", "Coffee"),
            )  # fmt: skip
        elif text == "/help":
            answer = "/help - what you can do here\n/reset - forget and start afresh"
        elif text.startswith("slow"):
            self.show(session_id, "step", {"task_id": task_id, "title": "Looking it up"})
            await asyncio.sleep(60)
            answer = "never"
        else:
            answer = f"You said: {text}"
        for piece in answer.split(" "):
            await asyncio.sleep(self.speed)
            self.show(session_id, "delta", {"task_id": task_id, "text": f"{piece} "})
        return answer, asks
