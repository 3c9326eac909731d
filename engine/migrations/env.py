"""Alembic's environment: the connection comes from ``ProcessEngine.migrate``."""

from alembic import context

from engine import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    render_as_batch=True,  # SQLite knows no other way to change a column
    compare_type=True,
    user_module_prefix="database.",
)
with context.begin_transaction():
    context.run_migrations()
