"""``gateway sessions list|show|export``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gateway.cli.output import (
    Record,
    local,
    moment,
    print_facts,
    print_json,
    print_line,
    print_table,
    printable,
)
from gateway.cli.reading import gateway_section, read
from gateway.cli.transcripts import WRITERS
from gateway.domain import Message, Session, Summary
from gateway.errors import GatewayError
from gateway.ports.records import OperatorScope, SessionQuery, SessionScope
from gateway.ports.store import Store

COLUMNS = ("id", "channel", "agent", "state", "owner", "messages", "last activity", "name")
PAGE = 500


def show_all(
    config: Path | None, channel: str, state: str, search: str, limit: int, *, as_json: bool
) -> None:
    """Print the sessions that match, the newest activity first."""
    query = SessionQuery(channel=channel, state=state, text=search, limit=limit)

    async def work(store: Store) -> Sequence[Session]:
        return await store.sessions(OperatorScope(why="gateway sessions list"), query)

    found = read(config, work)
    idle_after = gateway_section(config).idle_after
    if as_json:
        print_json([_record(session, idle_after) for session in found])
        return
    print_table(COLUMNS, [_row(session, idle_after) for session in found], empty="No sessions.")


def show(config: Path | None, session_id: str, limit: int, *, as_json: bool) -> None:
    """Print one session with its newest messages."""

    async def work(store: Store) -> tuple[Session, Summary, Sequence[Message]]:
        session = await _session(store, session_id)
        scope = SessionScope(session_id=session.id)
        return session, await store.summary(scope), await store.history(scope, limit=limit)

    session, summary, messages = read(config, work)
    idle_after = gateway_section(config).idle_after
    if as_json:
        record = {
            **_record(session, idle_after),
            "variables": dict(session.variables),
            "summary": {"text": summary.text, "topics": summary.topics, "upto": summary.upto},
        }
        print_json({**record, "messages": [_message(message) for message in messages]})
        return
    print_facts(_facts(session, idle_after))
    if summary:
        print(f"\nUp to message {summary.upto}, about {printable(', '.join(summary.topics))}:")
        print("\n".join(f"   {printable(line)}" for line in summary.text.splitlines()))
    for message in messages:
        who = message.sender or message.role.value
        print(f"\n{message.number}  {local(message.created_at)}  {printable(who)}")
        print("\n".join(f"   {printable(line)}" for line in message.text.splitlines()))


def export(config: Path | None, session_id: str, form: str) -> None:
    """Print every message of a session: as JSON Lines, Markdown or a page."""

    async def work(store: Store) -> None:
        session = await _session(store, session_id)
        writer = WRITERS.get(form)
        if writer is not None:
            print(writer.begin(session, await store.summary(SessionScope(session_id=session.id))))
        async for message in _messages(store, session):
            if writer is None:
                print_line(_message(message))
            else:
                print(writer.message(session, message))
        if writer is not None and writer.end:
            print(writer.end)

    read(config, work)


async def _session(store: Store, session_id: str) -> Session:
    session = await store.session(SessionScope(session_id=session_id))
    if session is None:
        raise GatewayError(f"there is no session {session_id}")
    return session


async def _messages(store: Store, session: Session) -> AsyncIterator[Message]:
    scope = SessionScope(session_id=session.id)
    for first in range(0, session.last_number, PAGE):
        page = await store.history(scope, after=first, before=first + PAGE + 1, limit=PAGE)
        for message in page:
            yield message


def _record(session: Session, idle_after: float) -> Record:
    place = session.conversation
    return {
        "id": session.id,
        "channel": session.channel,
        "agent": session.agent,
        "state": session.state(time.time(), idle_after),
        "name": session.name,
        "owner": session.owner,
        "conversation": {
            "kind": place.kind.value,
            "id": place.id,
            "parent_id": place.parent_id,
            "title": place.title,
        },
        "message_count": session.message_count,
        "created_at": moment(session.created_at),
        "last_activity": moment(session.last_activity),
        "ended_at": moment(session.ended_at),
        "expires_at": moment(session.expires_at),
    }


def _row(session: Session, idle_after: float) -> Sequence[str]:
    return (
        session.id,
        session.channel,
        session.agent,
        session.state(time.time(), idle_after),
        session.owner,
        str(session.message_count),
        local(session.last_activity),
        session.name,
    )


def _facts(session: Session, idle_after: float) -> dict[str, object]:
    place = session.conversation
    return {
        "session": session.id,
        "name": session.name or None,
        "state": session.state(time.time(), idle_after),
        "channel": session.channel,
        "agent": session.agent,
        "owner": session.owner,
        "conversation": " ".join(filter(None, (place.kind.value, place.id, place.title))),
        "messages": session.message_count,
        "created": local(session.created_at),
        "last activity": local(session.last_activity),
        "ended": local(session.ended_at) or None,
        "expires": local(session.expires_at) or None,
    }


def _message(message: Message) -> Record:
    return {
        "number": message.number,
        "role": message.role.value,
        "text": message.text,
        "sender": message.sender,
        "sender_id": message.sender_id,
        "task_id": message.task_id,
        "in_context": message.in_context,
        "created_at": moment(message.created_at),
    }
