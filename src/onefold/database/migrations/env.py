"""Alembic's entry point: migrations run on the connection that `onefold.database.migrate` hands over."""

from alembic import context

from onefold.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    # Alembic believes that SQLite cannot, and would commit after each migration: other processes saw it half done.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
