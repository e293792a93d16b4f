"""``gateway sessions list|show|export``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from gateway.cli.output import (
    Record,
    local,
    print_facts,
    print_json,
    print_line,
    print_table,
    printable,
)
from gateway.cli.reading import gateway_section, read
from gateway.cli.transcripts import WRITERS
from gateway.domain import Message, Session
from gateway.errors import GatewayError
from gateway.inspection import Inspection
from gateway.inspection import message as as_record
from gateway.ports.records import SessionQuery, SessionScope
from gateway.ports.store import Store

COLUMNS = ("id", "channel", "agent", "state", "owner", "messages", "last activity", "name")
HITS = ("id", "number", "channel", "said", "by", "text")
PAGE = 500
T = TypeVar("T")


def show_all(config: Path | None, query: SessionQuery, *, as_json: bool) -> None:
    """Print the sessions that match, the newest activity first."""
    found = _inspect(config, lambda inspection: inspection.sessions(query))
    if as_json:
        print_json(found)
        return
    print_table(COLUMNS, [_row(record) for record in found], empty="No sessions.")


def search(config: Path | None, words: str, channel: str, limit: int, *, as_json: bool) -> None:
    """Print messages that have all of the words, of any session, the newest first."""
    found = _inspect(
        config, lambda inspection: inspection.search(words, channel=channel, limit=limit)
    )
    if as_json:
        print_json(found)
        return
    print_table(HITS, [_hit(record) for record in found], empty="No message has all of that.")


def show(config: Path | None, session_id: str, limit: int, *, as_json: bool) -> None:
    """Print one session with its newest messages."""
    idle_after = gateway_section(config).idle_after

    async def work(store: Store) -> tuple[Record, Sequence[Message]]:
        record = await Inspection(store=store, idle_after=idle_after).session(session_id)
        scope = SessionScope(session_id=record["id"])
        return record, await store.history(scope, limit=limit)

    record, messages = _found(lambda: read(config, work))
    if as_json:
        print_json({**record, "messages": [as_record(one) for one in messages]})
        return
    print_facts(_facts(record))
    summary = record["summary"]
    if summary["upto"]:
        about = printable(", ".join(summary["topics"]))
        print(f"\nUp to message {summary['upto']}, about {about}:")
        print("\n".join(f"   {printable(line)}" for line in summary["text"].splitlines()))
    for one in messages:
        who = one.sender or one.role.value
        print(f"\n{one.number}  {local(one.created_at)}  {printable(who)}")
        print("\n".join(f"   {printable(line)}" for line in one.text.splitlines()))


def export(config: Path | None, session_id: str, form: str) -> None:
    """Print every message of a session: as JSON Lines, Markdown or a page."""

    async def work(store: Store) -> None:
        session = await _session(store, session_id)
        writer = WRITERS.get(form)
        if writer is not None:
            print(writer.begin(session, await store.summary(SessionScope(session_id=session.id))))
        async for message in _messages(store, session):
            if writer is None:
                print_line(as_record(message))
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


def _inspect(config: Path | None, work: Callable[[Inspection], Awaitable[T]]) -> T:
    idle_after = gateway_section(config).idle_after
    return _found(
        lambda: read(config, lambda store: work(Inspection(store=store, idle_after=idle_after)))
    )


def _found(work: Callable[[], T]) -> T:
    try:
        return work()
    except LookupError as error:
        raise GatewayError(str(error.args[0])) from None


def _row(record: Record) -> Sequence[str]:
    return (
        record["id"],
        record["channel"],
        record["agent"],
        record["state"],
        record["owner"],
        str(record["message_count"]),
        _local(record["last_activity"]),
        record["name"],
    )


def _hit(record: Record) -> Sequence[str]:
    said = record["message"]
    return (
        record["session_id"],
        str(said["number"]),
        record["channel"],
        _local(said["created_at"]),
        said["sender"] or said["role"],
        " ".join(said["text"].split()),
    )


def _facts(record: Record) -> dict[str, object]:
    place = record["conversation"]
    overrides = record["overrides"]
    return {
        "session": record["id"],
        "name": record["name"] or None,
        "state": record["state"],
        "channel": record["channel"],
        "agent": record["agent"],
        "owner": record["owner"],
        "conversation": " ".join(filter(None, (place["kind"], place["id"], place["title"]))),
        "messages": record["message_count"],
        "turned on": ", ".join(f"{key}={value}" for key, value in overrides.items()) or None,
        "created": _local(record["created_at"]),
        "last activity": _local(record["last_activity"]),
        "ended": _local(record["ended_at"]) or None,
        "expires": _local(record["expires_at"]) or None,
    }


def _local(moment: str | None) -> str:
    return local(datetime.fromisoformat(moment).timestamp()) if moment else ""
