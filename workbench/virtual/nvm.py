"""A twin's non-volatile memory on disk: flash and UICR in one file that is replaced as a whole or not at all.

The file is the SHA-256 of all that follows, one line of JSON (format, why and when it was saved, sizes), and
the bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

FORMAT: Final = "workbench-nvm/2"
CHECKSUM_SIZE: Final = 65

Reason = Literal["blank", "off", "cut", "lost", "checkpoint"]
"""Why it was saved: the chip is new; it was switched off; it was cut on purpose; its supervisor died and the
guard saved it; it was running, and everything might have died at once."""


class NvmDamaged(Exception):
    """The saved memory does not match its own checksum or format."""


@dataclass(frozen=True)
class Nvm:
    """Contents of a chip's non-volatile memories; erased bytes are 0xFF."""

    flash: bytes
    uicr: bytes
    reason: Reason = "blank"
    saved_at: float = 0.0
    """Seconds since the epoch; 0 for a chip that was never saved."""

    @classmethod
    def erased(cls, flash_size: int, uicr_size: int) -> Nvm:
        """A chip as it leaves its factory."""
        return cls(b"\xff" * flash_size, b"\xff" * uicr_size)


def save(path: Path, nvm: Nvm) -> None:
    """Replace the file at `path` atomically and durably.  Raises OSError, leaving the old file whole."""
    header = {
        "format": FORMAT,
        "reason": nvm.reason,
        "saved_at": nvm.saved_at or time.time(),
        "flash": len(nvm.flash),
        "uicr": len(nvm.uicr),
    }
    content = json.dumps(header).encode("ascii") + b"\n" + nvm.flash + nvm.uicr
    replace_file(path, _checksum(content) + content)


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode("ascii") + b" "


def load(path: Path, flash_size: int, uicr_size: int) -> Nvm:
    """Read a saved memory; a missing file is an erased chip.  Raises NvmDamaged, OSError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Nvm.erased(flash_size, uicr_size)
    content = raw[CHECKSUM_SIZE:]
    if raw[:CHECKSUM_SIZE] != _checksum(content):
        raise NvmDamaged(f"{path}: the checksum is wrong")
    line, _, body = content.partition(b"\n")
    try:
        header = json.loads(line)
        known, sizes = header["format"] == FORMAT, (header["flash"], header["uicr"])
        reason, saved_at = header["reason"], float(header["saved_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise NvmDamaged(f"{path}: not a saved memory: {error}") from error
    if not known or sizes != (flash_size, uicr_size) or len(body) != flash_size + uicr_size:
        raise NvmDamaged(f"{path}: format or size is wrong")
    return Nvm(body[:flash_size], body[flash_size:], reason, saved_at)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, also after a crash of the machine."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
