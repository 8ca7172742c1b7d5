"""The key page of a unit, as far as a debug probe has business there.  Pure.

    0x000  enrolment record, by the probe: "WBENROL1" | one-time secret (32) | u32 CRC-32 of the 40 bytes
    0x040  key record, by the device: private key (32) | X Y (64) | u32 CRC-32 | u32 valid mark
    0x140  six more such records, 0x70 bytes apart: where the power went while the device wrote one, that one
           is overwritten with zeros and the next is taken

The station reads valid mark and public half of a key record, never the private one.  The same form is in
firmware-samples/secure/app/key_page.h.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, Literal

from workbench.identity.mcu.request import MAC_DOMAIN, SECRET_BYTES

RECORDS_AT: Final = (0x040, *(0x140 + 0x70 * number for number in range(6)))
"""Offsets of the key records in the page; the one with VALID_MARK counts."""
PUBLIC_IN_RECORD: Final = 0x20
"""Offset of X and Y in a key record."""
MARK_IN_RECORD: Final = 0x64
VALID_MARK: Final = 0x59454B21
PUBLIC_AT: Final = RECORDS_AT[0] + PUBLIC_IN_RECORD
"""Offset of X and Y in the page, when no power cut came while the key was written."""
PUBLIC_BYTES: Final = 64
RECORD: Final = struct.Struct("<8s32sI")
BLANK: Final = b"\xff" * RECORD.size

Found = Literal["blank", "ours", "spent", "other"]


def enrolment_record(secret: bytes) -> bytes:
    """The record with that one-time secret, 44 bytes; raises ValueError for another length."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a one-time secret has {SECRET_BYTES} bytes, not {len(secret)}")
    head = MAC_DOMAIN + secret
    return head + struct.pack("<I", zlib.crc32(head))


def judge_record(found: bytes, secret: bytes) -> Found:
    """What lies where the record belongs: nothing, our record, a spent one (its secret is overwritten with
    zeros), or something else: another secret, or a record that was cut short.
    """
    if found == BLANK:
        return "blank"
    if found == enrolment_record(secret):
        return "ours"
    magic, held, crc = RECORD.unpack(found)
    return "spent" if magic == MAC_DOMAIN and not any(held) and not crc else "other"


def can_complete(found: bytes, wanted: bytes) -> bool:
    """Whether programming `wanted` over `found` without erasing gives `wanted`: flash bits only fall."""
    return len(found) == len(wanted) and all(a & b == b for a, b in zip(found, wanted, strict=True))
