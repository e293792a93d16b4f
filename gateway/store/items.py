"""The Drive: what stands on the shelves of owners and of agents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Select, func, literal_column, or_, select, tuple_

from gateway.belongings import Item
from gateway.errors import LimitExceeded
from gateway.ports.records import AgentScope, OwnerScope
from gateway.store import sql
from gateway.store.places import AT, Place, at, of, place
from gateway.store.scope import scoped
from gateway.store.tables import items
from gateway.store.text import clean
from gateway.store.words import folded, has_all

READ_AT_ONCE = 50
NAME_BYTES = 1000
"""What every database takes into an index; a name is never cut."""

_ITEM = [
    *(items.c.id, items.c.name, items.c.text, items.c.media_type, items.c.size, items.c.digest),
    *(items.c.created_at, items.c.session_id),
]

_insert = sql.insert(items)
_make_way = sql.Prepared(
    sqlalchemy.delete(items).where(
        *at(items), or_(items.c.name == sql.value("name"), items.c.id == sql.value("id"))
    ),
    f"{AT} name id",
)
_drop = sql.Prepared(
    sqlalchemy.delete(items).where(*at(items), items.c.id == sql.value("id")), f"{AT} id"
)
_named = sql.Prepared(
    select(*_ITEM).where(*at(items), items.c.name == sql.value("name")), f"{AT} name"
)
_size = sql.Prepared(
    select(func.count(), func.coalesce(func.sum(items.c.size), literal_column("0"))).where(
        *at(items)
    ),
    AT,
)
_known = sql.Prepared(
    lambda dialect: select(items.c.digest).where(
        sql.among(items.c.digest, "digests", dialect), items.c.digest != sql.constant("")
    ),
    "digests",
)


@scoped(OwnerScope, AgentScope)
def having(
    connection: Connection, scope: OwnerScope | AgentScope, words: Sequence[str], limit: int
) -> list[Item]:
    """Items that have all of the words in name or text, newest first."""
    wanted = folded(words)
    found: list[Item] = []
    last: tuple[float, str] = (sql.FOREVER, "")
    while len(found) < limit:
        page = _page(connection, place(scope), last)
        found += [_item(row) for row in page if has_all(wanted, row.name, row.text)]
        if len(page) < READ_AT_ONCE:
            break
        last = page[-1].created_at, page[-1].id
    return found[: max(limit, 0)]


def _page(connection: Connection, where: Place, last: tuple[float, str]) -> Sequence[Any]:
    moment = (items.c.created_at, items.c.id)
    here = (items.c[name] == value for name, value in where._asdict().items())
    query = (
        select(*_ITEM)
        .where(*here, tuple_(*moment) < last)
        .order_by(*(column.desc() for column in moment))
        .limit(READ_AT_ONCE)
    )
    return connection.execute(query).all()


@scoped(OwnerScope, AgentScope)
def one(connection: Connection, scope: OwnerScope | AgentScope, name: str) -> Item | None:
    """What stands under this name."""
    row = _named.one(connection, *place(scope), clean(name))
    return None if row is None else _item(row)


@scoped(OwnerScope, AgentScope)
def size(connection: Connection, scope: OwnerScope | AgentScope) -> tuple[int, int]:
    """How many there are, and how many bytes they have together."""
    number, total = _size.one(connection, *place(scope))
    return int(number), int(total)


def put(connection: Connection, where: Place, things: Iterable[Item]) -> None:
    """Put these on the shelf; one of the same name gives way. Raises ``LimitExceeded``."""
    for item in things:
        name = clean(item.name)
        if (length := len(name.encode())) > NAME_BYTES:
            raise LimitExceeded(
                f"the name has {length} bytes, and may have at most {NAME_BYTES}: choose another"
            )
        _make_way.run(connection, *where, name, item.id)
        _insert.run(
            connection,
            *(*where, name, item.id, clean(item.text), clean(item.media_type)),
            *(item.size, item.digest, item.created_at, item.session_id),
        )


def drop(connection: Connection, where: Place, ids: Iterable[str]) -> None:
    """Take those of these off the shelf that are there."""
    _drop.many(connection, [(*where, item_id) for item_id in ids])


def inherit(connection: Connection, channel: str, owner: str, heir: str) -> None:
    """What one owner had is another's from now on, where that one has nothing of that name."""
    mine = of(items, channel, owner)
    theirs = items.alias()
    taken: Select[Any] = select(literal_column("1")).where(
        *(theirs.c.channel == channel, theirs.c.owner == heir, theirs.c.agent == items.c.agent),
        or_(theirs.c.name == items.c.name, theirs.c.id == items.c.id),
    )
    connection.execute(sqlalchemy.delete(items).where(*mine, taken.exists()))
    connection.execute(sqlalchemy.update(items).where(*mine).values(owner=heir))


def delete_of_owner(connection: Connection, channel: str, owner: str) -> list[str]:
    """Clear the owner's shelves; returns the digests that no other item has."""
    mine = of(items, channel, owner)
    digests = set(connection.execute(select(items.c.digest).where(*mine)).scalars()) - {""}
    connection.execute(sqlalchemy.delete(items).where(*mine))
    return sorted(digests - known(connection, sorted(digests)))


def known(connection: Connection, digests: Sequence[str]) -> frozenset[str]:
    """Which of the digests some item has."""
    if not digests:
        return frozenset()
    rows = _known.all(connection, sql.array(connection, digests))
    return frozenset(row[0] for row in rows)


def _item(row: Any) -> Item:
    (item_id, name, text, media_type, size_, digest, created_at, session_id) = row
    return Item(
        id=item_id,
        name=name,
        text=text,
        media_type=media_type,
        size=size_,
        digest=digest,
        created_at=created_at,
        session_id=session_id,
    )
