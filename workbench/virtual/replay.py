"""Flash and UICR after the first n operations of a recorded run, whole or with the last one torn.  Pure.

What the controller did is known word by word, so the memories after a cut at any operation can be computed
instead of run for, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.virtual.chips import NvmController
from workbench.virtual.cut import CutMode, Operation, torn_erase, torn_word


class Replay:
    """Walks through a recorded run; points may be asked for in rising order only."""

    def __init__(self, nvm: NvmController, flash: bytes, uicr: bytes, log: Sequence[Operation]) -> None:
        self._nvm = nvm
        self._flash, self._uicr = bytearray(flash), bytearray(uicr)
        self._log = log
        self._done = 0

    def at(self, point: int, mode: CutMode, seed: int) -> tuple[bytes, bytes]:
        """The memories where power went at operation `point`, counted from 1: after it, or in its midst.

        `clean` also knows point 0, before the first.  Raises ValueError for a point outside the run or below
        the last one asked for.
        """
        whole = point if mode == "clean" else point - 1
        if not 0 <= self._done <= whole or point > len(self._log):
            raise ValueError(f"point {point} of {len(self._log)}, {self._done} are done")
        for operation in self._log[self._done : whole]:
            self._apply(operation)
        self._done = whole
        if mode == "clean":
            return bytes(self._flash), bytes(self._uicr)
        return self._torn(self._log[point - 1], seed)

    def _apply(self, operation: Operation) -> None:
        memory, offset = self._place(operation)
        if operation.kind in ("word", "uicr"):
            old = int.from_bytes(memory[offset : offset + 4], "little")
            memory[offset : offset + 4] = (old & operation.value).to_bytes(4, "little")
        elif operation.kind == "page":
            memory[offset : offset + self._nvm.page_size] = b"\xff" * self._nvm.page_size
        else:
            memory[:] = b"\xff" * len(memory)
            if operation.kind == "chip":
                self._uicr[:] = b"\xff" * len(self._uicr)

    def _place(self, operation: Operation) -> tuple[bytearray, int]:
        if operation.kind == "uicr":
            return self._uicr, operation.address - self._nvm.uicr.start
        if operation.kind == "uicr-erase":
            return self._uicr, 0
        return self._flash, operation.address - self._nvm.flash.start if operation.kind != "chip" else 0

    def _torn(self, operation: Operation, seed: int) -> tuple[bytes, bytes]:
        memory, offset = self._place(operation)
        before = bytes(self._flash), bytes(self._uicr)
        if operation.kind in ("word", "uicr"):
            old = int.from_bytes(memory[offset : offset + 4], "little")
            memory[offset : offset + 4] = torn_word(old, operation.value, seed).to_bytes(4, "little")
        elif operation.kind == "page":
            end = offset + self._nvm.page_size
            memory[offset:end] = torn_erase(bytes(memory[offset:end]), seed)
        else:
            memory[:] = torn_erase(bytes(memory), seed)
            if operation.kind == "chip":
                self._uicr[:] = torn_erase(bytes(self._uicr), seed)
        after = bytes(self._flash), bytes(self._uicr)
        self._flash[:], self._uicr[:] = before
        return after
