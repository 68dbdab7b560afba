"""Alembic's environment: one connection, given by the caller (store/migrate.py), one transaction a migration."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, transactional_ddl=True, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
