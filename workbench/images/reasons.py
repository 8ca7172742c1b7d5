"""Why a device did or refused something: numbers in its boot state, words on its console.

The numbers are those of the firmware (firmware-samples/secure/common); the host's refusals name the same.
"""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Result of the last request, or why an image is refused (from 16 on)."""

    NONE = 0
    CONFIRMED = 1
    REVERTED = 2
    INSTALLED = 3
    MAGIC = 16
    SIZE = 17
    TLV = 18
    """Malformed, duplicated, missing, or in the wrong area."""
    HASH = 19
    SIGNATURE = 20
    SIGNER_CHAIN = 21
    SIGNER_TIME = 22
    SIGNER_PURPOSE = 23
    COUNTER = 24
    VERSION = 25
    VID = 26
    CID = 27
    DECRYPT = 28
    MAC = 29
    NOT_BOOTABLE = 30
    DEPENDENCY = 31
    UNSUPPORTED = 32
    NOT_PROVISIONED = 33

    @property
    def word(self) -> str:
        """As the device prints it: `signer-chain`."""
        return self.name.lower().replace("_", "-")

    @property
    def refuses(self) -> bool:
        """Whether an image was refused for it."""
        return self >= Reason.MAGIC


def reason_of(word: str) -> Reason:
    """The reason that the device printed; raises KeyError for a word it does not have."""
    return Reason[word.upper().replace("-", "_")]
