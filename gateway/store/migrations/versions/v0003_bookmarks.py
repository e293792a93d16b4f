"""How far each channel has read, where what it missed can be fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what is new; every row stays as it is."""
    op.create_table(
        "bookmarks",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("channel", "place", name="pk_bookmarks"),
        sqlite_with_rowid=False,
    )
    op.create_index("bookmarks_age", "bookmarks", ["updated_at"])
