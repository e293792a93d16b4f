"""What outlives a session: data, facts and things on shelves; what a session turned on."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False)


def _whose() -> tuple[sa.Column[str], ...]:
    return _text("channel"), _text("owner"), _text("agent")


def upgrade() -> None:
    """Add what is new; every row stays as it is."""
    op.add_column(
        "lanes", sa.Column("agent", sa.Text, nullable=False, server_default=sa.text("''"))
    )
    op.add_column("lanes", sa.Column("heir", sa.Text))
    heirs = sa.text("heir IS NOT NULL")
    op.create_index("lanes_heir", "lanes", ["heir"], sqlite_where=heirs, postgresql_where=heirs)
    op.add_column(
        "session_rows",
        sa.Column("overrides", sa.Text, nullable=False, server_default=sa.text("'{}'")),
    )
    op.create_index("session_rows_owner", "session_rows", ["channel", "owner"])
    op.create_table(
        "data_rows",
        *_whose(),
        _text("data"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("channel", "owner", "agent", name="pk_data_rows"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_rows",
        *_whose(),
        *(_text("id"), _text("text"), _time("created_at"), _text("session_id")),
        sa.PrimaryKeyConstraint("channel", "owner", "agent", "id", name="pk_fact_rows"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "items",
        *_whose(),
        *(_text("name"), _text("id"), _text("text"), _text("media_type")),
        sa.Column("size", sa.BigInteger, nullable=False),
        *(_text("digest"), _time("created_at"), _text("session_id")),
        sa.PrimaryKeyConstraint("channel", "owner", "agent", "name", name="pk_items"),
    )
    full = sa.text("digest <> ''")
    op.create_index("items_digest", "items", ["digest"], sqlite_where=full, postgresql_where=full)
