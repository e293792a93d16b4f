"""How far each channel has read; see ``gateway.ports.host.Bookmarks``."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from gateway.store import sql
from gateway.store.tables import bookmarks
from gateway.store.text import clean

_put = sql.upsert(bookmarks, "position updated_at lasting")


def put(
    connection: Connection,
    marks: Mapping[tuple[str, str], str],
    now: float,
    *,
    lasting: bool = False,
) -> None:
    """Remember these positions, by channel and place."""
    rows = [
        (clean(channel), clean(place), clean(position), now, int(lasting))
        for (channel, place), position in marks.items()
    ]
    _put.many(connection, rows)


def newest(connection: Connection, channel: str, limit: int, under: str = "") -> dict[str, str]:
    """A channel's positions by place, those that changed last first; of places that begin so."""
    query = (
        select(bookmarks.c.place, bookmarks.c.position)
        .where(bookmarks.c.updated_at > 0.0, bookmarks.c.channel == channel)
        .order_by(bookmarks.c.updated_at.desc(), bookmarks.c.place)
        .limit(limit)
    )
    if under:
        query = query.where(bookmarks.c.place.startswith(clean(under), autoescape=True))
    return {row.place: row.position for row in connection.execute(query)}


def forget(connection: Connection, before: float, limit: int) -> int:
    """Drop up to ``limit`` positions that have not changed since that time."""
    old = [bookmarks.c.updated_at < before, bookmarks.c.lasting == 0]
    places = select(bookmarks.c.channel, bookmarks.c.place).where(*old).limit(limit)
    number = 0
    for channel, place in connection.execute(places).all():
        mine = (bookmarks.c.channel == channel, bookmarks.c.place == place)
        number += connection.execute(delete(bookmarks).where(*mine)).rowcount
    return number
