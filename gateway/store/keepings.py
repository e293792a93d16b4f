"""What changes of what outlives a session, within a turn's commit or outside of one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, union

from gateway.ports.records import Keeping, OperatorScope, OwnerScope
from gateway.store import data, facts, items, tables
from gateway.store.places import place
from gateway.store.scope import scoped
from gateway.store.tables import data_rows


def apply_all(connection: Connection, keepings: Sequence[Keeping]) -> None:
    """Change what each says, in this order. Raises ``LimitExceeded``."""
    data.change_all(connection, keepings)
    for keeping in keepings:
        where = place(keeping.scope)
        facts.put(connection, where, keeping.facts)
        items.put(connection, where, keeping.items)
        if keeping.dropped:
            facts.drop(connection, where, keeping.dropped)
            items.drop(connection, where, keeping.dropped)


def inherit(connection: Connection, channel: str, owner: str, heir: str) -> None:
    """What one owner of a channel had is another's from now on; what that one has goes before."""
    if owner == heir:
        return
    for noun in (data, facts, items):
        noun.inherit(connection, channel, owner, heir)


def delete_of_owner(connection: Connection, channel: str, owner: str) -> list[str]:
    """Drop all that an owner has; returns the digests that no item has any more."""
    data.delete_of_owner(connection, channel, owner)
    facts.delete_of_owner(connection, channel, owner)
    return items.delete_of_owner(connection, channel, owner)


@scoped(OperatorScope)
def owners(connection: Connection, scope: OperatorScope, limit: int) -> list[OwnerScope]:
    """Owners that have anything, by channel, agent and owner."""
    everybody = union(
        *(
            select(table.c.channel, table.c.agent, table.c.owner).where(table.c.channel != "")
            for table in (data_rows, tables.facts, tables.items)
        )
    ).subquery()
    # In the order of their bytes everywhere.
    plain = connection.dialect.name != "postgresql"
    order = (column if plain else column.collate("C") for column in everybody.c)
    query = select(everybody).order_by(*order).limit(max(limit, 0))
    return [
        OwnerScope(channel=channel, agent=agent, owner=owner)
        for channel, agent, owner in connection.execute(query)
    ]
