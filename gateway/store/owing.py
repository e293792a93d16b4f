"""That a scrub is owed: what was erased since the last one, for whoever comes after a crash.

SQLite leaves ``user_version`` in its file to applications, and a transaction covers it
(https://www.sqlite.org/pragma.html#pragma_user_version). Where a server cleans, nothing is owed.
"""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.ports.records import OperatorScope
from gateway.store.scope import scoped

_MOST = 2**31 - 1


def owe(connection: Connection) -> None:
    """Something is erased in this transaction."""
    if _is_file(connection):
        connection.exec_driver_sql(f"PRAGMA user_version = {_number(connection) % _MOST + 1:d}")


@scoped(OperatorScope)
def owed(connection: Connection, scope: OperatorScope) -> int:
    """How often something was erased since the last scrub."""
    return _number(connection) if _is_file(connection) else 0


def settle(connection: Connection, _: object, *, number: int) -> None:
    """All that was owed when a scrub began is done; what was erased meanwhile is still owed."""
    if _is_file(connection) and _number(connection) == number:
        connection.exec_driver_sql("PRAGMA user_version = 0")


def _is_file(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _number(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
