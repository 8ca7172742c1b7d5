"""The TPM's way of writing numbers and sized buffers: big-endian, a TPM2B is a u16 size and that many
bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.identity.tpm.errors import TpmStructureMalformed


def u8(value: int) -> bytes:
    """One byte."""
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    """Two bytes."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """Four bytes."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes."""
    return value.to_bytes(8, "big")


def tpm2b(content: bytes) -> bytes:
    """TPM2B: size and content (at most 65535 bytes)."""
    return u16(len(content)) + content


class Reader:
    """Reads one structure from its beginning to its end; every method raises TpmStructureMalformed."""

    def __init__(self, data: bytes, structure: str, limit: int) -> None:
        self._structure = structure
        self._data = data
        self._at = 0
        if len(data) > limit:
            raise self._wrong(f"{len(data)} bytes, at most {limit} are possible")

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes."""
        left = len(self._data) - self._at
        if size > left:
            raise self._wrong(f"{what} needs {size} bytes at offset {self._at}, {left} are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def u8(self, what: str) -> int:
        """One byte."""
        return self.take(1, what)[0]

    def u16(self, what: str) -> int:
        """Two bytes."""
        return int.from_bytes(self.take(2, what), "big")

    def u32(self, what: str) -> int:
        """Four bytes."""
        return int.from_bytes(self.take(4, what), "big")

    def u64(self, what: str) -> int:
        """Eight bytes."""
        return int.from_bytes(self.take(8, what), "big")

    def yes_no(self, what: str) -> bool:
        """TPMI_YES_NO: 0 or 1."""
        value = self.u8(what)
        if value > 1:
            raise self._wrong(f"{what} is {value}, neither YES nor NO")
        return bool(value)

    def one_of(self, allowed: Sequence[int], what: str) -> int:
        """Two bytes that are one of `allowed`."""
        value = self.u16(what)
        if value not in allowed:
            raise self._wrong(f"{what} is {value:#06x}, which is not expected here")
        return value

    def tpm2b(self, what: str, limit: int) -> bytes:
        """What a TPM2B of at most `limit` bytes holds."""
        size = self.u16(f"size of {what}")
        if size > limit:
            raise self._wrong(f"{what} has {size} bytes, at most {limit} are possible")
        return self.take(size, what)

    def end(self) -> None:
        """Nothing may follow."""
        if left := len(self._data) - self._at:
            raise self._wrong(f"{left} bytes follow its end")

    def _wrong(self, what: str) -> TpmStructureMalformed:
        return TpmStructureMalformed(f"{self._structure}: {what}")
