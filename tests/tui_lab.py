"""A line for the tests of faces: plain states that a test sets, and every call written down.

`python -m tests.tui_lab NAME` runs the real application on such a line in the terminal of the caller.  Calls
are appended to the file WORKBENCH_LAB_CALLS as JSON lines.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from workbench.station.line.state import (
    ErrorView,
    LineState,
    LotView,
    Question,
    ScanAnswer,
    SlotView,
    StepView,
    UnfinishedUnit,
)

STEPS: Final = ("Flash the bootloader", "Flash the application", "Verify", "Enrol", "Lock", "Print the label")
PROBE_LOST: Final = ErrorView(
    code="probe-lost",
    blame="station",
    what="the probe of v3 stopped answering",
    cause="the USB cable was pulled",
    action="plug the probe in again, then press F5",
)
BOOT_FAILED: Final = ErrorView(
    code="no-boot",
    blame="unit",
    what="the application did not start within 5 s",
    cause="a bad solder joint, or a wrong part",
    action="put the unit into the red tray",
)


def steps(current: int, now: float) -> tuple[StepView, ...]:
    """A plan in which the step `current` runs."""

    def one(index: int, title: str) -> StepView:
        if index < current:
            return StepView(step=title, title=title, state="passed", elapsed_s=4.0 + index)
        if index == current:
            return StepView(
                step=title, title=title, state="running", limit_s=60, began=now - 12, irreversible=index == 4
            )
        return StepView(step=title, title=title, irreversible=index == 4)

    return tuple(one(index, title) for index, title in enumerate(STEPS))


def slot(name: str, phase: str = "ready", **more: Any) -> SlotView:
    """A slot in that phase."""
    return SlotView(name=name, target="microbit", phase=phase, **more)  # type: ignore[arg-type]


def running(name: str, serial: str, current: int, done: int, now: float = 0.0) -> SlotView:
    """A slot at work."""
    return slot(
        name,
        "running",
        serial=serial,
        attempt=1,
        steps=steps(current, now),
        progress=(done, 200, "bytes"),
        began=now - 40,
        limit_s=600,
    )


def finished(name: str, serial: str, verdict: str, error: ErrorView | None = None) -> SlotView:
    """A slot with a verdict."""
    return slot(name, "done", serial=serial, attempt=1, verdict=verdict, error=error, elapsed_s=83.0)


LOT: Final = LotView(
    lot="2026-47",
    recipe="sensor",
    quantity=500,
    passed=312,
    failed=7,
    in_work=4,
    remaining=181,
    first_pass=305,
    attempted=319,
    units_per_hour=46.0,
)


def busy(now: float = 0.0, count: int = 8) -> LineState:
    """A line of up to eight slots in which everything happens."""
    slots = (
        running("v1", "SN-000412", 1, 124, now),
        finished("v2", "SN-000413", "PASS"),
        finished("v3", "SN-000414", "ERROR", PROBE_LOST),
        finished("v4", "SN-000415", "FAIL", BOOT_FAILED),
        slot(
            "v5",
            "asking",
            serial="SN-000416",
            attempt=1,
            steps=steps(5, now),
            began=now - 70,
            question=Question(prompt="label", kind="scan", text="Scan the label on the unit"),
        ),
        slot("v6", "ready", present=False),
        finished("v7", "SN-000410", "STOPPED"),
        slot(
            "v8",
            "broken",
            error=replace(PROBE_LOST, code="slot-process-died", what="the slot's process died twice"),
        ),
    )
    return LineState(
        revision=1,
        now=now,
        station="Station 7",
        title="Sensor, tier 2",
        operator="Anna Berg",
        slots=slots[:count],
        lot=LOT,
    )


def unfinished() -> tuple[UnfinishedUnit, ...]:
    """What a power cut left."""
    return (
        UnfinishedUnit(
            serial="SN-000412",
            slot="v1",
            after_step="Flash the bootloader",
            during_step="Flash the application",
            irreversible=False,
            state="the application is written in part",
            action="put it into v1 and scan it: the work goes on with this step",
        ),
        UnfinishedUnit(
            serial="SN-000413",
            slot="v2",
            after_step="Enrol",
            during_step="Lock",
            irreversible=True,
            state="it is not known whether the lock is set",
            action="put it into v2 and scan it: the station looks before it goes on",
        ),
    )


@dataclass
class LabLine:
    """Answers as `answers` says, and writes down what was asked."""

    current: LineState = field(default_factory=lambda: busy(time.monotonic()))
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    answers: Callable[[str], ScanAnswer] | None = None
    told: Callable[[tuple[Any, ...]], None] | None = None

    def _call(self, *call: Any) -> None:
        self.calls.append(call)
        if self.told is not None:
            self.told(call)

    def state(self) -> LineState:
        return self.current

    def scan(self, text: str, slot: str | None = None) -> ScanAnswer:
        self._call("scan", text, slot)
        return (
            self.answers(text)
            if self.answers
            else ScanAnswer(kind="started", text=f"{text} begins", slot="v6")
        )

    def confirm(self, slot: str) -> ScanAnswer:
        self._call("confirm", slot)
        return ScanAnswer(kind="started", text="begun", slot=slot)

    def refuse(self, slot: str) -> None:
        self._call("refuse", slot)

    def next_unit(self, slot: str | None = None) -> ScanAnswer:
        self._call("next", slot)
        return ScanAnswer(kind="started", text="next", slot=slot or "v6")

    def answer(self, slot: str, prompt: str, value: str | bool) -> ScanAnswer:
        self._call("answer", slot, prompt, value)
        return ScanAnswer(kind="answered", text="answered", slot=slot)

    def cancel(self, slot: str) -> bool:
        self._call("cancel", slot)
        return True

    def take_out(self, slot: str) -> bool:
        self._call("take-out", slot)
        return True

    def retry(self, slot: str) -> ScanAnswer:
        self._call("retry", slot)
        return ScanAnswer(kind="resumed", text="again", slot=slot)

    def acknowledge(self, slot: str) -> bool:
        self._call("acknowledge", slot)
        return True

    def sign_in(self, operator: str | None) -> None:
        self._call("sign-in", operator)
        self.current = replace(self.current, operator=operator)

    def close(self, timeout_s: float = 60.0) -> None:
        self._call("close")


@dataclass
class LabPeople:
    """Anna, and a PIN."""

    sign_in: bool = False
    has_pin: bool = True

    def badge(self, text: str) -> str:
        from workbench.station.operators import BadgeUnknown

        if "1001" not in text:
            raise BadgeUnknown(f"badge {text!r} is not known here")
        return "Anna Berg"

    def engineer(self, pin: str) -> str:
        from workbench.station.operators_pin import PinWrong

        if pin != "246813":
            raise PinWrong("that is not the PIN")
        return "Engineer mode."


@dataclass
class Defective(LabLine):
    """A line that breaks the screen once, some time after it was opened."""

    looks: int = 0

    def state(self) -> LineState:
        self.looks += 1
        if self.looks == 5:
            raise ZeroDivisionError("a defect of the screen")
        return self.current


SCENES: Final[dict[str, Callable[[float], LineState]]] = {
    "busy": busy,
    "four": lambda now: busy(now, 4),
    "two": lambda now: busy(now, 2),
    "one": lambda now: busy(now, 1),
    "idle": lambda now: replace(busy(now), slots=tuple(slot(f"v{n}") for n in range(1, 5))),
    "unfinished": lambda now: replace(
        busy(now), slots=tuple(slot(f"v{n}") for n in range(1, 5)), unfinished=unfinished()
    ),
    "defect": lambda now: busy(now, 2),
    "signed-out": lambda now: replace(busy(now), operator=None),
}


def propose(text: str) -> ScanAnswer:
    """Scans that begin with P are proposed, with B break the line, others are refused or begin."""
    if text.startswith("P"):
        return ScanAnswer(kind="proposed", text=f"{text} in v6", slot="v6", serial=text, steps=steps(-1, 0.0))
    if text.startswith("B"):
        raise ZeroDivisionError("a defect")
    if text.startswith("D"):
        error = ErrorView(
            code="serial-duplicate",
            blame="input",
            what=f"{text} has passed already",
            cause="the unit was scanned twice",
            action="take a unit that is not finished",
        )
        return ScanAnswer(kind="refused", text=error.what, error=error)
    return ScanAnswer(kind="started", text=f"{text} begins", slot="v6", serial=text)


def main(scene: str) -> int:
    """The real application on a line of this laboratory."""
    from workbench.tui.main import show
    from workbench.tui.station import Station

    line = (Defective if scene == "defect" else LabLine)(
        current=SCENES[scene](time.monotonic()), answers=propose
    )
    calls = os.environ.get("WORKBENCH_LAB_CALLS")
    if calls:
        path = Path(calls)
        line.told = lambda call: append(path, call)
    people = LabPeople(sign_in=scene == "signed-out")
    return show(Station(seen=line, line=line, people=people), plain="--plain" in sys.argv)


def append(path: Path, call: tuple[Any, ...]) -> None:
    """One line for a call."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
