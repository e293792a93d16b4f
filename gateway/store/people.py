"""What there is of one person: their own sessions, and what they said in shared ones.

Each read takes one small piece, so that no turn waits for a long history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    union,
)

from gateway.belongings import Found
from gateway.boundary import members_keys
from gateway.domain import DeliveryState, Message, Quote, Role, Session, Summary
from gateway.ports.records import OwnerScope, PersonScope, SessionScope
from gateway.store import inbox, messages, sessions, tables
from gateway.store.scope import scoped
from gateway.store.tables import lanes
from gateway.store.tables import sessions as rows
from gateway.store.text import clean, loads

READ_AT_ONCE = 1000
"""Messages that one read looks through."""

_SHARED = "conversation:"
_A_PHRASE = 6


@scoped(PersonScope)
def own_sessions(connection: Connection, scope: PersonScope) -> list[Session]:
    """The owner's, with each agent, the oldest first."""
    if not scope.owner:
        return []
    query = select(rows).where(*_whose(rows, scope)).order_by(rows.c.created_at, rows.c.id)
    return [sessions.read(row) for row in connection.execute(query)]


@scoped(PersonScope)
def own_lanes(connection: Connection, scope: PersonScope) -> list[str]:
    """The owner's lanes, and those on which a session of the owner stands."""
    if not scope.owner:
        return []
    found = union(
        select(lanes.c.id).where(*_whose(lanes, scope)),
        select(rows.c.lane_id).where(*_whose(rows, scope)),
    )
    return sorted(connection.execute(found).scalars())


@scoped(PersonScope)
def own_scopes(connection: Connection, scope: PersonScope) -> list[OwnerScope]:
    """Of each agent with which the owner has data, facts or items."""
    if not scope.owner:
        return []
    kept = (tables.data_rows, tables.facts, tables.items)
    found = union(
        *(select(table.c.owner, table.c.agent).where(*_whose(table, scope)) for table in kept)
    )
    places = sorted(tuple(row) for row in connection.execute(found))
    return [OwnerScope(channel=scope.channel, agent=a, owner=owner) for owner, a in places]


@scoped(PersonScope)
def shared_sessions(connection: Connection, scope: PersonScope) -> list[Session]:
    """The sessions in which the senders may have said something beside others, by their ids: also
    where each member of a group has one of their own."""
    if not scope.senders:
        return []
    anywhere = or_(_is_shared(connection), rows.c.lane_id.in_(_within_groups(scope)))
    place = rows.c.lane_id == scope.lane_id if scope.lane_id else anywhere
    query = select(rows).where(rows.c.channel == scope.channel, place)
    if scope.owner:
        query = query.where(~_whose(rows, scope)[1])
    return [sessions.read(row) for row in connection.execute(query.order_by(rows.c.id))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """A row that is not over, of one of the senders, on a shared lane."""

    id: str
    lane_id: str
    state: str
    files: tuple[str, ...] = ()


@scoped(PersonScope)
def open_rows(connection: Connection, scope: PersonScope) -> list[Open]:
    """What the senders wrote on shared lanes and no turn has ended yet."""
    if not scope.senders:
        return []
    anywhere = or_(lanes.c.shared == 1, lanes.c.id.in_(_within_groups(scope)))
    place = lanes.c.id == scope.lane_id if scope.lane_id else anywhere
    events = tables.inbox.c
    query = (
        select(events.id, events.lane_id, events.state, events.inbound)
        .join(lanes, lanes.c.id == events.lane_id)
        .where(inbox.OPEN, events.channel == scope.channel, place)
        .order_by(events.id)
    )
    if scope.owner:
        query = query.where(~_whose(lanes, scope)[1])
    read = ((row, _event(row.inbound)) for row in connection.execute(query))
    return [
        Open(id=row.id, lane_id=row.lane_id, state=row.state, files=tuple(_files_of(event)))
        for row, event in read
        if _sender(event) in scope.senders
    ]


@dataclass(slots=True)
class Said:
    """What goes from one shared session with its senders: numbers by task, with texts and names.

    What was answered goes with the task that it was said for. ``quotes`` are what others repeated.
    """

    tasks: dict[str, list[Message]] = field(default_factory=dict)
    quotes: list[tuple[int, Quote]] = field(default_factory=list)
    upto: int = 0

    def __bool__(self) -> bool:
        return bool(self.tasks)

    def take(self, senders: Sequence[str], page: Sequence[Message]) -> None:
        """Look through the next messages, in their order."""
        for message in page:
            mine = message.role is Role.USER and message.sender_id in senders
            task = message.task_id or f"\0{message.number}"
            if mine or (message.role is not Role.USER and task in self.tasks):
                self.tasks.setdefault(task, []).append(message)
            elif message.quote is not None:
                self.quotes.append((message.number, message.quote))
            self.upto = message.number

    def everything(self) -> list[Message]:
        """All that goes."""
        return [message for task in self.tasks.values() for message in task]

    def batches(self, size: int) -> Iterator[list[Message]]:
        """All that goes, about so many at a time: what was said for one task goes at once, since
        without its question nobody would know whom an answer was for."""
        batch: list[Message] = []
        for task in self.tasks.values():
            batch += task
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch

    def counts(self, summary: Summary) -> dict[str, int]:
        """How much that is, by ``Traces``' names."""
        gone = self.everything()
        files = {attachment.id for message in gone for attachment in message.attachments}
        first = min((message.number for message in gone), default=0)
        return {
            "messages": len(gone),
            "files": len(files - {""}),
            "summaries": int(0 < first <= summary.upto),
        }

    def repeated(self) -> list[int]:
        """The numbers of what others said with a quote of any of it."""
        gone = self.everything()
        names = {message.sender for message in gone if message.sender}
        theirs = _Texts(message.text for message in gone if message.role is Role.USER)
        answers = _Texts(message.text for message in gone if message.role is not Role.USER)
        return [
            number
            for number, quote in self.quotes
            if quote.sender in names or (answers if quote.from_agent else theirs).have(quote)
        ]


@scoped(PersonScope)
def page_of(
    connection: Connection, scope: PersonScope, session: Session, after: int
) -> list[Message]:
    """The next messages of a shared session, oldest first; no more than are read at once."""
    mine = session.lane_id == scope.lane_id if scope.lane_id else True
    if session.channel != scope.channel or not mine:
        raise LookupError(f"session {session.id} is not where these people speak")
    one = SessionScope(session_id=session.id)
    return messages.onward(connection, one, after, READ_AT_ONCE)


def written(session: Session, senders: Sequence[str], page: Sequence[Message]) -> Iterator[Found]:
    """What the senders wrote among these messages."""
    for message in page:
        if message.role is Role.USER and message.sender_id in senders:
            yield Found(session=session, message=message)


@scoped(PersonScope)
def count(connection: Connection, scope: PersonScope, session_id: str) -> dict[str, int]:
    """How much there is in one session of the owner."""
    mine = select(rows.c.id).where(rows.c.id == session_id, *_whose(rows, scope))
    if not scope.owner or connection.execute(mine).first() is None:
        return {}
    said = tables.summaries.c.text != ""
    return {
        "sessions": 1,
        "messages": _number(connection, tables.messages.c.session_id == session_id),
        "summaries": _number(connection, tables.summaries.c.session_id == session_id, said),
        "files": _number(connection, tables.files.c.session_id == session_id),
    }


@scoped(PersonScope)
def count_lane(connection: Connection, scope: PersonScope, lane_id: str) -> dict[str, int]:
    """How many events wait or failed on one lane of the owner, and what was sent from it."""
    events, sent = tables.inbox.c, tables.deliveries.c
    # Spelled out, so that the index on the state is sought for each.
    states = sent.state.in_([state.value for state in DeliveryState])
    return {
        "events": _number(
            connection, events.lane_id == lane_id, inbox.OPEN, events.state != "claimed"
        ),
        "deliveries": _number(connection, states, sent.lane_id == lane_id),
    }


@scoped(PersonScope)
def count_kept(connection: Connection, scope: PersonScope) -> dict[str, int]:
    """How many rows of data, facts and items the owner has."""
    kept = {"data": tables.data_rows, "facts": tables.facts, "items": tables.items}
    return {name: _number(connection, *_whose(table, scope)) for name, table in kept.items()}


def _number(connection: Connection, *which: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(*which)).scalar_one()


def owners(connection: Connection, scope: PersonScope) -> list[str]:
    """Under which names the owner has anything: their own, and those within groups."""
    return sorted(row.owner for row in connection.execute(_owners(scope)))


def _whose(table: Any, scope: PersonScope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That it is the owner's; where no lane is named, also where they are alone within groups."""
    return table.c.channel == scope.channel, table.c.owner.in_(_owners(scope))


def _owners(scope: PersonScope) -> Select[Any] | CompoundSelect[Any]:
    own = select(literal(clean(scope.owner)).label("owner"))
    if scope.lane_id or not scope.senders:
        return own
    return union(own, select(lanes.c.owner).where(lanes.c.id.in_(_within_groups(scope))))


def _is_shared(connection: Connection) -> ColumnElement[bool]:
    """That a conversation owns the session; in SQLite a range of the index on owners."""
    if connection.dialect.name == "postgresql":
        return rows.c.owner.startswith(_SHARED)
    # What follows the colon is the semicolon.
    return and_(rows.c.owner >= _SHARED, rows.c.owner < f"{_SHARED[:-1]};")


def _within_groups(scope: PersonScope) -> Select[tuple[str]]:
    """The lanes that are the senders' own within groups."""
    key, start = tables.lane_keys.c.key, members_keys(scope.channel)
    ends = (f"/{quote(sender, safe='')}" for sender in scope.senders)
    mine = or_(*(key.endswith(end, autoescape=True) for end in ends))
    # What follows the slash is the zero.
    return select(tables.lane_keys.c.lane_id).where(key >= start, key < f"{start[:-1]}0", mine)


def _event(inbound: bytes | None) -> dict[str, Any]:
    try:
        event = loads(inbound or b"{}")
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _sender(event: dict[str, Any]) -> str:
    return str((event.get("participant") or {}).get("id", ""))


def _files_of(event: dict[str, Any]) -> Iterator[str]:
    for attachment in event.get("attachments") or ():
        if attachment.get("id"):
            yield str(attachment["id"])


class _Texts:
    """Texts in which quotes are looked for, whatever their case and their white space."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._whole = {_bare(text) for text in texts}
        self._joined = "\n".join(self._whole)

    def have(self, quote: Quote) -> bool:
        """Whether one of them is quoted; a word or two, which may be a part of any, as a whole."""
        quoted = _bare(quote.text).removesuffix("…").rstrip()
        return quoted in self._whole or (len(quoted) >= _A_PHRASE and quoted in self._joined)


def _bare(text: str) -> str:
    return " ".join(text.split()).casefold()
