"""What one run for one unit is, whatever kind of unit it is: who it is, where it stands, how the run ends.

The flows of TPMs and of microcontrollers are subclasses; they know their wires, this knows none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from workbench.errors import WorkbenchError
from workbench.identity.ca.errors import CaUnreachable
from workbench.identity.ledger.errors import IdentityConflict
from workbench.identity.state import State, has_reached
from workbench.identity.tpm_enroll.errors import UnitQuarantined
from workbench.identity.tpm_enroll.outcome import EndState, Stopwatch, UnitOutcome

if TYPE_CHECKING:
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.ledger.values import Unit
    from workbench.identity.tpm_enroll.acts import Acts

Step = Callable[[str, str], AbstractContextManager[None]]
"""A step's stable name and its words."""


@contextmanager
def no_step(_step: str, _title: str) -> Iterator[None]:
    """A step of no run."""
    yield


class Order(Protocol):
    """Which unit it is to be."""

    @property
    def serial(self) -> str: ...


class Means(Protocol):
    """What every enrolment works with."""

    @property
    def ca(self) -> Callable[[], AbstractContextManager[CaClient]]: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def step(self) -> Step: ...


class OneUnit(ABC):
    """One run for one unit; what is known of it so far."""

    def __init__(self, order: Order, means: Means) -> None:
        self._about, self._with = order, means
        self._watch = Stopwatch()
        self._unit: Unit | None = None
        self._resumed: str | None = None
        self._acts: Acts
        self._ca: CaClient | None = None
        self._ca_error: WorkbenchError | None = None

    @abstractmethod
    def _hardware_id(self) -> str:
        """What the unit is known by, "" where nobody has looked yet."""

    @property
    def _known(self) -> Unit:
        assert self._unit is not None
        return self._unit

    @property
    def _state(self) -> State:
        return self._known.state

    def _reach_ca(self, stack: ExitStack) -> None:
        """The CA, if it can be reached; a unit that needs none yet goes on without it."""
        with self._step("ca", "reaching the certificate authority"):
            try:
                self._ca = stack.enter_context(self._with.ca())
            except CaUnreachable as error:
                self._ca_error = error

    def _need_ca(self) -> CaClient:
        if self._ca is None:
            assert self._ca_error is not None
            raise self._ca_error
        return self._ca

    @contextmanager
    def _step(self, name: str, title: str) -> Iterator[None]:
        with self._with.step(name, title), self._watch.step(name):
            yield

    def _quarantined(self, unit: Unit, error: WorkbenchError) -> UnitOutcome:
        if has_reached(unit.state, State.BLANK):
            self._unit = self._with.ledger.quarantine(unit.unit_id, f"{error.code}: {error.what}")
        return self._ended("quarantined", error)

    def _ended(self, state: EndState, error: WorkbenchError | None = None) -> UnitOutcome:
        unit = self._unit
        units = error.units if isinstance(error, IdentityConflict) else ()
        return UnitOutcome(
            state=state,
            unit_id=unit.unit_id if unit is not None else " ".join(units),
            serial=self._about.serial or ("" if unit is None else unit.serial),
            hardware_id=self._hardware_id(),
            resumed=self._resumed,
            why=None if error is None else f"{error.code}: {error.what}",
            error=error,
            times=tuple(self._watch.times),
        )


class Enrolment(OneUnit):
    """A run that gives a unit its identity, from wherever it stands to verified."""

    @abstractmethod
    def _run(self) -> UnitOutcome:
        """All that is still to be done."""

    def run(self) -> UnitOutcome:
        """All that is still to be done, and what it came to.

        Raises what says that the unit or the station must be looked at while the unit keeps its state.
        """
        try:
            return self._run()
        except IdentityConflict as conflict:
            return self._ended("quarantined", conflict)
        except CaUnreachable as unreachable:
            if self._unit is None or self._unit.state != State.KEYED:
                raise
            return self._ended("keyed", unreachable)
        except WorkbenchError as error:
            if self._unit is None or not self._speaks_against_unit(error):
                raise
            return self._quarantined(self._unit, error)

    @abstractmethod
    def _speaks_against_unit(self, error: WorkbenchError) -> bool:
        """Whether the unit is put into quarantine over that error."""


def refuse_ended(unit: Unit) -> None:
    """Raises UnitQuarantined for a unit in quarantine, or whose record an RMA has ended."""
    if unit.state in (State.QUARANTINED, State.RETIRED):
        raise UnitQuarantined(f"unit {unit.serial} is {unit.state}: {unit.reason or 'no reason is recorded'}")
