"""What a turn saw and what was said in it, made into one frozen set of effects. Pure.

A turn's story: it may publish early (``publish``), and then ends in exactly one way: ``answer``,
``command``, ``notice`` (refused, failed, cancelled, late) or ``retry``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway import questions
from gateway.commands import Decision
from gateway.domain import (
    JSON,
    Attachment,
    Delivery,
    Message,
    Outcome,
    Question,
    Role,
    Session,
    Task,
    TaskState,
    new_id,
)
from gateway.ports.adapter import Part
from gateway.ports.agent import Ask
from gateway.ports.records import (
    Effects,
    Entry,
    QuestionEnd,
    RowEnd,
    RowRetry,
)
from gateway.seen import Said, Seen, overridden

ANONYMOUS_LIFE = 7 * 86400.0
"""Seconds without activity after which an anonymous session expires."""


def publish(seen: Seen, text: str) -> tuple[Effects, Seen]:
    """Speak before the turn ends; what the turn sees afterwards."""
    entries = _opening(seen)
    entries.append(_message(seen, entries, Role.ASSISTANT, text))
    session = _moved(seen, entries)
    effects = Effects(
        turn_id=new_id(),
        hold=seen.hold,
        question_ends=questions.ends(
            seen.open_questions, seen.answer, None, closing=bool(seen.closes), now=seen.now
        )
        if seen.closes
        else (),
        deliveries=_deliveries(replace(seen, preview=""), _prefaced(seen, text)),
        **_kept(seen, session, entries),
    )
    still_open = () if seen.closes else seen.open_questions
    return effects, replace(
        seen,
        session=session,
        stored=True,
        noted=True,
        closes=None,
        open_questions=still_open,
        preface="",
    )


def answer(seen: Seen, said: Said, next_rows: tuple[str, ...]) -> tuple[Effects, Session]:
    """The agent ran to its end."""
    entries = _opening(seen)
    deliveries: tuple[Delivery, ...] = ()
    something = bool(said.text.strip() or said.attachments)
    if something:
        text = said.text if said.text.strip() else ""
        answered = _message(seen, entries, Role.ASSISTANT, text)
        entries.append(replace(answered, attachments=said.attachments))
        spoken = _prefaced(seen, text)
        deliveries = _deliveries(seen, spoken, attachments=said.attachments)
    asked = _ask(seen, said.ask) if said.ask else None
    if asked:
        entries.append(_message(seen, entries, Role.ASSISTANT, asked.text, question_id=asked.id))
        text = asked.text if something else _prefaced(seen, asked.text)
        deliveries += _deliveries(seen, text, question=asked, after=len(deliveries))
    if not (something or asked):
        deliveries = _deliveries(seen, seen.preface, markdown=False)
    session = _moved(seen, entries, variables=said.variables)
    if said.overrides:
        session = replace(session, overrides=overridden(session.overrides, said.overrides))
    spoke = something or said.published or asked is not None
    state = TaskState.INPUT_REQUIRED if asked else TaskState.COMPLETED
    effects = Effects(
        turn_id=seen.turn_id,
        rows=_ends(seen, Outcome.ANSWERED if spoke else Outcome.SILENT),
        tasks=(_task(seen, state, said.steps),),
        questions=(asked,) if asked else (),
        question_ends=questions.ends(
            seen.open_questions, seen.answer, asked, closing=bool(seen.closes), now=seen.now
        ),
        deliveries=deliveries,
        overridden=bool(said.overrides),
        keepings=said.keepings,
        **_then(seen, next_rows),
        **_kept(seen, session, entries),
    )
    return effects, session


def command(seen: Seen, decision: Decision, next_rows: tuple[str, ...]) -> Effects:
    """A command was given; neither it nor its answer enters what agents see."""
    if decision.erased:
        seen = _without_past(seen, decision.remains)
    entries: list[Message] = []
    if seen.transcript:
        entries = _said_by_user(seen, in_context=False)
        told = _message(seen, entries, Role.SYSTEM, decision.say, in_context=False)
        entries.append(replace(told, attachments=decision.attachments))
    session = _moved(seen, entries)
    if decision.rename is not None:
        session = replace(session, name=decision.rename)
    if decision.end_session:
        session = replace(session, ended_at=seen.now)
    changed: tuple[Session, ...] = (session,) if seen.stored else ()
    if decision.resume is not None:
        changed += (_resumed(decision.resume, seen.now),)
    cancelled = seen.open_questions if decision.end_session else ()
    return Effects(
        turn_id=seen.turn_id,
        rows=_ends(seen, Outcome.ANSWERED),
        tasks=(_task(seen, TaskState.COMPLETED),) if seen.stored else (),
        sessions=changed,
        entries=_entries(seen, entries) if seen.stored else (),
        question_ends=tuple(QuestionEnd(question_id=q.id, state="cancelled") for q in cancelled),
        deliveries=_told(seen, decision),
        renamed=decision.rename is not None,
        agent=decision.agent,
        **_then(seen, next_rows),
    )


def _told(seen: Seen, decision: Decision) -> tuple[Delivery, ...]:
    """What a command says, here or in private."""
    said, files = decision.say, decision.attachments
    if decision.private is None:
        return _deliveries(seen, said, attachments=files, markdown=False)
    here = _deliveries(seen, decision.aside, markdown=False)
    inbound = replace(seen.inbound, address=decision.private)
    there = replace(seen, inbound=inbound, preview="", start_first=False)
    return here + _deliveries(there, said, attachments=files, after=len(here), markdown=False)


def _without_past(seen: Seen, remains: Session | None) -> Seen:
    """The same turn, whose command is nobody's words any more."""
    session = remains or seen.session
    stored = remains is not None
    return replace(seen, session=session, stored=stored, noted=True, open_questions=())


def _resumed(session: Session, now: float) -> Session:
    return replace(session, ended_at=None, last_activity=now, version=session.version + 1)


def notice(
    seen: Seen,
    text: str,
    outcome: Outcome,
    next_rows: tuple[str, ...],
    *,
    dead: bool = False,
    stop: RowEnd | None = None,
    partial: str = "",
) -> tuple[Effects, Session]:
    """The turn ends without an answer, and the person is told why; ``stop`` is the row that did it.

    A cancelled turn's message stays in the history, with ``partial``, what had been said until
    then; a failed or refused one's does not. Without a ``text`` it is as if nothing had been said:
    its author deleted the message.
    """
    keep = outcome is Outcome.CANCELLED and bool(text)
    entries = _opening(seen) if keep else []
    if seen.transcript and text and not keep:
        entries = _said_by_user(seen, in_context=False)
    deliveries: tuple[Delivery, ...] = ()
    if partial:
        entries.append(_message(seen, entries, Role.ASSISTANT, partial))
        deliveries = _deliveries(seen, _prefaced(seen, partial))
        seen = replace(seen, preview="")
    if seen.transcript and text:
        entries.append(_message(seen, entries, Role.SYSTEM, text, in_context=False))
    elif keep and seen.preface and not partial:
        text = f"{seen.preface}\n\n{text}"
    session = _moved(seen, entries)
    state = {Outcome.CANCELLED: TaskState.CANCELED, Outcome.REFUSED: TaskState.REJECTED}
    remember = seen.stored or bool(entries)
    ends = _ends(seen, outcome) + ((stop,) if stop else ())
    effects = Effects(
        turn_id=seen.turn_id,
        rows=ends[1:] if dead else ends,
        question_ends=questions.ends(
            seen.open_questions, seen.answer, None, closing=bool(seen.closes), now=seen.now
        )
        if seen.closes and remember
        else (),
        dead=ends[:1] if dead else (),
        tasks=(_task(seen, state.get(outcome, TaskState.FAILED)),) if remember else (),
        deliveries=deliveries + _deliveries(seen, text, after=len(deliveries), markdown=False),
        **_then(seen, next_rows),
        **(_kept(seen, session, entries) if remember else {}),
    )
    return effects, session


def retry(seen: Seen, *, not_before: float, refund: bool, tell: str = "") -> Effects:
    """The turn is tried again later; ``tell`` says so to the person."""
    rows = (seen.row_id, *seen.folded)
    return Effects(
        turn_id=seen.turn_id,
        hold=seen.hold,
        retries=tuple(RowRetry(row_id=r, not_before=not_before, refund=refund) for r in rows),
        deliveries=_deliveries(replace(seen, preview=""), tell, markdown=False) if tell else (),
        release=True,
    )


def excuse(seen: Seen, text: str) -> Effects:
    """Tell the person something while the turn goes on."""
    apart = replace(seen, preview="", start_first=False)
    deliveries = _deliveries(apart, text, markdown=False)
    return Effects(turn_id=new_id(), hold=seen.hold, deliveries=deliveries)


def _opening(seen: Seen) -> list[Message]:
    """What this turn's messages begin with."""
    entries = _said_by_user(seen)
    if seen.transcript and seen.preface:
        entries.append(_message(seen, entries, Role.SYSTEM, seen.preface, in_context=False))
    return entries


def _prefaced(seen: Seen, text: str) -> str:
    """The same with what people are told before it; it is not the agent's, and not remembered."""
    return f"*{seen.preface}*\n\n{text}" if seen.preface else text


def _said_by_user(seen: Seen, *, in_context: bool = True) -> list[Message]:
    if seen.noted:
        return []
    text = seen.answer.text if seen.answer else seen.inbound.text
    who = seen.inbound.participant
    return [
        Message(
            number=seen.session.last_number + 1,
            role=Role.USER,
            text=text,
            created_at=seen.said_at,
            sender=who.name or who.id,
            sender_id=who.id,
            task_id=seen.task_id,
            row_id=seen.row_id,
            in_context=in_context,
            attachments=seen.inbound.attachments,
            quote=seen.inbound.quote,
            origin=seen.origin,
        )
    ]


def _message(
    seen: Seen,
    before: list[Message],
    role: Role,
    text: str,
    *,
    in_context: bool = True,
    question_id: str = "",
) -> Message:
    return Message(
        number=seen.session.last_number + len(before) + 1,
        role=role,
        text=text,
        created_at=seen.now,
        task_id=seen.task_id,
        row_id=seen.row_id,
        in_context=in_context,
        question_id=question_id,
    )


def _moved(seen: Seen, entries: list[Message], *, variables: JSON | None = None) -> Session:
    session = seen.session
    return replace(
        session,
        message_count=session.message_count + sum(entry.in_context for entry in entries),
        last_number=session.last_number + len(entries),
        version=session.version + 1,
        last_activity=seen.now,
        variables=session.variables if variables is None else variables,
        expires_at=session.expires_at and seen.now + ANONYMOUS_LIFE,
    )


def _kept(seen: Seen, session: Session, entries: list[Message]) -> dict[str, Any]:
    if seen.stored:
        return {"sessions": (session,), "entries": _entries(seen, entries)}
    closed = (replace(seen.closes, ended_at=seen.now),) if seen.closes else ()
    return {"new_sessions": (session,), "sessions": closed, "entries": _entries(seen, entries)}


def _entries(seen: Seen, entries: list[Message]) -> tuple[Entry, ...]:
    return tuple(Entry(session_id=seen.session.id, message=message) for message in entries)


def _then(seen: Seen, next_rows: tuple[str, ...]) -> dict[str, Any]:
    return {"hold": seen.hold, "claim_next": next_rows, "release": not next_rows}


def _ends(seen: Seen, outcome: Outcome) -> tuple[RowEnd, ...]:
    head = RowEnd(row_id=seen.row_id, outcome=outcome, task_id=seen.task_id)
    if not seen.folded:
        return (head,)
    rest = (RowEnd(row_id=r, outcome=Outcome.FOLDED, task_id=seen.task_id) for r in seen.folded)
    return (head, *rest)


def _task(seen: Seen, state: TaskState, steps: tuple[str, ...] = ()) -> Task:
    return Task(
        id=seen.task_id,
        session_id=seen.session.id,
        state=state,
        created_at=seen.now,
        updated_at=seen.now,
        steps=steps,
    )


def _deliveries(
    seen: Seen,
    text: str,
    *,
    question: Question | None = None,
    attachments: Iterable[Attachment] = (),
    after: int = 0,
    markdown: bool = True,
) -> tuple[Delivery, ...]:
    """``text`` in parts, then the files; the first becomes the preview, if there is one."""
    if seen.transcript or not (text or attachments):
        return ()
    text = seen.way.spell(text, question, seen.inbound.address)
    parts = seen.way.split(text, markdown=markdown) if text else ()
    items = [*((part, None) for part in parts), *_files(seen, attachments)]
    last = len(parts) - 1
    return tuple(
        Delivery(
            id=new_id(),
            channel=seen.channel,
            lane_id=seen.hold.lane_id,
            address=seen.inbound.address,
            text=part.text,
            format=part.format,
            attachment=attachment,
            turn_id=seen.turn_id,
            session_id=seen.session.id,
            question=question if number == last else None,
            started=seen.start_first and after + number == 0,
            created_at=seen.now,
            part=after + number,
            replaces=seen.preview if after + number == 0 and attachment is None else "",
        )
        for number, (part, attachment) in enumerate(items)
    )


def _files(
    seen: Seen, attachments: Iterable[Attachment]
) -> Iterable[tuple[Part, Attachment | None]]:
    """Each as itself, or in words where the channel cannot carry it."""
    for attachment in attachments:
        if seen.way.carries(attachment):
            yield Part(text=""), attachment
        else:
            words = f"[{attachment.name}, {attachment.size:,} bytes: it cannot be sent here]"
            for part in seen.way.split(words, markdown=False):
                yield part, None


def _ask(seen: Seen, ask: Ask) -> Question:
    return Question(
        id=new_id(),
        session_id=seen.session.id,
        task_id=seen.task_id,
        addressee=ask.addressee or seen.inbound.participant.id,
        kind=ask.kind,
        text=ask.text,
        options=questions.options(ask),
        created_at=seen.now,
        expires_at=seen.now + ask.expires_in if ask.expires_in else None,
    )
