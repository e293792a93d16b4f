"""Files, what messages and deliveries carry of them, previews, and keys in the order of bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what is new; every row stays as it is."""
    _keys_in_order()
    op.add_column("inbox", _late_text("preview"))
    op.add_column("message_rows", _late_text("origin"))
    op.add_column("message_rows", sa.Column("extra", sa.Text))
    op.add_column("deliveries", sa.Column("format", sa.Text))
    op.add_column("deliveries", sa.Column("attachment", sa.Text))
    op.add_column("deliveries", _late_text("replaces"))
    _files()


def _late_text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))


def _keys_in_order() -> None:
    # SQLite compares bytes unless told otherwise.
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("lane_keys", "key", type_=sa.Text(collation="C"), existing_nullable=False)


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("settled", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sqlite_with_rowid=False,
    )
    op.create_index("files_session", "files", ["session_id"])
    op.create_index("files_digest", "files", ["digest"])
    unsettled = sa.text("settled = 0")
    op.create_index(
        "files_unsettled",
        "files",
        ["created_at"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
