"""One post and everything it leads to, as a stream of updates that ends when its task settles."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from adapters.web import inbound, outbound
from adapters.web.models import Said
from adapters.web.problems import Refusal, judged, unavailable
from adapters.web.stream import from_now, past, pulses
from gateway import (
    Attachment,
    Host,
    LiveEvent,
    Message,
    Press,
    Progress,
    Question,
    Receipt,
    Receive,
    Role,
    Session,
    Task,
    TaskState,
    Ticket,
    Unavailable,
    new_id,
)

Update = Ticket | Message | LiveEvent | Progress
"""A fresh session, a notice that is not kept, something live, or how the task stands."""

POLL = 5.0
"""Seconds after which the store is asked, whatever the live events say: they may be lost."""

LULL = 0.25
"""Seconds before a watcher that was ended is followed by another."""

FRESH = "Fresh start: I have forgotten our conversation."
_UNDER_WAY = frozenset({TaskState.SUBMITTED, TaskState.WORKING})
_TURNS = frozenset({"task", "ended"})
_RELAYED = frozenset({"delta", "step", "message"})


class Line:
    """The way in: what the gateway lends an adapter while it runs.

    ``closing`` is done when service ends; it exists once ``check`` or ``accept`` let anybody pass.
    """

    closing: asyncio.Future[None]

    def __init__(self, host: Host) -> None:
        self.host = host
        self._receive: Receive | None = None

    async def hold(self, receive: Receive) -> None:
        """Stay open until cancelled; then everything that waits is told at once."""
        self.closing = asyncio.get_running_loop().create_future()
        self._receive = receive
        try:
            await self.closing
        finally:
            self._receive = None
            self.closing.cancel()

    def link(self, attachment: Attachment) -> str:
        """The address that opens a stored file for a while."""
        return self.host.files.link(attachment)

    def check(self) -> None:
        """Raise a ``Refusal`` unless open."""
        if self._receive is None:
            raise unavailable()

    async def accept(self, raw: bytes) -> Receipt:
        """Commit one event. Raises a ``Refusal`` when it was not accepted."""
        if self._receive is None:
            raise unavailable()
        receipt = await self._receive(raw)
        if refusal := judged(receipt):
            raise refusal
        return receipt


def restarts(text: str) -> tuple[bool, str]:
    """Whether ``text`` commands a fresh session, and the first message it gives it."""
    command, _, rest = text.partition(" ")
    command, newline, more = command.partition("\n")
    if command.casefold() not in {"/reset", "/new"}:
        return False, ""
    return True, (f"{more} {rest}" if newline else rest).strip()


async def exchange(
    line: Line,
    session: Session,
    said: Said,
    *,
    wait: float | None,
    attachments: Sequence[Attachment] = (),
) -> AsyncGenerator[Update]:
    """Take a post and follow it, for ``wait`` seconds from its acceptance (None: to its end).

    The first ``Progress`` says that it is durably accepted, the last is how it stands. Raises a
    ``Refusal``, or ``Unavailable``, only before the first update.
    """
    press = None
    if said.question is not None and said.option is not None:
        press = Press(question_id=said.question, option=said.option)
    restart, rest = (False, "") if press else restarts(said.text)
    if restart:
        updates = _restart(line, session, rest, said.message_id, wait)
    else:
        raw = inbound.event(
            session,
            said.text,
            message_id=said.message_id,
            press=press,
            attachments=attachments,
        )
        # A command to stop does its work at once, and is no task.
        stops = not press and said.text.strip().casefold() == "/stop"
        updates = _stop(line, session, raw) if stops else _follow(line, session, raw, wait)
    async with aclosing(updates):
        async for update in updates:
            yield update


async def _stop(line: Line, session: Session, raw: bytes) -> AsyncGenerator[Update]:
    receipt = await line.accept(raw)
    yield _progress(session, TaskState.COMPLETED, receipt.task_id)


async def _restart(
    line: Line, session: Session, rest: str, message_id: str | None, wait: float | None
) -> AsyncGenerator[Update]:
    line.check()
    fresh = await line.host.sessions.reset(session)
    yield fresh
    yield _notice(FRESH)
    if not rest:
        yield _progress(fresh.session, TaskState.COMPLETED)
        return
    raw = inbound.event(fresh.session, rest, message_id=message_id)
    try:
        async with aclosing(_follow(line, fresh.session, raw, wait)) as updates:
            async for update in updates:
                yield update
    except (Refusal, Unavailable) as error:
        # The new token must reach its owner even so: the old one is dead.
        detail = error.detail if isinstance(error, Refusal) else unavailable().detail
        yield _notice(f"Your message was not taken. {detail}")
        yield _progress(fresh.session, TaskState.REJECTED)


async def _follow(
    line: Line, session: Session, raw: bytes, wait: float | None
) -> AsyncGenerator[Update]:
    if wait == 0:
        yield await _Post(line, session, await line.accept(raw)).now()
        return
    post = None
    deadline = math.inf
    while post is None or not (post.latest.settled or line.closing.done() or past(deadline)):
        if post:
            # The watcher lagged and was ended; the store fills the gap.
            await asyncio.sleep(LULL)
        async with line.host.sessions.watch(session) as events:
            if post is None:
                post = _Post(line, session, await line.accept(raw))
                deadline = from_now(wait)
            yield await post.begun()
            async with aclosing(post.updates(events, deadline)) as updates:
                async for update in updates:
                    yield update
    if not post.latest.settled:
        yield await post.now()


class _Post:
    """An accepted post, and the latest that is known of its task."""

    def __init__(self, line: Line, session: Session, receipt: Receipt) -> None:
        self._line = line
        self._session = session
        self._row_id = receipt.row_id
        self._task_id = receipt.task_id
        self._mine: set[object] = {receipt.task_id}
        self._others: set[object] = set()
        self._heard: list[tuple[Message, Question | None]] = []
        self._fresh = not receipt.duplicate
        self.latest = _progress(session, TaskState.SUBMITTED, receipt.task_id)

    async def begun(self) -> Progress:
        """How the task stands; the first time, of a fresh one, without asking the store."""
        if self._fresh:
            self._fresh = False
            return self.latest
        return await self.now()

    async def now(self) -> Progress:
        """How the task stands in the store; of its messages those that belong to this post."""
        progress = self._line.host.sessions.progress
        found = await progress(self._session, self._task_id)
        if found is None and await self._taken():
            found = await progress(self._session, self._task_id)
        if found is not None:
            own = tuple(one for one in found.messages if one.row_id == self._row_id)
            self.latest = replace(found, messages=own or found.messages)
        return self.latest

    async def _taken(self) -> bool:
        """Whether another task took the post: an answer belongs to the task that asked."""
        since = self._session.last_number
        said = await self._line.host.sessions.after(self._session, since)
        task_id = next((one.task_id for one in said if one.row_id == self._row_id), "")
        self._mine.add(task_id)
        self._task_id = task_id or self._task_id
        return bool(task_id)

    async def updates(
        self, events: AsyncIterator[LiveEvent], deadline: float
    ) -> AsyncGenerator[Update]:
        """What happens to the task, until it settles, time is up, or the watcher is ended."""
        if self.latest.settled:
            return
        async with aclosing(pulses(events, self._line.closing, POLL, deadline)) as pulse:
            async for event in pulse:
                if event is None or event.kind in _TURNS:
                    progress = await self._turned(event)
                    yield progress
                    if progress.settled:
                        return
                elif event.kind in _RELAYED and await self._is_mine(_task_of(event)):
                    if event.kind == "message":
                        self._heard.append(outbound.published(event.data))
                    yield event

    async def _turned(self, event: LiveEvent | None) -> Progress:
        if event and event.data.get("id") == self._task_id and self._heard_all():
            return self._concluded(TaskState(event.data["state"]))
        await self.now()
        if event and event.kind == "ended" and not self.latest.settled:
            self.latest = _progress(self._session, TaskState.CANCELED, self._task_id)
        return self.latest

    def _heard_all(self) -> bool:
        """Whether what was heard live is a whole turn: the post itself, and on without a gap."""
        numbers = [message.number for message, _ in self._heard]
        return (
            bool(numbers)
            and self._heard[0][0].row_id == self._row_id
            and self._heard[0][0].role is Role.USER
            and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        )

    def _concluded(self, state: TaskState) -> Progress:
        """How the task stands by what was heard, which spares the store the question."""
        told = _progress(self._session, state, self._task_id)
        messages = tuple(message for message, _ in self._heard)
        asked = self._heard[-1][1] if state is TaskState.INPUT_REQUIRED else None
        self.latest = replace(told, messages=messages, question=asked)
        return self.latest

    async def _is_mine(self, task_id: object) -> bool:
        """A session runs one turn at a time, so what is heard while this post runs is its own."""
        if task_id not in self._mine | self._others:
            running = (await self.now()).task.state is TaskState.WORKING
            (self._mine if running else self._others).add(task_id)
        return task_id in self._mine


def _task_of(event: LiveEvent) -> object:
    return event.data["message"]["task_id"] if event.kind == "message" else event.data["task_id"]


def _progress(session: Session, state: TaskState, task_id: str = "") -> Progress:
    now = time.time()
    task = Task(
        id=task_id or new_id(), session_id=session.id, state=state, created_at=now, updated_at=now
    )
    return Progress(task=task, messages=(), settled=state not in _UNDER_WAY)


def _notice(text: str) -> Message:
    return Message(number=0, role=Role.SYSTEM, text=text, created_at=time.time(), in_context=False)
