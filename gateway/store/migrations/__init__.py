"""Bringing a database to this program's schema. Alembic's import takes a third of a second: only
``upgrade`` pays for it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from gateway.store import schema, views


def upgrade(connection: Connection, where: str) -> list[str]:
    """Apply what is missing, in the caller's transaction; returns the revisions that were applied.

    Raises ``SchemaMismatch`` for a newer schema and for somebody else's database.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    found = schema.state(connection)
    pending = list(found.pending)
    if not found.empty and not (pending and found.version):
        found.check(where)
    if pending:
        views.drop(connection)
        command.upgrade(config, "head")
        views.create(connection)
    return pending
