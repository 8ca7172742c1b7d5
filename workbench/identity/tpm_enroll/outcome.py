"""How an enrolment ended, what was tried, and where its time went.  Data only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from workbench.identity.evidence.content import Tried

if TYPE_CHECKING:
    from workbench.errors import WorkbenchError
    from workbench.wires.tpm.values import Spent

EndState = Literal["verified", "keyed", "quarantined"]


@dataclass(frozen=True, slots=True)
class StepTime:
    """What a step took, seconds: in all, inside the TPM, and waiting for the board's power."""

    step: str
    total_s: float
    tpm_s: float
    board_s: float
    commands: int

    @property
    def own_s(self) -> float:
        """The workbench's own time, its certificate authority included."""
        return max(0.0, self.total_s - self.tpm_s - self.board_s)


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """How it ended: verified; held at keyed, because the CA cannot be reached; or quarantined.

    `why` and `error` say why it is not verified.  `resumed`: the state in which an earlier run left the unit.
    `observed` is what was seen at the end, `tried` what was attempted on the locked unit.
    """

    state: EndState
    unit_id: str
    serial: str
    hardware_id: str
    resumed: str | None = None
    why: str | None = None
    error: WorkbenchError | None = None
    observed: dict[str, Any] = field(default_factory=dict)
    tried: tuple[Tried, ...] = ()
    times: tuple[StepTime, ...] = ()

    @property
    def own_s(self) -> float:
        """The workbench's own time, seconds."""
        return sum(step.own_s for step in self.times)


class _Spender(Protocol):
    @property
    def spent(self) -> Spent: ...


class Stopwatch:
    """Sums up where the time of an enrolment goes."""

    def __init__(self) -> None:
        self.times: list[StepTime] = []
        self._tpm: _Spender | None = None
        self._before = (0, 0.0)
        """Commands and TPM time of connections that have ended."""
        self._board_s = 0.0

    @contextmanager
    def connected(self, tpm: _Spender) -> Iterator[None]:
        """Counts this connection's commands, for the body."""
        self._tpm = tpm
        try:
            yield
        finally:
            self._before, self._tpm = self._spent(), None

    @contextmanager
    def board(self) -> Iterator[None]:
        """The body waits for the board's power."""
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._board_s += time.perf_counter() - began_s

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measures the body."""
        began_s, (commands, tpm_s), board_s = time.perf_counter(), self._spent(), self._board_s
        try:
            yield
        finally:
            total_s = time.perf_counter() - began_s
            now, tpm_now_s = self._spent()
            took = StepTime(name, total_s, tpm_now_s - tpm_s, self._board_s - board_s, now - commands)
            self.times.append(took)

    def _spent(self) -> tuple[int, float]:
        if self._tpm is None:
            return self._before
        spent = self._tpm.spent
        return self._before[0] + spent.commands, self._before[1] + spent.tpm_s
