"""Step scan-label: the label on the unit scanned, and compared with the unit itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from workbench.languages import N_
from workbench.station.steps import who
from workbench.station.steps.confirm import Wait
from workbench.station.steps.enroll import find_unit, fingerprint_of, verify_unit
from workbench.station.steps.errors import LabelScanDiffers
from workbench.station.steps.label import label_for
from workbench.station.steps.material import wanted_of
from workbench.station.steps.step import Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.identity.ledger.values import Unit
    from workbench.station.steps.context import StepContext


class ScanLabelOptions(Table):
    """`challenge`: the unit's key must answer a challenge now, and be the one that the label names; `scans`:
    how many scans there may be until one is a label of ours.
    """

    challenge: bool = Field(default=True, description="true or false")
    scans: int = Field(default=3, ge=1, le=20, description="a number from 1 to 20")
    wait_s: Wait | None = None


class ScanLabel(Step[ScanLabelOptions]):
    """Asks for a scan of the label; serial number, fingerprint and check digits must be this unit's."""

    name = "scan-label"
    Options = ScanLabelOptions
    waits = True
    after_identity = True

    def title(self, options: ScanLabelOptions) -> str:
        return "scanning the label and comparing it with the unit"

    def run(self, ctx: StepContext, options: ScanLabelOptions) -> dict[str, Any]:
        from workbench.station.labels.payload import payload

        expected = label_for(ctx)
        scanned = self._scanned(ctx, options)
        verify_label(ctx, scanned, expected)
        challenged = options.challenge and bool(expected.fingerprint)
        if challenged:
            wanted = wanted_of(ctx)
            verify_unit(ctx, wanted, restart=False)
            self._verify_key(ctx, scanned, find_unit(wanted))
        else:
            found = who.identify(ctx.held, ctx.emit)
            who.verify_same(found, ctx.chip_id, f"slot {ctx.slot.name}", ctx.serial)
        return {"payload": payload(scanned), "challenged": challenged}

    @staticmethod
    def _verify_key(ctx: StepContext, scanned: Any, unit: Unit | None) -> None:
        """The key that has just answered is the one that the label names."""
        from dataclasses import replace

        from workbench.station.labels.payload import short_fingerprint

        key = None if unit is None else fingerprint_of(unit)
        verify_label(ctx, scanned, replace(scanned, serial=ctx.serial, fingerprint=short_fingerprint(key)))

    @staticmethod
    def _scanned(ctx: StepContext, options: ScanLabelOptions) -> Any:
        """The first scan that is a label of ours.  Raises LabelUnreadable after the last."""
        from workbench.station.labels.errors import LabelUnreadable
        from workbench.station.labels.payload import parse_label

        text = N_("Put the label on the unit, then scan it")
        for left in range(options.scans - 1, -1, -1):
            answer = ctx.ask_scan(text, wait_s=options.wait_s).strip()
            try:
                return parse_label(answer)
            except LabelUnreadable as error:
                if not left:
                    raise
                ctx.note(error.what)
                text = _again(answer, ctx.serial)
        raise AssertionError("the last scan returns or raises")


def _again(answer: str, serial: str) -> str:
    """What to scan after what is no label: many units carry a bar code of their serial number too."""
    from workbench.identity.labels import compared

    if compared(answer) == compared(serial):
        return N_("That was the serial number alone. Scan the square code of the label")
    return N_("That was no label of this workbench. Scan the label on the unit again")


def verify_label(ctx: StepContext, scanned: Any, expected: Any) -> None:
    """Raises LabelScanDiffers."""
    from workbench.identity.labels import compared

    if compared(scanned.serial) != compared(expected.serial):
        raise LabelScanDiffers(
            f"{ctx.key}: the label says {scanned.serial}, and this is unit {expected.serial}"
        )
    if scanned.fingerprint != expected.fingerprint:
        raise LabelScanDiffers(
            f"{ctx.key}: the label names the key {scanned.fingerprint or '(none)'}, and the unit has "
            f"{expected.fingerprint or '(none)'}",
            cause="a label of an earlier identity of this serial number, or a forged one",
        )
