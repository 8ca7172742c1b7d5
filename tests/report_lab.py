"""A line of units that were never on a board: real runs, journals, records and lots, without hardware."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from workbench.errors import Blame, WorkbenchError
from workbench.events import Measured, Observed, UnitBegan
from workbench.station.lots.lot_file import Lot
from workbench.station.lots.lots import Lots
from workbench.station.lots.values import Attempt
from workbench.station.records import Records
from workbench.station.reports.unit_run import Measurement, StepRun, UnitRun
from workbench.station.run import Run

STEPS: Final = ("flash", "provision", "trial")
SHA: Final = "ab" * 32
NASTY: Final = "<script>alert(1)</script>&\"'\x1b]0;x\x07\x1b[31m=1+2\u202e"
"""What a board could send to hurt whoever reads a report."""


class UnitBad(WorkbenchError):
    """A unit of the laboratory fails."""

    code = "lab-unit-bad"
    blame = Blame.UNIT
    default_cause = "it was told to"
    default_action = "put it aside"


class ProbeGone(UnitBad):
    """The laboratory's probe is gone."""

    code = "lab-probe-gone"
    blame = Blame.STATION


class LabLine:
    """Makes runs on units of a lot; `open` it in a test's folder."""

    def __init__(self, folder: Path, url: str, lot: str = "LOT-7", quantity: int | None = 10) -> None:
        self.records = Records.open(url)
        self.journals = folder / ".workbench" / "journals"
        self.url = url
        self.lot = Lot(id=lot, recipe="sensor", quantity=quantity)
        self.lots = Lots(self.records.engine, "line-1")
        self.lots.open_lot(self.lot)

    def close(self) -> None:
        """Closes the database."""
        self.records.close()

    def run(
        self,
        serial: str,
        error: BaseException | None = None,
        *,
        at: str = "trial",
        voltage: float = 3.3,
        slot: str = "v1",
        operator: str = "Ada",
    ) -> Run:
        """One run on a unit, which ends with `error` in the step `at`, or passes."""
        run = Run.begin("unit", slot, "microbit-v1", journal_dir=self.journals, records=self.url)
        began_at = datetime.now(UTC)
        wish = Attempt(
            run_id=run.run_id,
            serial=serial,
            lot=self.lot.id,
            verdict="PASS",
            started_at=began_at,
            finished_at=began_at,
            slot=slot,
            operator=operator,
            recipe="sensor",
            recipe_sha256=SHA,
        )
        begun = self.lots.begin(self.lot, wish)
        steps: list[dict[str, Any]] = []
        with contextlib.suppress(WorkbenchError, KeyboardInterrupt), run:
            self._began(run, serial, operator, begun.attempt)
            for step in STEPS:
                outcome = "PASS" if error is None or step != at else _outcome(error)
                steps.append({"step": step, "outcome": outcome, "elapsed_s": 0.5})
                with run.step(step, f"doing {step}"):
                    if step == "provision":
                        run.emit(_measured(voltage))
                    if step == at and error is not None:
                        raise error
        self._finish(wish, run, steps, voltage)
        return run

    def _began(self, run: Run, serial: str, operator: str, attempt: int) -> None:
        plan = [{"step": s, "title": f"doing {s}", "irreversible": False, "done": False} for s in STEPS]
        run.emit(
            UnitBegan(
                serial=serial,
                recipe="sensor",
                lot=self.lot.id,
                operator=operator,
                attempt=attempt,
                steps=plan,
            )
        )
        run.emit(Observed(what="chip-id", value=f"c0ffee{serial.casefold()}"))
        run.result |= {"serial": serial, "lot": self.lot.id, "operator": operator, "attempt": attempt}

    def _finish(self, wish: Attempt, run: Run, steps: list[dict[str, Any]], voltage: float) -> None:
        told = _measured(voltage)
        ended = replace(
            wish,
            verdict=run.verdict or "ERROR",
            finished_at=datetime.now(UTC),
            elapsed_s=1.5,
            error_code=run.error.code if run.error else None,
            steps=tuple(steps),
            measurements=(
                {
                    "step": told.step,
                    "name": told.name,
                    "value": told.value,
                    "unit": told.unit,
                    "low": told.low,
                    "high": told.high,
                    "passed": told.passed,
                },
            ),
            chip_id=f"c0ffee{wish.serial.casefold()}",
        )
        self.lots.finish([ended])


def unit_run(serial: str = "A1", verdict: str = "PASS", **fields: Any) -> UnitRun:
    """A run as reports have it, made of nothing; in half of a second at noon."""
    at = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    error = None
    if verdict != "PASS":
        error = {"code": "lab-unit-bad", "what": "bad", "cause": "it was told to", "action": "put it aside"}
    step = StepRun(step="flash", title="Flashing", outcome=verdict, elapsed_s=0.5, error=error)  # type: ignore[arg-type]
    made: dict[str, Any] = {
        "run_id": "0" * 8,
        "verdict": verdict,
        "started_at": at,
        "finished_at": at,
        "elapsed_s": 0.5,
        "serial": serial,
        "lot": "LOT-7",
        "station": "line-1",
        "slot": "v1",
        "recipe": "sensor",
        "error": error,
        "steps": (step,),
        "measurements": (Measurement(step="flash", name="supply", value=3.3, unit="V", low=3.0, high=3.6),),
    }
    return UnitRun(**{**made, **fields})


def _measured(voltage: float) -> Measured:
    passed = 3.0 <= voltage <= 3.6
    return Measured(
        step="provision", name="supply", value=voltage, unit="V", low=3.0, high=3.6, passed=passed
    )


def _outcome(error: BaseException) -> str:
    if isinstance(error, WorkbenchError):
        return "FAIL" if error.blame is Blame.UNIT else "ERROR"
    return "STOPPED"
