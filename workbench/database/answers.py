"""A connection to PostgreSQL that does not wait for ever for an answer.

TCP notices a network or a machine that is gone.  It does not notice a server whose machine acknowledges what
we send and whose processes say nothing: stopped, swapping, or waiting for a disk that does not come back.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg

T = TypeVar("T")

_NOTHING: Final = 0
"""What psycopg tells the side that waits when there was nothing to read or write for a while."""


class AnsweredConnection(psycopg.Connection[Any]):
    """Closes itself, and raises OperationalError, when the server is silent for too long in a statement.

    `answer_timeout_s`: longest silence in seconds; None: any.  Data that arrive begin it anew.
    """

    answer_timeout_s: float | None = None

    def wait(self, gen: Generator[Any, Any, T], *more: Any, **named: Any) -> T:
        """As in psycopg, with the bound."""
        return super().wait(self._bounded(gen), *more, **named)

    def _bounded(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        heard_s = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now_s = time.monotonic()
                if ready != _NOTHING:
                    heard_s = now_s
                elif self.answer_timeout_s is not None and now_s - heard_s > self.answer_timeout_s:
                    self._give_up()
                wanted = gen.send(ready)
        except StopIteration as ended:
            result: T = ended.value
            return result

    def _give_up(self) -> None:
        """The connection is of no use any more: an answer that came now would be that to another question."""
        self.pgconn.finish()
        raise psycopg.OperationalError(f"the server has not answered for {self.answer_timeout_s:g} seconds")
