"""The shared database as a station reaches it: opened when it is there, and asked again when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from workbench.database.engine import DatabaseUnavailable, open_engine
from workbench.station.lots.lots import Lots

T = TypeVar("T")

SLOW_S: Final = 0.5
"""A database that takes longer to fail than this is not asked at once again."""
PAUSE_S: Final = 5.0


class Central:
    """The lots in the database at `url`, as one station's file `holder` uses them."""

    def __init__(self, url: str, *, station: str, holder: str) -> None:
        self.is_local = url.startswith("sqlite")
        self.lost = False
        self._url = url
        self._station = station
        self._holder = holder
        self._lots: Lots | None = None
        self._lock = threading.Lock()
        self._not_before_s = 0.0

    def ask(self, work: Callable[[Lots], T]) -> T:
        """What `work` gives.

        Raises DatabaseUnavailable, at once where the database kept somebody waiting a moment ago; at the
        first call DatabaseUrlInvalid and DatabaseTooNew.
        """
        if time.monotonic() < self._not_before_s:
            raise DatabaseUnavailable("the shared database did not answer a moment ago")
        began_s = time.monotonic()
        try:
            done = work(self._open())
        except DatabaseUnavailable:
            self.lost = True
            if time.monotonic() - began_s > SLOW_S:
                self._not_before_s = time.monotonic() + PAUSE_S
            raise
        self.lost = False
        return done

    def close(self) -> None:
        """Closes the connections."""
        if self._lots is not None:
            self._lots.close()

    def _open(self) -> Lots:
        with self._lock:
            if self._lots is None:
                self._lots = Lots(open_engine(self._url), station=self._station, holder=self._holder)
            return self._lots
