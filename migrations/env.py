"""Runs the migrations on the connection that ``app.storage.migrate`` passes in."""

from alembic import context

from app.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by making it anew
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
