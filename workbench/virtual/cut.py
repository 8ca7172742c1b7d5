"""Power cuts at a chosen flash operation: which one, and what a torn one leaves.  Pure: no wires, no I/O."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any, Literal

CutMode = Literal["clean", "torn"]
OperationKind = Literal["", "word", "uicr", "page", "chip", "uicr-erase"]
"""A word write to flash or UICR, or the erase of a page, of the chip, of the UICR; empty before the first."""


@dataclass(frozen=True)
class Operation:
    """One operation of the flash controller: what it did, where, and the word it wrote (erases: all ones)."""

    kind: OperationKind
    address: int
    value: int = 0xFFFFFFFF
    pc: int = 0


class PowerLost(Exception):
    """The armed cut has come: the memories are as the cut left them, the power is to go now."""


@dataclass
class Cut:
    """A power cut that waits for its moment, or (with `after_operations` 0) a counter of flash operations.

    `clean`: power goes after `after_operations` whole operations.  `torn`: the last of them is left half
    done; which bits made it comes from `seed`.
    """

    after_operations: int
    mode: CutMode = "clean"
    seed: int = 0
    armed: bool = False
    happened: bool = False
    operations: int = 0
    kind: OperationKind = ""
    address: int = 0
    pc: int = 0
    log: list[Operation] | None = None
    """Every operation goes here as well, where somebody wants them."""

    def begin(self, kind: OperationKind, address: int, pc: int, value: int = 0xFFFFFFFF) -> bool:
        """An operation is about to happen; whether it is the one to be torn (call `lost` when it is)."""
        if not self.armed:
            return False
        self.operations += 1
        self.kind, self.address, self.pc = kind, address, pc
        if self.log is not None:
            self.log.append(Operation(kind, address, value, pc))
        return self.mode == "torn" and self.operations == self.after_operations

    def done(self) -> None:
        """The operation that began last is complete.  Raises PowerLost when the moment has come."""
        if self.armed and self.after_operations and self.operations >= self.after_operations:
            raise self.lost()

    def lost(self) -> PowerLost:
        """The exception that says that the power has gone."""
        self.happened, self.armed = True, False
        return PowerLost(
            f"power cut at flash operation {self.operations} ({self.kind} at 0x{self.address:x})"
        )

    def torn_word(self, old: int, new: int) -> int:
        """A word of which some of the bits that were to fall have fallen."""
        return torn_word(old, new, self.seed)

    def torn_erase(self, old: bytes) -> bytes:
        """Memory of which some of the bits that were to rise have risen."""
        return torn_erase(old, self.seed)

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return {name: value for name, value in asdict(self).items() if name != "log"}


def torn_word(old: int, new: int, seed: int) -> int:
    """A word of which some of the bits that were to fall have fallen."""
    return old & (new | random.Random(seed).getrandbits(32))


def torn_erase(old: bytes, seed: int) -> bytes:
    """Memory of which some of the bits that were to rise have risen."""
    return bytes(a | b for a, b in zip(old, random.Random(seed).randbytes(len(old)), strict=True))
