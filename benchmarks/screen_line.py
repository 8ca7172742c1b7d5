"""A line whose eight slots are always at work: every look at it finds more done.  Plain data, no boards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workbench.station.line.state import LineState, LotView, ScanAnswer, SlotView, StepView

SLOTS: Final = 8
STEPS: Final = (
    "Flash the bootloader",
    "Flash the application",
    "Verify",
    "Enrol",
    "Verify the identity",
    "Lock",
)
STEP_S: Final = 5.0
STEP_BYTES: Final = 262_144


class BusyLine:
    """Every step takes five seconds; the slots are at different places of the plan."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock() - 100.0

    def state(self) -> LineState:
        """The line now."""
        now = self._clock()
        lot = LotView(
            lot="2026-47", recipe="r", quantity=500, passed=312, failed=7, remaining=181, units_per_hour=46
        )
        slots = tuple(self._slot(number, now) for number in range(SLOTS))
        return LineState(
            revision=int(now * 1000), now=now, station="Station 7", title="Sensor", slots=slots, lot=lot
        )

    def _slot(self, number: int, now: float) -> SlotView:
        spent = (now - self._began + number * 3.7) % (STEP_S * len(STEPS))
        current = int(spent // STEP_S)
        done = int((spent % STEP_S) / STEP_S * STEP_BYTES)
        steps = tuple(
            StepView(
                step=title,
                title=title,
                state="passed" if index < current else "running" if index == current else "waiting",
                began=now - spent % STEP_S,
                elapsed_s=STEP_S if index < current else None,
                limit_s=60.0,
            )
            for index, title in enumerate(STEPS)
        )
        return SlotView(
            name=f"v{number + 1}",
            target="t",
            phase="running",
            serial=f"SN-{number:06}",
            attempt=1,
            steps=steps,
            progress=(done, STEP_BYTES, "bytes"),
            began=now - spent,
        )

    def scan(self, text: str, slot: str | None = None) -> ScanAnswer:
        """Always taken."""
        return ScanAnswer(kind="answered", text=text, slot="v1")

    def confirm(self, slot: str) -> ScanAnswer:
        """Not used here."""
        return self.scan("", slot)

    def refuse(self, slot: str) -> None:
        """Not used here."""

    def next_unit(self, slot: str | None = None) -> ScanAnswer:
        """Not used here."""
        return self.scan("", slot)

    def answer(self, slot: str, prompt: str, value: str | bool) -> ScanAnswer:
        """Not used here."""
        return self.scan(prompt, slot)

    def cancel(self, slot: str) -> bool:
        """Not used here."""
        return False

    def take_out(self, slot: str) -> bool:
        """Not used here."""
        return False

    def retry(self, slot: str) -> ScanAnswer:
        """Not used here."""
        return self.scan("", slot)

    def acknowledge(self, slot: str) -> bool:
        """Not used here."""
        return False

    def sign_in(self, operator: str | None) -> None:
        """Not used here."""

    def close(self, timeout_s: float = 60.0) -> None:
        """Nothing to end."""


class Nobody:
    """No people."""

    sign_in = False
    has_pin = True

    def badge(self, text: str) -> str:
        """Everybody is welcome."""
        return text

    def engineer(self, pin: str) -> str:
        """Every PIN is right."""
        return pin
