"""Errors of the line, and why a scan is refused."""

from __future__ import annotations

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.languages import N_


class LineBusy(WorkbenchError):
    """Another process works the line of this bench."""

    code = "line-busy"
    blame = Blame.STATION
    default_cause = N_("the line is open in another window, or a headless run is going on")
    default_action = N_("close the other one, or watch it: a second viewer only looks")


class LineClosed(WorkbenchError):
    """The line is ending, and takes nothing any more."""

    code = "line-closed"
    blame = Blame.STOPPED
    default_cause = N_("somebody closed the line")
    default_action = N_("open the line again")


class StepHangs(WorkbenchError):
    """A step took longer than its limit and did not end when its time was over, so its process was killed."""

    code = "step-hangs"
    blame = Blame.STATION
    default_cause = N_("a driver or a probe hangs; what the unit holds now is not known")
    default_action = N_("look at the probe and its cable, acknowledge the slot, then run the unit again")


class UnitTakesTooLong(WorkbenchError):
    """The whole unit took longer than the recipe allows, so its process was killed."""

    code = "unit-takes-too-long"
    blame = Blame.STATION
    default_cause = N_("the steps together need more time than limits.unit_s of the recipe")
    default_action = N_("look at the slot, acknowledge it, then run the unit again")


class SlotKeepsDying(WorkbenchError):
    """The slot's process died twice in a row, so the slot takes no unit any more."""

    code = "slot-keeps-dying"
    blame = Blame.STATION
    default_cause = N_("a driver that crashes, too little memory, or a broken probe")
    default_action = N_("have somebody look at the slot's process.log, then acknowledge the slot")


class SlotCannotStart(WorkbenchError):
    """The slot's process cannot be started."""

    code = "slot-cannot-start"
    blame = Blame.STATION
    default_cause = N_("the bench or the recipe changed, or the machine has no memory left")
    default_action = N_("see the slot's process.log, correct what it names, then acknowledge the slot")


class BoardUnknown(WorkbenchError):
    """An irreversible step ended without saying how far it came, so the slot takes no unit before a look."""

    code = "board-state-unknown"
    blame = Blame.STATION
    default_cause = N_("the step was interrupted in the middle")
    default_action = N_("put the unit aside or run it again after a look, and acknowledge the slot")


class ScanRefused(InputError):
    """A scan cannot be used."""

    code = "scan-refused"
    default_cause = N_("the scan does not fit what the line waits for")
    default_action = N_("scan the unit's label again")


class ScanTooLong(ScanRefused):
    """A scan is longer than any serial number."""

    code = "scan-too-long"
    default_cause = N_("another label was scanned, or several scans came without an end of line between them")
    default_action = N_("scan the unit's label alone; set the scanner to end each scan with Enter")


class ScanGarbled(ScanRefused):
    """A scan holds characters that no label holds."""

    code = "scan-garbled"
    default_cause = N_("a damaged label, or a scanner with the wrong keyboard layout")
    default_action = N_("scan again; if it comes again, have the scanner's settings looked at")


class ScanOfNoSlot(ScanRefused):
    """A scan names a slot that is not on this line."""

    code = "scan-slot-unknown"
    default_cause = N_("a label of another bench, or the slot is not used by this recipe")
    default_action = N_("scan the label of a slot that the screen shows")


class SlotRunning(ScanRefused):
    """The slot that was meant is working on another unit."""

    code = "slot-running"
    default_cause = N_("its unit is not finished")
    default_action = N_("wait for its verdict, or use another slot")


class SlotBroken(ScanRefused):
    """The slot that was meant takes no unit before somebody has looked at it."""

    code = "slot-broken"
    blame = Blame.STATION
    default_cause = N_("something went wrong in it, as the slot shows")
    default_action = N_("look at the slot and acknowledge it, or use another slot")


class SlotNotReady(ScanRefused):
    """The slot that was meant is not ready."""

    code = "slot-not-ready"
    default_cause = N_("its process is being started")
    default_action = N_("wait a moment and scan again")


class NoSlotFree(ScanRefused):
    """No slot can take a unit now."""

    code = "no-slot-free"
    default_cause = N_("all slots are at work, or wait for somebody to look at them")
    default_action = N_("wait for a verdict, take that unit out, then scan again")


class SlotUnclear(ScanRefused):
    """Several slots hold finished units, and the scan does not say which one was replaced."""

    code = "scan-slot-unclear"
    default_cause = N_("the next unit was scanned before the line was told which unit was taken out")
    default_action = N_("choose the slot, or scan its SLOT label, then scan the unit again")


class UnitAtWork(ScanRefused):
    """The unit is being worked on in another slot at this moment."""

    code = "unit-at-work"
    default_cause = N_("the same label was scanned twice")
    default_action = N_("scan the label of the unit that you hold")


class NobodySignedIn(ScanRefused):
    """Nobody has signed in at this station."""

    code = "nobody-signed-in"
    default_cause = N_("the station asks for the name of whoever works at it")
    default_action = N_("scan your badge first")


class NothingProposed(ScanRefused):
    """There is nothing to confirm in this slot."""

    code = "nothing-proposed"
    default_cause = N_("it was confirmed already, or another scan took its place")
    default_action = N_("scan the unit again")


class NoQuestion(ScanRefused):
    """The slot does not ask what was answered."""

    code = "no-question"
    default_cause = N_("the answer came too late, or the run has ended")
    default_action = N_("look at the slot: it shows what it waits for")


class NothingToRetry(ScanRefused):
    """There is no unit in this slot that could be run again."""

    code = "nothing-to-retry"
    default_cause = N_("the unit passed, is still at work, or was taken out")
    default_action = N_("scan the unit that you mean")


class NoSerialRule(ScanRefused):
    """The lot hands out no serial numbers."""

    code = "no-serial-rule"
    default_cause = N_("its serial numbers are scanned, or no lot is open")
    default_action = N_("scan the unit's label")
