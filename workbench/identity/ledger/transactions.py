"""Transactions of the ledger: durable when they return, begun again where another station came first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from workbench.database.engine import DatabaseUnavailable, library_errors, writing
from workbench.errors import WorkbenchError

T = TypeVar("T")

ATTEMPTS: Final = 8
"""A transaction that another one forestalled begins again; each time that other one has made progress."""
_FORESTALLED: Final = ("40001", "40P01")
"""PostgreSQL: serialization failure, deadlock."""


def transact(engine: Engine, work: Callable[[Connection], T | WorkbenchError]) -> T:
    """What `work` gives, once its writes are on the disk.

    An error that `work` returns is raised after the commit: what led to it stays written.  One that it raises
    takes everything back.  Raises DatabaseUnavailable.
    """
    with library_errors(engine.url):
        for _ in range(ATTEMPTS):
            try:
                with writing(engine) as connection:
                    done = work(connection)
            except DBAPIError as error:
                if not _is_forestalled(error):
                    raise
                last = error
                continue
            if isinstance(done, WorkbenchError):
                raise done
            return done
    raise DatabaseUnavailable(
        f"another station was faster {ATTEMPTS} times",
        cause=f"many stations work on the same unit: {' '.join(str(last.orig).split())[:200]}",
        action="run the command again",
    )


def _is_forestalled(error: DBAPIError) -> bool:
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _FORESTALLED
