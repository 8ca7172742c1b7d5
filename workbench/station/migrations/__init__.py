"""Alembic's migrations of the records, applied by `workbench.station.database` when it opens a database."""
