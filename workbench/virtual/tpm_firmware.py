"""How a virtual TPM board's firmware, and its TPM's vendor, talk to the TPM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workbench.virtual import tpm_commands as tc

Send = Callable[[bytes], bytes]
"""Sends a command to the TPM, returns its answer."""
ENDORSEMENT_INDICES: Final = (0x01C00002, 0x01C00016)
"""NV indices of the EK certificates: RSA-2048 (template L-1) and P-384 (H-3)."""


class Firmware:
    """Sends commands that must succeed.  Raises CommandFailed."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def tell(self, command: bytes) -> bytes:
        """Sends a command; what follows the response code."""
        found = self.ask(command)
        if found.rc:
            name = tc.name_of(tc.code_of(command))
            raise tc.CommandFailed(f"the virtual TPM refused {name} with 0x{found.rc:x}")
        return found.body

    def ask(self, command: bytes) -> tc.Answer:
        """Sends a command that may fail."""
        return tc.answer(self._send(command))

    def is_locked(self, index: int) -> bool:
        """Whether the index is there and write-locked: the mark that something was completed."""
        attributes = tc.nv_attributes(self.ask(tc.nv_read_public(index)))
        return attributes is not None and bool(attributes & tc.NV_WRITELOCKED)
