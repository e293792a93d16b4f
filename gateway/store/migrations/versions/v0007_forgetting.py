"""What deduplicates says nothing without a key; lanes know that somebody was erased there."""

import sqlalchemy as sa
from alembic import op

from gateway.store import owing, sealing

revision = "0007"
down_revision = "0006"

ROWS_AT_ONCE = 1000

_inbox = sa.table(
    "inbox",
    *(sa.column(name) for name in ("id", "channel", "event_id", "fingerprint", "state")),
    *(sa.column(name) for name in ("ord", "preview")),
)


def upgrade() -> None:
    """Add what is new, and seal what stands in the inbox."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
        sqlite_with_rowid=False,
    )
    op.add_column("lanes", sa.Column("forgotten_at", sa.Double))
    op.create_index("lanes_owner", "lanes", ["channel", "owner"])
    some = sa.text("forgotten_at IS NOT NULL")
    op.create_index(
        "lanes_forgotten", "lanes", ["forgotten_at"], sqlite_where=some, postgresql_where=some
    )
    _seal()


def _seal() -> None:
    connection = op.get_bind()
    seal, last = sealing.of(connection), ""
    page = sa.select(_inbox).where(_inbox.c.id > sa.bindparam("last")).order_by(_inbox.c.id)
    page = page.limit(ROWS_AT_ONCE)
    change = (
        sa.update(_inbox)
        .where(_inbox.c.id == sa.bindparam("row"))
        .values(event_id=sa.bindparam("event"), fingerprint=sa.bindparam("content"))
    )
    while rows := connection.execute(page, {"last": last}).all():
        sealed = []
        for row in rows:
            event = seal.event(row.channel, row.event_id)
            content = seal.content(event, row.fingerprint)
            sealed.append({"row": row.id, "event": event, "content": content})
        connection.execute(change, sealed)
        # Piece by piece, too: SQLite keeps in memory what one statement changes, to undo it.
        piece = _inbox.c.id.between(rows[0].id, rows[-1].id)
        over = sa.update(_inbox).where(piece, _inbox.c.state == "done").values(ord=0, preview="")
        connection.execute(over)
        last = rows[-1].id
    owing.owe(connection)
