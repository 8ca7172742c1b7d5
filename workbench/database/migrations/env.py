"""Runs migrations inside the transaction that `workbench.database.engine` has begun; never by itself."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from workbench.database.base import Base
from workbench.database.engine import VERSION_TABLE

_connection = context.config.attributes["connection"]
assert isinstance(_connection, Connection)
context.configure(
    connection=_connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
