"""What a turn may see: its session, the newest messages, its variables. Nothing else exists."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.channels import Channel
from gateway.domain import (
    CONTROL_ACTIONS,
    Attachment,
    Inbound,
    Message,
    Press,
    Role,
    Session,
    Summary,
    new_id,
)
from gateway.lane import Lane, Memory, Waiting, newest_within
from gateway.ports.agent import Turn
from gateway.ports.records import Effects, LaneScope, SessionScope, Standing
from gateway.ports.store import Store
from gateway.seen import Seen

SEEDED = frozenset({"current_user_id", "current_session_id", "message_count", "last_visit"})
"""Variables that every turn finds filled in, and cannot change."""


async def standing(store: Store, lane: Lane) -> Standing:
    """Whose the lane is, and the agent chosen on it."""
    if lane.standing is None:
        lane.standing = await store.standing(LaneScope(lane_id=lane.id))
    return lane.standing


async def agent_of(store: Store, lane: Lane, channel: Channel, inbound: Inbound) -> str:
    """Who answers: whom the message names, or its lane's people have chosen, or the channel's.

    A button is answered to whoever offered it.
    """
    if inbound.agent or len(channel.agents) < 2:
        return inbound.agent or channel.agent
    asked = await _who_asked(store, lane, inbound.press) if inbound.press else ""
    if asked in channel.agents:
        return asked
    chosen = (await standing(store, lane)).agent
    return chosen if chosen in channel.agents else channel.agent


async def _who_asked(store: Store, lane: Lane, press: Press) -> str:
    found = await store.question(LaneScope(lane_id=lane.id), press.question_id)
    if found is None:
        return ""
    session = await store.session(SessionScope(session_id=found[0].session_id))
    return session.agent if session else ""


async def recall(
    store: Store, lane: Lane, agent: str, limit: int, tokens: int = 0
) -> Memory | None:
    """The lane's session with ``agent``, from memory or from the store; None before the first.

    ``limit`` and ``tokens`` are the configured ones of the history; 0: none.
    """
    memory = lane.memory.get(agent)
    if memory is not None:
        return memory
    while True:
        changes = lane.changes
        memory = await _read(store, lane, agent, limit, tokens)
        if memory is None:
            await standing(store, lane)
            return None
        # Else somebody edited or deleted what was said, or changed the session, meanwhile.
        if lane.changes == changes:
            lane.memory[agent] = memory
            return memory


async def _read(store: Store, lane: Lane, agent: str, limit: int, tokens: int) -> Memory | None:
    session = await store.current_session(LaneScope(lane_id=lane.id), agent)
    if session is None:
        return None
    scope = SessionScope(session_id=session.id)
    window = await store.window(scope, limit or -1) if session.last_number else ()
    memory = _memory(session, window, limit)
    if session.last_number:
        memory.questions.extend(await store.open_questions(scope))
    if tokens or (limit and session.last_number > limit):
        memory.summary = await store.summary(scope)
    return memory


def keep(lane: Lane, agent: str, effects: Effects, limit: int) -> None:
    """Let the lane remember what a commit changed, so that its next turn need not read it."""
    if effects.agent and lane.standing is not None:
        lane.standing = replace(lane.standing, agent=effects.agent)
    memory = lane.memory.get(agent)
    for session in (*effects.sessions, *effects.new_sessions):
        if session.ended_at is not None:
            lane.memory.pop(agent, None)
            memory = None
        elif session in effects.new_sessions:
            memory = lane.memory[agent] = _memory(session, (), limit)
        elif memory is None or memory.session.id != session.id:
            # One that is resumed: the next turn reads it.
            lane.memory.pop(agent, None)
            memory = None
        else:
            memory.session = _as_known(session, memory.session, effects)
    if memory is None:
        return
    memory.window.extend(e.message for e in effects.entries if e.message.in_context)
    if effects.question_ends:
        ended = {end.question_id for end in effects.question_ends}
        memory.questions = [q for q in memory.questions if q.id not in ended]
    memory.questions.extend(effects.questions)


def _as_known(session: Session, known: Session, effects: Effects) -> Session:
    """The session as a turn left it, with what only its name or overrides were changed to
    meanwhile: the store has kept these."""
    name = session.name if effects.renamed else known.name
    overrides = session.overrides if effects.overridden else known.overrides
    if name == session.name and overrides == session.overrides:
        return session
    version = max(session.version, known.version + 1)
    return replace(session, name=name, overrides=overrides, version=version)


def up_to_date(lane: Lane, agent: str, seen: Seen) -> Seen:
    """The same, with what its session may have been given meanwhile: a name, what it turned on."""
    memory = lane.memory.get(agent)
    if memory is None or memory.session.id != seen.session.id:
        return seen
    known, session = memory.session, seen.session
    if known.name == session.name and known.overrides == session.overrides:
        return seen
    version = max(session.version, known.version)
    session = replace(session, name=known.name, version=version, overrides=known.overrides)
    return replace(seen, session=session)


def see(lane: Lane, channel: Channel, agent: str, memory: Memory | None, now: float) -> Seen:
    """What the lane's current rows amount to: one turn, in this session or in a first one."""
    if lane.hold is None:
        raise RuntimeError(f"lane {lane.id} has a turn without a hold")
    head = lane.current[0]
    inbound = head.inbound if len(lane.current) == 1 else _folded(lane.current)
    return Seen(
        turn_id=new_id(),
        task_id=head.task_id,
        row_id=head.id,
        folded=tuple(row.id for row in lane.current[1:]),
        hold=lane.hold,
        channel=channel.name,
        inbound=inbound,
        session=memory.session if memory else _first_session(lane, head, agent, now),
        now=now,
        said_at=head.accepted_at,
        way=channel,
        transcript=channel.transcript,
        stored=memory is not None,
        open_questions=tuple(memory.questions) if memory else (),
        preview=head.preview,
        origin=head.origin,
    )


def _folded(rows: tuple[Waiting, ...]) -> Inbound:
    """Several rows as one message: the parts of an album, each as its last edit left it."""
    parts = {row.inbound.message_id: row.inbound for row in rows if not _is_control(row)}
    for row in rows:
        edited = row.inbound
        if _is_control(row) and edited.message_id in parts:
            parts[edited.message_id] = replace(
                parts[edited.message_id], text=edited.text, attachments=edited.attachments
            )
    texts = dict.fromkeys(part.text for part in parts.values() if part.text)
    files = tuple(file for part in parts.values() for file in part.attachments)
    return replace(rows[0].inbound, text="\n".join(texts), attachments=files)


def _is_control(row: Waiting) -> bool:
    return row.inbound.action in CONTROL_ACTIONS


def afresh(seen: Seen, text: str, *, preface: str = "") -> Seen:
    """The same turn in a new session, with ``text`` as its first message; people are told why."""
    session = replace(
        seen.session,
        id=new_id(),
        name="",
        message_count=0,
        last_number=0,
        version=0,
        variables={},
        overrides={},
        created_at=seen.now,
        last_activity=seen.now,
    )
    return replace(
        seen,
        session=session,
        closes=seen.session if seen.stored else None,
        stored=False,
        inbound=replace(seen.inbound, text=text),
        preface=preface,
    )


async def said_before(store: Store, seen: Seen) -> Sequence[Message]:
    """What this turn had already committed when a crash or an error cut it off, oldest first."""
    if not seen.stored:
        return ()
    scope = SessionScope(session_id=seen.session.id)
    messages = await store.task_messages(scope, seen.task_id)
    return [message for message in messages if message.row_id == seen.row_id]


def resumed(seen: Seen, said: Iterable[Message]) -> Seen:
    """A turn that goes on after what it had committed."""
    for message in said:
        if message.role is Role.USER:
            files = message.attachments
            inbound = replace(seen.inbound, text=message.text, attachments=files)
            return replace(seen, noted=True, inbound=inbound)
    return replace(seen, noted=True)


def history(memory: Memory | None, row_id: str, tokens: int = 0) -> tuple[Message, ...]:
    """The window, without what the row itself says now; no longer than so many tokens (0: any
    number), but with the newest message at least."""
    if memory is None:
        return ()
    newest = newest_within(memory.window, tokens) if tokens else memory.window
    # What a row has said already is the newest of all: nothing else was said on its lane since.
    if newest and newest[-1].row_id == row_id:
        return tuple(m for m in newest if m.row_id != row_id or m.role is not Role.USER)
    return tuple(newest)


def variables(seen: Seen) -> dict[str, Any]:
    """A copy of the session's variables for one turn, with the seeded ones filled in."""
    session = seen.session
    own: dict[str, Any] = orjson.loads(orjson.dumps(session.variables)) if session.variables else {}
    visit = session.last_activity if session.message_count else None
    own["current_user_id"] = seen.inbound.participant.id
    own["current_session_id"] = session.id
    own["message_count"] = session.message_count
    own["last_visit"] = visit and datetime.fromtimestamp(visit, UTC).isoformat()
    return own


def own_variables(after: Mapping[str, Any]) -> dict[str, Any]:
    """What of a turn's variables is the session's own, to be stored."""
    return {key: value for key, value in after.items() if key not in SEEDED}


Read = Callable[[Attachment], Awaitable[bytes]]


def reader(read: Read, said: Inbound, messages: Iterable[Message]) -> Read:
    """Reads the files of these messages and no others."""

    async def only(attachment: Attachment) -> bytes:
        seen = (*said.attachments, *(file for m in messages for file in m.attachments))
        if not attachment.id or all(attachment.id != file.id for file in seen):
            raise LookupError(f"{attachment.name!r} is not a file of this turn")
        return await read(attachment)

    return only


def build(
    seen: Seen,
    row: Waiting,
    agent: str,
    memory: Memory | None,
    messages: tuple[Message, ...],
    published: tuple[str, ...],
    read: Read,
    belongings: Mapping[str, Any],
) -> Turn:
    """The turn as the agent gets it; ``belongings`` are its fields for what outlives a session."""
    return Turn(
        id=seen.turn_id,
        task_id=seen.task_id,
        channel=seen.channel,
        agent=agent,
        text=seen.answer.text if seen.answer else seen.inbound.text,
        session=seen.session,
        participant=seen.inbound.participant,
        conversation=seen.inbound.conversation,
        messages=messages,
        answer=seen.answer,
        variables=variables(seen),
        published=published,
        shared=row.boundary.shared,
        attempt=max(row.attempts, 1),
        attachments=seen.inbound.attachments,
        quote=seen.inbound.quote,
        read=read,
        summary=memory.summary if memory and _has_left_out(messages) else Summary(),
        **belongings,
    )


def _has_left_out(messages: Sequence[Message]) -> bool:
    return bool(messages) and messages[0].number > 1


def _memory(session: Session, window: Iterable[Message], limit: int) -> Memory:
    return Memory(session=session, window=deque(window, maxlen=limit or None))


def _first_session(lane: Lane, row: Waiting, agent: str, now: float) -> Session:
    return Session(
        id=new_id(),
        lane_id=lane.id,
        channel=row.channel,
        agent=agent,
        # As it was called when the lane was founded: a group or a person may have moved since.
        owner=lane.standing.owner if lane.standing else row.boundary.owner,
        conversation=row.inbound.conversation,
        created_at=now,
        last_activity=now,
    )
