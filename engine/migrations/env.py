"""Alembic's environment: the connection comes from ``ProcessEngine.migrate``."""

import warnings

from alembic import context
from sqlalchemy.exc import SAWarning

from engine import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    render_as_batch=True,  # SQLite knows no other way to change a column
    compare_type=True,
    user_module_prefix="database.",
)
with context.begin_transaction(), warnings.catch_warnings():
    # SQLite reflects no index over an expression; that table is reflected only as the target of foreign keys.
    warnings.filterwarnings(
        "ignore",
        message="Skipped unsupported reflection of expression-based index uq_department_live_name",
        category=SAWarning,
    )
    context.run_migrations()
