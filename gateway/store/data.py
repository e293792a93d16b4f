"""The data of owners and of agents: one JSON object each, changed key by key."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, select

from gateway.errors import LimitExceeded
from gateway.ports.records import AgentScope, Keeping, OwnerScope
from gateway.store import sql
from gateway.store.places import AT, Place, at, of, place
from gateway.store.scope import scoped
from gateway.store.tables import data_rows
from gateway.store.text import clean, dumps, loads

NOTHING = "{}"

_found = sql.insert(data_rows, or_ignore=True)
_read = sql.Prepared(select(data_rows.c.data).where(*at(data_rows)), AT)
_lock = sql.Prepared(select(data_rows.c.data).where(*at(data_rows)).with_for_update(), AT)
_put = sql.Prepared(
    sqlalchemy.update(data_rows)
    .ordered_values(
        (data_rows.c.data, sql.value("data")), (data_rows.c.updated_at, sql.value("now"))
    )
    .where(*at(data_rows)),
    f"data now {AT}",
)
_drop = sql.Prepared(sqlalchemy.delete(data_rows).where(*at(data_rows)), AT)


@scoped(OwnerScope, AgentScope)
def one(connection: Connection, scope: OwnerScope | AgentScope) -> dict[str, Any]:
    """The data; empty where there is none."""
    row = _read.one(connection, *place(scope))
    found: dict[str, Any] = loads(row[0]) if row else {}
    return found


def change_all(connection: Connection, keepings: Iterable[Keeping]) -> None:
    """Put and remove keys, and leave the others as they stand. Raises ``LimitExceeded``."""
    changes = [(place(k.scope), k) for k in keepings if k.data or k.unset]
    before = {where: _held(connection, where) for where in sorted({where for where, _ in changes})}
    after = dict(before)
    for where, keeping in changes:
        after[where] = _changed(after[where], keeping)
    now = time.time()
    for where, text in after.items():
        if text == NOTHING:
            _drop.run(connection, *where)
        elif text != before[where]:
            _put.run(connection, text, now, *where)


def _held(connection: Connection, where: Place) -> str:
    """What stands there, in a row that is there and nobody else's until the transaction ends."""
    row = _lock.one(connection, *where)
    while row is None:
        _found.run(connection, *where, NOTHING, time.time())
        row = _lock.one(connection, *where)
    return str(row[0])


def _changed(text: str, keeping: Keeping) -> str:
    gone = {clean(name) for name in keeping.unset}
    kept = {name: value for name, value in loads(text).items() if name not in gone}
    changed = dumps({**kept, **loads(dumps(dict(keeping.data)))})
    size = len(changed.encode())
    # What is too much already may still become less.
    if keeping.data_bytes and size > max(keeping.data_bytes, len(text.encode())):
        raise LimitExceeded(
            f"the data would be {size} bytes as JSON, and may be at most {keeping.data_bytes}:"
            " keep less, or remove keys (limits.data_bytes)",
            limit="data_bytes",
        )
    return changed


def inherit(connection: Connection, channel: str, owner: str, heir: str) -> None:
    """What one owner had is another's from now on, where that one has no such key."""
    rows = connection.execute(select(data_rows).where(*of(data_rows, channel, owner))).all()
    for row in sorted(rows, key=lambda row: str(row.agent)):
        where = Place(channel, heir, row.agent)
        text = dumps({**loads(row.data), **loads(_held(connection, where))})
        _put.run(connection, text, row.updated_at, *where)
    delete_of_owner(connection, channel, owner)


def delete_of_owner(connection: Connection, channel: str, owner: str) -> int:
    """Drop what the owner has, with every agent; how many there were."""
    query = sqlalchemy.delete(data_rows).where(*of(data_rows, channel, owner))
    return connection.execute(query).rowcount
