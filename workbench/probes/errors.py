"""Errors of the probes room.  pyOCD's exceptions are turned into these in `faults`; no other room sees
pyOCD's.

STATION: probe, cable, wiring.  UNIT: what the chip itself did.  INPUT: files and addresses given.  STOPPED:
somebody asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import Blame, InputError, Stopped, WorkbenchError

if TYPE_CHECKING:
    from workbench.probes.ledger import FlashState


class DebugError(WorkbenchError):
    """Debug access failed in a way that has no error of its own."""

    code = "debug-failed"
    blame = Blame.STATION
    default_cause = "the debug probe or the chip answered in an unexpected way"
    default_action = "power-cycle the board, plug the probe in again, and run `workbench doctor`"


class ProbeMissing(DebugError):
    """The slot's debug probe is not plugged in."""

    code = "probe-missing"
    default_cause = "the board is unplugged, or powered off together with its probe"
    default_action = "plug the board in or switch the slot on, then compare with `workbench doctor`"


class ProbeBusy(DebugError):
    """Another program holds the debug probe."""

    code = "probe-busy"
    default_cause = "another debugger or a second run has this probe open"
    default_action = "end the other program, then run the command again"


class ProbeLost(DebugError):
    """The debug probe or its board went away during the work."""

    code = "probe-lost"
    default_cause = "the board was unplugged or lost its power"
    default_action = "plug it in, then run the same command again; it starts from what the chip then holds"

    def __init__(
        self,
        what: str,
        *,
        state: FlashState | None = None,
        cause: str | None = None,
        action: str | None = None,
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.state = state
        """What is known of the chip's content where the loss came in the middle of a write."""


class ChipSilent(DebugError):
    """The probe works, but no chip answers it."""

    code = "chip-silent"
    default_cause = (
        "the chip has no power, a debug wire is loose, or its firmware switched the debug pins off"
    )
    default_action = "check power and wires; if the firmware blocks debugging, connect under reset"


class DebugTimeout(DebugError):
    """A debug operation did not end within its time limit."""

    code = "debug-timeout"
    default_cause = "the probe or its USB connection hangs"
    default_action = "unplug the probe and plug it in again, then run the same command again"

    def __init__(
        self,
        what: str,
        *,
        state: FlashState | None = None,
        cause: str | None = None,
        action: str | None = None,
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.state = state
        """What is known of the chip's content where the time ran out in the middle of a write."""


class DebugFault(WorkbenchError):
    """The chip refused an access to its memory."""

    code = "debug-fault"
    blame = Blame.UNIT
    default_cause = "nothing answers at this address, or the chip protects it"
    default_action = "check the address against the target file's memory map"


class ChipWrong(DebugError):
    """The chip is not the one that the target file describes."""

    code = "chip-wrong"
    default_cause = "another kind of board is plugged into the slot, or the slot names the wrong target"
    default_action = "plug in the right board, or correct the slot's `target` in the bench file"


class ChipLocked(WorkbenchError):
    """The chip is protected against reading and writing."""

    code = "chip-locked"
    blame = Blame.UNIT
    default_cause = "its firmware or an earlier run switched read-back protection on"
    default_action = (
        "nothing was written; to use the chip again it must be erased completely, "
        "which destroys its firmware and identity: `workbench recover SLOT`"
    )


class TargetUnsupported(InputError):
    """pyOCD cannot handle the chip as the target file describes it."""

    code = "target-unsupported"
    default_cause = "the target file names a chip, pack or user script that pyOCD does not know"
    default_action = (
        "correct [debug] in the target file; `pyocd list --targets` shows the names that pyOCD knows"
    )


class RecoverUnsupported(InputError):
    """The target file names no way to recover a locked chip."""

    code = "recover-unsupported"
    default_cause = "the target file has no [lock] table, or one without `recover`"
    default_action = "add [lock] to the target file, or use the chip vendor's own tool"


class ImageError(InputError):
    """An image cannot be used."""

    code = "image-invalid"
    default_cause = "the image does not fit this target"
    default_action = "nothing was written; correct the image or the target, then run the command again"


class ImageUnreadable(ImageError):
    """An image file cannot be read."""

    code = "image-unreadable"
    default_cause = "the file is damaged, cut short, or of another format than its name says"
    default_action = "nothing was written; build the file again, or name its format"


class ImageOutsideMemory(ImageError):
    """An image holds bytes where the chip has no memory for them."""

    code = "image-outside-memory"
    default_cause = "the image was linked for another chip, or the base address is wrong"


class ImageOverlap(ImageError):
    """Two images want the same bytes of the chip."""

    code = "image-overlap"
    default_cause = "the files were linked to the same place, or a base address is wrong"


class ImageOverIdentity(ImageError):
    """The work would destroy the unit's identity area."""

    code = "image-over-identity"
    default_cause = "the image is larger than the space before the identity area, or was linked into it"
    default_action = (
        "nothing was written; link the image clear of the area, or permit it by name "
        "if the unit's identity may be lost"
    )


class ImageNeedsErase(ImageError):
    """An image needs configuration bits to rise, which only erasing the whole chip can do."""

    code = "image-needs-erase"
    default_cause = "the chip's configuration area holds other values, and can only be erased with the chip"
    default_action = "nothing was written; erase the chip first, or leave the configuration out of the image"


class RangeInvalid(InputError):
    """An address range cannot be used."""

    code = "range-invalid"
    default_cause = "the range is not in the chip's memory or not on the borders that the chip needs"
    default_action = "nothing was done; give the range again within the bounds named above"


class FlashFailed(WorkbenchError):
    """The chip failed to erase or to program its flash."""

    code = "flash-failed"
    blame = Blame.UNIT
    default_cause = "the flash is worn out or write-protected, or the supply is weak"
    default_action = "run it again with erasing the whole chip; if it fails again, set the unit aside"

    def __init__(self, what: str, *, state: FlashState | None = None, cause: str | None = None) -> None:
        super().__init__(what, cause=cause)
        self.state = state
        """What is known of the chip's content."""


class FlashVerifyFailed(WorkbenchError):
    """The chip holds other bytes than were written."""

    code = "flash-verify-failed"
    blame = Blame.UNIT
    default_cause = "the flash is worn out or write-protected, or the supply or a debug wire is weak"
    default_action = "run it again with erasing the whole chip; if it fails again, set the unit aside"

    def __init__(self, what: str, *, address: int, expected: bytes, found: bytes, differing: int) -> None:
        super().__init__(what)
        self.address = address
        """First address that differs."""
        self.expected = expected
        """Up to 16 bytes that should be there, from `address`."""
        self.found = found
        """Up to 16 bytes that the chip returned, from `address`."""
        self.differing = differing
        """How many bytes differ in all."""


class FlashInterrupted(Stopped):
    """Writing was stopped before it was complete."""

    code = "flash-interrupted"
    default_cause = "Ctrl-C, or another process took the slot"
    default_action = "the core is halted; run the same command again, it continues from what the chip holds"

    def __init__(self, what: str, *, state: FlashState, cause: str | None = None) -> None:
        super().__init__(what, cause=cause)
        self.state = state
        """What is known of the chip's content."""
