"""Alembic's migrations, applied by `workbench.database.engine` when it opens a database."""
