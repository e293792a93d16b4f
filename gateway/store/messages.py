"""What was said in a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, literal_column, select

from gateway.domain import Attachment, Message, Quote, Role
from gateway.ports.records import Entry, SessionScope
from gateway.store import sql
from gateway.store.scope import scoped
from gateway.store.tables import messages
from gateway.store.text import clean, dumps, key, loads

_MESSAGE = [column for column in messages.c if column is not messages.c.session_id]
_IN_SESSION = messages.c.session_id == sql.value("session_id")

_insert = sql.insert(messages)
_window = sql.Prepared(
    select(*_MESSAGE)
    .where(_IN_SESSION, messages.c.in_context == literal_column("1"))
    .order_by(messages.c.number.desc())
    .limit(sql.value("limit")),
    "session_id limit",
)
_history = sql.Prepared(
    select(*_MESSAGE)
    .where(
        _IN_SESSION,
        messages.c.number > sql.value("after"),
        messages.c.number < sql.value("before"),
    )
    .order_by(messages.c.number.desc())
    .limit(sql.value("limit")),
    "session_id after before limit",
)
_onward = sql.Prepared(
    select(*_MESSAGE)
    .where(_IN_SESSION, messages.c.number > sql.value("after"))
    .order_by(messages.c.number)
    .limit(sql.value("limit")),
    "session_id after limit",
)
_of_task = sql.Prepared(
    select(*_MESSAGE)
    .where(_IN_SESSION, messages.c.task_id == sql.value("task_id"))
    .order_by(messages.c.number),
    "session_id task_id",
)

_texts = sql.Prepared(
    select(messages.c.number, messages.c.text)
    .where(
        _IN_SESSION,
        messages.c.number < sql.value("before"),
        messages.c.role.in_([sql.constant("user"), sql.constant("assistant")]),
    )
    .order_by(messages.c.number.desc())
    .limit(sql.value("limit")),
    "session_id before limit",
)
_numbered = sql.Prepared(
    select(*_MESSAGE).where(_IN_SESSION, messages.c.number == sql.value("number")),
    "session_id number",
)
_with_origin = sql.Prepared(
    lambda dialect: select(messages.c.session_id, *_MESSAGE).where(
        sql.among(messages.c.session_id, "session_ids", dialect),
        sql.among(messages.c.origin, "origins", dialect),
    ),
    "session_ids origins",
)
_edit = sql.update(messages, "text", "session_id number")
_empty = sql.update(messages, "text in_context extra", "session_id number")
_repack = sql.update(messages, "extra", "session_id number")

NO_NUMBER = 2**31 - 1
SEARCHED_AT_ONCE = 1000
_ROLES = {role.value: role for role in Role}
_NO_EXTRA: tuple[tuple[Attachment, ...], Quote | None] = ((), None)


def insert_all(connection: Connection, entries: Sequence[Entry]) -> None:
    """Store new messages; a number may be given once in a session."""
    _insert.many(connection, [_values(entry) for entry in entries])


def delete_of_session(connection: Connection, session_id: str) -> None:
    """Drop every message of a session."""
    connection.execute(delete(messages).where(messages.c.session_id == session_id))


@scoped(SessionScope)
def window(connection: Connection, scope: SessionScope, limit: int) -> list[Message]:
    """The newest messages that agents may see, oldest first; all for a negative limit."""
    rows = _window.all(connection, scope.session_id, limit if limit >= 0 else NO_NUMBER)
    return [_message(row) for row in reversed(rows)]


@scoped(SessionScope)
def history(
    connection: Connection, scope: SessionScope, before: int | None, after: int, limit: int
) -> list[Message]:
    """The newest messages between two numbers, both left out, oldest first."""
    end = NO_NUMBER if before is None else before
    rows = _history.all(connection, scope.session_id, after, end, limit)
    return [_message(row) for row in reversed(rows)]


@scoped(SessionScope)
def onward(connection: Connection, scope: SessionScope, after: int, limit: int) -> list[Message]:
    """The next messages above a number, oldest first."""
    return [_message(row) for row in _onward.all(connection, scope.session_id, after, limit)]


@scoped(SessionScope)
def of_task(connection: Connection, scope: SessionScope, task_id: str) -> list[Message]:
    """What was said for a task, oldest first."""
    return [_message(row) for row in _of_task.all(connection, scope.session_id, task_id)]


@scoped(SessionScope)
def search(connection: Connection, scope: SessionScope, text: str, limit: int) -> list[Message]:
    """What people and agents said with this text in it, whatever its case, newest first.

    Letters are compared here: neither dialect folds those of every script.
    """
    wanted = clean(text).casefold()
    numbers: list[int] = []
    before = NO_NUMBER
    while len(numbers) < limit:
        page = _texts.all(connection, scope.session_id, before, SEARCHED_AT_ONCE)
        numbers += [number for number, said in page if wanted in said.casefold()]
        if len(page) < SEARCHED_AT_ONCE:
            break
        before = page[-1][0]
    wanted_numbers = numbers[: max(limit, 0)]
    return [m for n in wanted_numbers for m in numbered(connection, scope.session_id, n)]


def numbered(connection: Connection, session_id: str, number: int) -> list[Message]:
    """The message of this number, if there is one."""
    return [_message(row) for row in _numbered.all(connection, session_id, number)]


def with_origins(
    connection: Connection, session_ids: Sequence[str], origins: Sequence[str]
) -> list[tuple[str, Message]]:
    """The messages of these sessions that stand there on their platform, each with its session."""
    if not origins:
        return []
    wanted = (sql.array(connection, session_ids), sql.array(connection, origins))
    return [(row[0], _message(row[1:])) for row in _with_origin.all(connection, *wanted)]


def edit(connection: Connection, session_id: str, number: int, text: str | None) -> None:
    """Replace a message's text; None leaves no more than that somebody wrote something."""
    if text is None:
        _empty.run(connection, "", 0, None, session_id, number)
    else:
        _edit.run(connection, clean(text), session_id, number)


def unquote(connection: Connection, session_id: str, numbers: Sequence[int]) -> None:
    """These messages repeat nothing that others said."""
    for number in numbers:
        row = _numbered.one(connection, session_id, number)
        if row is not None:
            said = replace(_message(row), quote=None)
            packed = _packed(said) if said.attachments else None
            _repack.run(connection, packed, session_id, number)


def delete_some(connection: Connection, session_id: str, numbers: Sequence[int]) -> int:
    """Drop these messages of a session; how many there were."""
    mine = (messages.c.session_id == session_id, messages.c.number.in_(numbers))
    return connection.execute(delete(messages).where(*mine)).rowcount


def mention(connection: Connection, session_id: str, file_id: str) -> bool:
    """Whether a message of the session has this file."""
    query = select(messages.c.number).where(
        messages.c.session_id == session_id, messages.c.extra.contains(file_id, autoescape=True)
    )
    return connection.execute(query.limit(1)).first() is not None


def _values(entry: Entry) -> sql.Values:
    said = entry.message
    return (
        entry.session_id,
        said.number,
        said.role.value,
        clean(said.text),
        said.created_at,
        clean(said.sender),
        clean(said.sender_id),
        said.task_id,
        said.row_id,
        1 if said.in_context else 0,
        said.question_id,
        key(said.origin),
        _packed(said) if said.attachments or said.quote else None,
    )


def _packed(said: Message) -> str:
    """What few messages have, as JSON."""
    extra: dict[str, Any] = {}
    if said.attachments:
        extra["attachments"] = said.attachments
    if said.quote:
        extra["quote"] = said.quote
    return dumps(extra)


def _message(row: Any) -> Message:
    (number, role, text, at, sender, sender_id, task_id, row_id, in_context, question_id) = row[:10]
    origin, packed = row[10:]
    extra = _NO_EXTRA if packed is None else _unpacked(packed)
    return Message(
        number=number,
        role=_ROLES[role],
        text=text,
        created_at=at,
        sender=sender,
        sender_id=sender_id,
        task_id=task_id,
        row_id=row_id,
        in_context=bool(in_context),
        question_id=question_id,
        attachments=extra[0],
        quote=extra[1],
        origin=origin,
    )


def _unpacked(text: str) -> tuple[tuple[Attachment, ...], Quote | None]:
    extra = loads(text)
    quote = extra.get("quote")
    attachments = tuple(Attachment(**values) for values in extra.get("attachments", ()))
    return attachments, None if quote is None else Quote(**quote)
