"""What goes in and out of a TPM, as plain values.  Loads no library.

Structures are bytes as TPM 2.0 Part 2 marshals them, without the size of an outer TPM2B.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

ALG_NULL: Final = 0x0010
ALG_SHA1: Final = 0x0004
ALG_SHA256: Final = 0x000B
ALG_SHA384: Final = 0x000C
ALG_SHA512: Final = 0x000D

EkKind = Literal["L", "H"]
"""Range of an EK template: low ones are used by policy only, high ones by password too (TCG EK profile)."""


class Hierarchy(IntEnum):
    """A hierarchy or other permanent handle (Part 2, 7.4)."""

    OWNER = 0x40000001
    NULL = 0x40000007
    LOCKOUT = 0x4000000A
    ENDORSEMENT = 0x4000000B
    PLATFORM = 0x4000000C


class First(IntEnum):
    """Where a kind of handle begins: what to give to `Tpm.handles`."""

    PCR = 0x00000000
    NV = 0x01000000
    LOADED_SESSION = 0x02000000
    SAVED_SESSION = 0x03000000
    TRANSIENT = 0x80000000
    PERSISTENT = 0x81000000


class Nv(IntEnum):
    """Bits of TPMA_NV (Part 2, 13.4)."""

    PPWRITE = 1 << 0
    OWNERWRITE = 1 << 1
    AUTHWRITE = 1 << 2
    POLICYWRITE = 1 << 3
    POLICY_DELETE = 1 << 10
    WRITELOCKED = 1 << 11
    WRITEALL = 1 << 12
    WRITEDEFINE = 1 << 13
    WRITE_STCLEAR = 1 << 14
    PPREAD = 1 << 16
    OWNERREAD = 1 << 17
    AUTHREAD = 1 << 18
    POLICYREAD = 1 << 19
    NO_DA = 1 << 25
    READLOCKED = 1 << 28
    WRITTEN = 1 << 29
    PLATFORMCREATE = 1 << 30
    READ_STCLEAR = 1 << 31


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """PolicyOR of a key: its branches in the template's order, digests of `hash_alg`, its name algorithm."""

    hash_alg: int
    branches: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TpmProperties:
    """What a TPM says about itself (Part 2, 6.13, 8.6 and 8.7)."""

    manufacturer: str
    """TPM_PT_MANUFACTURER, four characters, such as "IBM " (swtpm), "IFX ", "STM "."""
    vendor: str
    """TPM_PT_VENDOR_STRING_1 to 4."""
    firmware: tuple[int, int]
    revision: int
    """Of the specification, times 100: 138, 159."""
    nv_buffer_max: int
    """Largest piece of one NV_Read or NV_Write, bytes."""
    nv_index_max: int
    permanent: int
    """TPMA_PERMANENT."""
    startup_clear: int
    """TPMA_STARTUP_CLEAR."""
    lockout_counter: int
    max_auth_fail: int
    lockout_interval_s: int
    lockout_recovery_s: int

    @property
    def owner_auth_set(self) -> bool:
        """ownerAuthSet."""
        return bool(self.permanent & 1 << 0)

    @property
    def endorsement_auth_set(self) -> bool:
        """endorsementAuthSet."""
        return bool(self.permanent & 1 << 1)

    @property
    def lockout_auth_set(self) -> bool:
        """lockoutAuthSet."""
        return bool(self.permanent & 1 << 2)

    @property
    def disable_clear(self) -> bool:
        """disableClear: TPM2_Clear by the lockout authorization is refused."""
        return bool(self.permanent & 1 << 8)

    @property
    def in_lockout(self) -> bool:
        """inLockout: dictionary-attack protection refuses keys without noDA."""
        return bool(self.permanent & 1 << 9)

    @property
    def tpm_generated_eps(self) -> bool:
        """tpmGeneratedEPS: the endorsement seed was made by the TPM, not by its vendor."""
        return bool(self.permanent & 1 << 10)

    @property
    def ph_enable(self) -> bool:
        """phEnable: the platform hierarchy can be used."""
        return bool(self.startup_clear & 1 << 0)

    @property
    def sh_enable(self) -> bool:
        """shEnable: the storage hierarchy can be used."""
        return bool(self.startup_clear & 1 << 1)

    @property
    def eh_enable(self) -> bool:
        """ehEnable: the endorsement hierarchy can be used."""
        return bool(self.startup_clear & 1 << 2)

    @property
    def ph_enable_nv(self) -> bool:
        """phEnableNV: indices made by the platform can be used."""
        return bool(self.startup_clear & 1 << 3)


@dataclass(frozen=True, slots=True)
class Clock:
    """TPMS_TIME_INFO (Part 2, 10.11)."""

    time_ms: int
    """Since the TPM got its power."""
    clock_ms: int
    """Since the TPM was made or cleared; never goes back."""
    reset_count: int
    restart_count: int
    safe: bool
    """No later value of `clock_ms` was ever shown."""


@dataclass(frozen=True, slots=True)
class NvPublic:
    """TPMS_NV_PUBLIC (Part 2, 13.6) of an index and its Name."""

    index: int
    name_alg: int
    attributes: int
    auth_policy: bytes
    size: int
    name: bytes

    def has(self, bit: Nv) -> bool:
        """Whether this attribute is set."""
        return bool(self.attributes & bit)


@dataclass(frozen=True, slots=True)
class Public:
    """A loaded object: TPMT_PUBLIC and its Name as the TPM says."""

    public: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Created:
    """What CreatePrimary gave: a transient object and the proof of its creation."""

    handle: int
    public: bytes
    """TPMT_PUBLIC."""
    name: bytes
    creation_data: bytes
    """TPMS_CREATION_DATA."""
    creation_hash: bytes
    ticket: bytes
    """TPMT_TK_CREATION."""


@dataclass(frozen=True, slots=True)
class Attested:
    """TPMS_ATTEST and the TPMT_SIGNATURE over it."""

    attest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Hashed:
    """A digest that the TPM made, with its ticket (TPMT_TK_HASHCHECK) for restricted signing keys."""

    digest: bytes
    ticket: bytes


@dataclass(frozen=True, slots=True)
class CommandTime:
    """How often one command was sent and how long the TPM took for all of them, seconds."""

    count: int
    tpm_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What went over the wire so far: commands, and the time between a command and its answer, seconds."""

    commands: int
    tpm_s: float
    by_command: dict[str, CommandTime]
    """By the command's name, such as NV_Write."""
