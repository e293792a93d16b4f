"""Bookmarks that are never forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what is new; every row stays as it is."""
    op.add_column(
        "bookmarks",
        sa.Column("lasting", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    )
