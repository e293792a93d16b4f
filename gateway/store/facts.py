"""What agents remember of their owners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Select, literal_column, or_, select, tuple_

from gateway.belongings import Fact
from gateway.ports.records import AgentScope, OwnerScope
from gateway.store import sql
from gateway.store.places import AT, Place, at, of, place
from gateway.store.scope import scoped
from gateway.store.tables import facts
from gateway.store.text import clean
from gateway.store.words import folded, has_all

READ_AT_ONCE = 500

_FACT = (facts.c.id, facts.c.text, facts.c.created_at, facts.c.session_id)

_insert = sql.insert(facts)
_make_way = sql.Prepared(
    sqlalchemy.delete(facts).where(
        *at(facts), or_(facts.c.id == sql.value("id"), facts.c.text == sql.value("text"))
    ),
    f"{AT} id text",
)
_drop = sql.Prepared(
    sqlalchemy.delete(facts).where(*at(facts), facts.c.id == sql.value("id")), f"{AT} id"
)


@scoped(OwnerScope, AgentScope)
def having(
    connection: Connection, scope: OwnerScope | AgentScope, words: Sequence[str], limit: int
) -> list[Fact]:
    """Facts that have all of the words, newest first."""
    wanted = folded(words)
    found: list[Fact] = []
    last: tuple[float, str] = (sql.FOREVER, "")
    while len(found) < limit:
        page = _page(connection, place(scope), last)
        found += [_fact(row) for row in page if has_all(wanted, row.text)]
        if len(page) < READ_AT_ONCE:
            break
        last = page[-1].created_at, page[-1].id
    return found[: max(limit, 0)]


def _page(connection: Connection, where: Place, last: tuple[float, str]) -> Sequence[Any]:
    moment = (facts.c.created_at, facts.c.id)
    query = (
        select(*_FACT)
        .where(*_here(where), tuple_(*moment) < last)
        .order_by(*(column.desc() for column in moment))
        .limit(READ_AT_ONCE)
    )
    return connection.execute(query).all()


def put(connection: Connection, where: Place, items: Iterable[Fact]) -> None:
    """Remember these; one of the same text gives way."""
    for fact in items:
        text = clean(fact.text)
        _make_way.run(connection, *where, fact.id, text)
        _insert.run(connection, *where, fact.id, text, fact.created_at, fact.session_id)


def drop(connection: Connection, where: Place, ids: Iterable[str]) -> None:
    """Forget those of these that are there."""
    _drop.many(connection, [(*where, fact_id) for fact_id in ids])


def inherit(connection: Connection, channel: str, owner: str, heir: str) -> None:
    """What one owner had is another's from now on, where that one knows it not already."""
    mine = of(facts, channel, owner)
    theirs = facts.alias()
    known: Select[Any] = select(literal_column("1")).where(
        *(theirs.c.channel == channel, theirs.c.owner == heir, theirs.c.agent == facts.c.agent),
        or_(theirs.c.text == facts.c.text, theirs.c.id == facts.c.id),
    )
    connection.execute(sqlalchemy.delete(facts).where(*mine, known.exists()))
    connection.execute(sqlalchemy.update(facts).where(*mine).values(owner=heir))


def delete_of_owner(connection: Connection, channel: str, owner: str) -> int:
    """Forget what is known of the owner, by every agent; how many facts that were."""
    query = sqlalchemy.delete(facts).where(*of(facts, channel, owner))
    return connection.execute(query).rowcount


def _here(where: Place) -> tuple[Any, ...]:
    return tuple(facts.c[name] == value for name, value in where._asdict().items())


def _fact(row: Any) -> Fact:
    fact_id, text, created_at, session_id = row
    return Fact(id=fact_id, text=text, created_at=created_at, session_id=session_id)
