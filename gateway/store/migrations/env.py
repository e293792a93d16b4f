"""What Alembic runs for every command: on the connection that ``upgrade`` brings."""

from alembic import context

from gateway.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by making another; and it can undo that with the transaction.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
