"""The few TPM commands that a virtual TPM's factory and firmware send, as bytes.  Pure.

TPM 2.0 Part 1, 18 (headers), Part 3 (commands).  Authorization is always the empty password, as in a
factory.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

NO_SESSIONS: Final = 0x8001
SESSIONS: Final = 0x8002
HEADER: Final = 10
MESSAGE_MAX: Final = 4096

RH_OWNER: Final = 0x40000001
RH_ENDORSEMENT: Final = 0x4000000B
RH_PLATFORM: Final = 0x4000000C
RS_PASSWORD: Final = 0x40000009

ALG_SHA256: Final = 0x000B
NV_WRITELOCKED: Final = 1 << 11
NV_CERTIFICATE: Final = 1 << 0 | 1 << 13 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 25 | 1 << 30
"""PPWRITE, WRITEDEFINE, PPREAD, OWNERREAD, AUTHREAD, NO_DA, PLATFORMCREATE."""

NAMES: Final = {
    0x11F: "NV_UndefineSpaceSpecial", 0x120: "EvictControl", 0x121: "HierarchyControl",
    0x122: "NV_UndefineSpace", 0x124: "ChangeEPS", 0x126: "Clear", 0x127: "ClearControl",
    0x129: "HierarchyChangeAuth", 0x12A: "NV_DefineSpace", 0x131: "CreatePrimary", 0x137: "NV_Write",
    0x138: "NV_WriteLock", 0x139: "DictionaryAttackLockReset", 0x13A: "DictionaryAttackParameters",
    0x143: "SelfTest", 0x144: "Startup", 0x145: "Shutdown", 0x147: "ActivateCredential", 0x148: "Certify",
    0x14A: "CertifyCreation", 0x14E: "NV_Read", 0x151: "PolicySecret", 0x158: "Quote", 0x15D: "Sign",
    0x165: "FlushContext", 0x167: "LoadExternal", 0x169: "NV_ReadPublic", 0x16C: "PolicyCommandCode",
    0x171: "PolicyOR", 0x173: "ReadPublic", 0x176: "StartAuthSession", 0x17A: "GetCapability",
    0x17B: "GetRandom", 0x17C: "GetTestResult", 0x17D: "Hash", 0x17E: "PCR_Read", 0x181: "ReadClock",
    0x182: "PCR_Extend",
}  # fmt: skip


class CommandFailed(Exception):
    """The TPM refused a command of its factory or firmware."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Response code and what follows it."""

    rc: int
    body: bytes


def command(code: int, handles: tuple[int, ...] = (), parameters: bytes = b"", *, auth: bool = True) -> bytes:
    """A command; with `auth` its first handle is authorized by the empty password."""
    area = b"".join(struct.pack(">I", handle) for handle in handles)
    if auth:
        session = struct.pack(">IHBH", RS_PASSWORD, 0, 0, 0)
        area += struct.pack(">I", len(session)) + session
    area += parameters
    return struct.pack(">HII", SESSIONS if auth else NO_SESSIONS, HEADER + len(area), code) + area


def answer(data: bytes) -> Answer:
    """An answer; raises ValueError where it is none."""
    if len(data) < HEADER or int.from_bytes(data[2:6], "big") != len(data):
        raise ValueError("not an answer of a TPM")
    return Answer(int.from_bytes(data[6:10], "big"), data[10:])


def message_size(head: bytes) -> int | None:
    """Size of a command or answer that begins so; None while the header is not complete.

    Raises ValueError for one that no TPM takes.
    """
    if len(head) < HEADER:
        return None
    size = int.from_bytes(head[2:6], "big")
    if not HEADER <= size <= MESSAGE_MAX:
        raise ValueError(f"a message of {size} bytes")
    return size


def code_of(message: bytes) -> int:
    """Command code of a command."""
    return int.from_bytes(message[6:10], "big")


def name_of(code: int) -> str:
    """Name of a command code, as far as an enrolment uses it."""
    return NAMES.get(code, f"0x{code:x}")


def sized(data: bytes) -> bytes:
    """A TPM2B."""
    return struct.pack(">H", len(data)) + data


def startup() -> bytes:
    """Startup(CLEAR)."""
    return command(0x144, parameters=b"\0\0", auth=False)


def create_ek(template: bytes) -> bytes:
    """CreatePrimary in the endorsement hierarchy."""
    parameters = sized(b"\0\0\0\0") + sized(template) + sized(b"") + struct.pack(">I", 0)
    return command(0x131, (RH_ENDORSEMENT,), parameters)


def flush(handle: int) -> bytes:
    """FlushContext."""
    return command(0x165, parameters=struct.pack(">I", handle), auth=False)


def nv_read_public(index: int) -> bytes:
    """NV_ReadPublic."""
    return command(0x169, (index,), auth=False)


def nv_attributes(found: Answer) -> int | None:
    """Attributes of the index in the answer to `nv_read_public`; None where there is no such index."""
    return None if found.rc else int.from_bytes(found.body[8:12], "big")


def nv_define(index: int, size: int) -> bytes:
    """NV_DefineSpace by the platform, for a certificate."""
    public = struct.pack(">IHIHH", index, ALG_SHA256, NV_CERTIFICATE, 0, size)
    return command(0x12A, (RH_PLATFORM,), sized(b"") + sized(public))


def nv_undefine(index: int) -> bytes:
    """NV_UndefineSpace by the platform."""
    return command(0x122, (RH_PLATFORM, index))


def nv_write(index: int, data: bytes, offset: int) -> bytes:
    """NV_Write of one piece by the platform."""
    return command(0x137, (RH_PLATFORM, index), sized(data) + struct.pack(">H", offset))


def nv_write_lock(index: int) -> bytes:
    """NV_WriteLock by the platform."""
    return command(0x138, (RH_PLATFORM, index))


def platform_off() -> bytes:
    """HierarchyControl: no platform hierarchy until the next Startup; its NV indices stay readable."""
    return command(0x121, (RH_PLATFORM,), struct.pack(">IB", RH_PLATFORM, 0))


def pcr_extend(pcr: int, measured: bytes) -> bytes:
    """PCR_Extend of the SHA-256 bank."""
    digest = hashlib.sha256(measured).digest()
    return command(0x182, (pcr,), struct.pack(">IH", 1, ALG_SHA256) + digest)
