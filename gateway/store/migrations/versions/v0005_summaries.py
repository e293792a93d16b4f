"""What older messages of a session come to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is new; every row stays as it is."""
    op.create_table(
        "summaries",
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("topics", sa.Text, nullable=False),
        sa.Column("upto", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_summaries"),
        sqlite_with_rowid=False,
    )
