"""The clock by which a unit in work is one station's: one that nobody sets.

On PostgreSQL the server's clock counts, so that a station whose clock jumps neither gains nor loses.  On
SQLite, which is one machine's, it is the time since boot; after a boot every run of before is dead.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, text

from workbench.boards.lease_files import boot_id


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds that count from what `epoch` names."""

    epoch: str
    seconds: float


def now(connection: Connection) -> Moment:
    """The moment by the clock that all stations of this database share."""
    if connection.dialect.name == "postgresql":
        found = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        return Moment("server", float(found))
    return Moment(boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME))


def is_over(epoch: str | None, until_s: float | None, moment: Moment) -> bool:
    """Whether a lease has ended: its time is over, or it was given before the last boot."""
    if epoch is None or until_s is None:
        return True
    return epoch != moment.epoch or moment.seconds >= until_s
