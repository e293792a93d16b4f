"""Whether a database has the schema this program knows, and giving an empty one that schema.

Migrations themselves are Alembic's, which is imported only by ``migrations``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

from gateway.errors import SchemaMismatch
from gateway.store import views
from gateway.store.tables import metadata

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every revision of the migrations, oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaState:
    """What a database holds: nothing at all, or the schema of ``version``."""

    version: str | None
    empty: bool = False

    @property
    def current(self) -> bool:
        """Whether this program can use it as it is."""
        return self.version == VERSIONS[-1]

    @property
    def pending(self) -> tuple[str, ...]:
        """The revisions that ``gateway migrate`` would apply."""
        if self.version is None:
            return VERSIONS
        if self.version not in VERSIONS:
            return ()
        return VERSIONS[VERSIONS.index(self.version) + 1 :]

    def check(self, where: str) -> None:
        """Raise ``SchemaMismatch`` unless this program can use the database."""
        if self.current:
            return
        if self.version is None:
            raise SchemaMismatch(f"{where} is not empty, and not a database of chat-gateway")
        if self.version in VERSIONS:
            raise SchemaMismatch(
                f"{where} has schema {self.version}, this program needs {VERSIONS[-1]}:"
                " stop the gateway, keep a copy, and run `gateway migrate`"
            )
        raise SchemaMismatch(
            f"{where} has schema {self.version}, newer than the {VERSIONS[-1]} this program knows:"
            " upgrade chat-gateway, or restore the copy made before the upgrade"
        )


def state(connection: Connection) -> SchemaState:
    """What the database holds."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return SchemaState(version=None, empty=not tables)
    versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return SchemaState(version=versions[0] if versions else None)


def create(connection: Connection) -> None:
    """Give an empty database the newest schema."""
    metadata.create_all(connection)
    views.create(connection)
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(
        text("INSERT INTO alembic_version VALUES (:version)"), {"version": VERSIONS[-1]}
    )
