"""Whose something is that outlives a session, as the columns say it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table

from gateway.ports.records import AgentScope, OwnerScope
from gateway.store import sql
from gateway.store.text import clean


class Place(NamedTuple):
    """The start of a key; what is an agent's own has neither channel nor owner."""

    channel: str
    owner: str
    agent: str


def place(scope: OwnerScope | AgentScope) -> Place:
    """Where it stands what this scope may read and change. Raises ``TypeError``."""
    if type(scope) is AgentScope:
        return Place("", "", clean(scope.agent))
    if type(scope) is OwnerScope:
        return Place(clean(scope.channel), clean(scope.owner), clean(scope.agent))
    raise TypeError(f"an OwnerScope or AgentScope is needed, not {scope!r:.80}")


def at(table: Table) -> tuple[ColumnElement[bool], ...]:
    """That a row stands in a place whose values are given when the statement runs."""
    return tuple(table.c[name] == sql.value(f"at_{name}") for name in Place._fields)


AT = " ".join(f"at_{name}" for name in Place._fields)


def of(table: Table, channel: str, owner: str) -> tuple[ColumnElement[Any], ...]:
    """That a row is this owner's, with whichever agent."""
    return table.c.channel == channel, table.c.owner == owner
