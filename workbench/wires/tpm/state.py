"""What a TPM says about itself: capabilities, clock, PCRs, random bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tpm2_pytss.constants import ESYS_TR, TPM2_ALG, TPM2_CAP, TPM2_SU
from tpm2_pytss.types import TPML_DIGEST_VALUES, TPML_PCR_SELECTION

from workbench.wires.tpm.connection import AUTH, EXTRA_AUDIT, EXTRA_OUT, Connection
from workbench.wires.tpm.errors import RC_INITIALIZE, TpmAnswerInvalid
from workbench.wires.tpm.values import Clock, TpmProperties

# TPM_PT (Part 2, 6.13)
FIXED: Final = 0x100
MANUFACTURER: Final = 0x105
VENDOR_STRING: Final = range(0x106, 0x10A)
REVISION: Final = 0x102
FIRMWARE_1: Final = 0x10B
FIRMWARE_2: Final = 0x10C
NV_INDEX_MAX: Final = 0x117
NV_BUFFER_MAX: Final = 0x12C
VAR: Final = 0x200
PERMANENT: Final = 0x200
STARTUP_CLEAR: Final = 0x201
LOCKOUT_COUNTER: Final = 0x20E
MAX_AUTH_FAIL: Final = 0x20F
LOCKOUT_INTERVAL: Final = 0x210
LOCKOUT_RECOVERY: Final = 0x211
CHANGING: Final = {
    "permanent": PERMANENT,
    "startup_clear": STARTUP_CLEAR,
    "lockout_counter": LOCKOUT_COUNTER,
    "max_auth_fail": MAX_AUTH_FAIL,
    "lockout_interval_s": LOCKOUT_INTERVAL,
    "lockout_recovery_s": LOCKOUT_RECOVERY,
}

PER_CALL: Final = 64
MAX_CALLS: Final = 64
"""A TPM that always has more to say is not listened to for ever."""


class StateCommands(Connection):
    """Commands that change nothing (but Startup, SelfTest and PCR_Extend)."""

    _nv_buffer_max: int | None = None
    """Of the `properties` that were read last."""

    def startup(self) -> bool:
        """Startup(CLEAR); False when the TPM had its Startup already, as behind an operating system."""
        self._call("Startup", lambda _: self._esapi.startup(TPM2_SU.CLEAR))
        return self._wire.last_rc != RC_INITIALIZE  # which the library takes for success

    def shutdown(self) -> None:
        """Shutdown(CLEAR), as an operating system sends it before the power goes.

        Without it, and after a key without noDA was used, the loss of power counts as a failed authorization
        (Part 1, 19.8.6): as many as `max_auth_fail` of them lock the TPM.  Any later command undoes it.
        """
        self._call("Shutdown", lambda _: self._esapi.shutdown(TPM2_SU.CLEAR))

    def self_test(self) -> None:
        """SelfTest of everything.  Raises TpmRefused where the TPM finds itself broken."""
        self._call("SelfTest", lambda _: self._esapi.self_test(True))

    def test_result(self) -> tuple[bytes, int]:
        """GetTestResult: the vendor's data and the response code of the last self test."""
        data, rc = self._call("GetTestResult", lambda _: self._esapi.get_test_result())
        return bytes(data), int(rc)

    def properties(self, known: TpmProperties | None = None) -> TpmProperties:
        """GetCapability of fixed and changing properties; of the changing ones alone where the others are
        `known`.
        """
        variable = self._numbers(VAR)
        if known is not None:
            return replace(known, **_changing(variable))
        fixed = self._numbers(FIXED)
        self._nv_buffer_max = fixed.get(NV_BUFFER_MAX, 0)
        try:
            return TpmProperties(
                manufacturer=_text([fixed[MANUFACTURER]]).ljust(4),
                vendor=_text([fixed.get(number, 0) for number in VENDOR_STRING]).rstrip(),
                firmware=(fixed[FIRMWARE_1], fixed[FIRMWARE_2]),
                revision=fixed[REVISION],
                nv_buffer_max=fixed[NV_BUFFER_MAX],
                nv_index_max=fixed[NV_INDEX_MAX],
                **_changing(variable),
            )
        except KeyError as error:
            raise _unnamed(error) from error

    def handles(self, first: int) -> tuple[int, ...]:
        """Handles of one kind from `first` on, ascending; where kinds begin is in `First`."""
        return self._handles(first)

    def _handles(self, first: int) -> tuple[int, ...]:
        kind, found = first >> 24, list[int]()
        for _ in range(MAX_CALLS):
            more, part = self._capability(TPM2_CAP.HANDLES, first, 1)
            found += part
            if not more or not part or part[-1] + 1 >> 24 != kind:
                break
            first = part[-1] + 1
        return tuple(found)

    def _numbers(self, first: int) -> dict[int, int]:
        found: dict[int, int] = {}
        start = first
        for _ in range(MAX_CALLS):
            more, words = self._capability(TPM2_CAP.TPM_PROPERTIES, start, 2)
            part = dict(zip(words[::2], words[1::2], strict=True))
            found |= part
            if not more or not part or max(part) >> 8 != first >> 8:
                break
            start = max(part) + 1
        return found

    def _capability(self, capability: int, first: int, words_each: int) -> tuple[bool, tuple[int, ...]]:
        """Whether there are more, and a list whose elements are so many 32-bit numbers each, one by one."""
        more, data = self._call(
            "GetCapability",
            lambda session: self._esapi.get_capability(
                TPM2_CAP(capability), first, PER_CALL, session1=session
            ),
            EXTRA_AUDIT,
        )
        return bool(more), numbers_of(data.marshal(), capability, words_each)

    def clock(self) -> Clock:
        """ReadClock."""
        info = self._call("ReadClock", lambda session: self._esapi.read_clock(session1=session), EXTRA_AUDIT)
        clock = info.clockInfo
        return Clock(
            int(info.time), int(clock.clock), int(clock.resetCount), int(clock.restartCount), bool(clock.safe)
        )

    def random(self, count: int) -> bytes:
        """Up to 32 bytes of the TPM's random number generator."""
        made = self._call(
            "GetRandom", lambda session: self._esapi.get_random(count, session1=session), EXTRA_OUT
        )
        return bytes(made)

    def pcr_read(self, banks: Mapping[int, Sequence[int]]) -> dict[int, dict[int, bytes]]:
        """Values of PCRs by bank (hash algorithm) and number; a bank that the TPM lacks comes back empty."""
        values: dict[int, dict[int, bytes]] = {bank: {} for bank in banks}
        for bank, numbers in banks.items():
            left = sorted(set(numbers))
            while left:
                found = self._pcr_read(bank, left)
                if not found:
                    break
                values[bank] |= found
                left = [number for number in left if number not in found]
        return values

    def _pcr_read(self, bank: int, numbers: Sequence[int]) -> dict[int, bytes]:
        """As many of them as the TPM gives at once, by number; none where it lacks the bank."""
        _, told, digests = self._call(
            "PCR_Read",
            lambda session: self._esapi.pcr_read(pcr_selection({bank: numbers}), session1=session),
            EXTRA_AUDIT,
        )
        given = [number for number in selected(told.marshal(), bank) if number in numbers]
        if len(given) != len(digests):
            raise TpmAnswerInvalid(f"the TPM gives {len(digests)} values for {len(given)} PCRs")
        return dict(zip(given, (bytes(digest) for digest in digests), strict=True))

    def pcr_extend(self, number: int, digests: Mapping[int, bytes]) -> None:
        """Extends one PCR in the banks given."""
        listed = b"".join(struct.pack(">H", bank) + digest for bank, digest in digests.items())
        values = self._structure(
            TPML_DIGEST_VALUES, struct.pack(">I", len(digests)) + listed, "the digests of a PCR"
        )
        pcr = ESYS_TR(number)
        self._call("PCR_Extend", lambda session: self._esapi.pcr_extend(pcr, values, session1=session), AUTH)


def _changing(variable: Mapping[int, int]) -> dict[str, Any]:
    """What changes of `TpmProperties`.  Raises TpmAnswerInvalid."""
    try:
        return {name: variable[number] for name, number in CHANGING.items()}
    except KeyError as error:
        raise _unnamed(error) from error


def _unnamed(error: KeyError) -> TpmAnswerInvalid:
    return TpmAnswerInvalid(f"the TPM does not name its property 0x{error.args[0]:x}")


def pcr_selection(banks: Mapping[int, Sequence[int]]) -> Any:
    """TPML_PCR_SELECTION for PCR numbers by bank."""
    words = "+".join(f"{alg_word(bank)}:{','.join(map(str, sorted(pcrs)))}" for bank, pcrs in banks.items())
    return TPML_PCR_SELECTION.parse(words)


def numbers_of(data: bytes, capability: int, words_each: int) -> tuple[int, ...]:
    """The 32-bit numbers of a TPMS_CAPABILITY_DATA: which capability, how many elements, the elements.

    Raises TpmAnswerInvalid.
    """
    words = struct.unpack(f">{len(data) // 4}I", data[: len(data) // 4 * 4])
    if len(data) % 4 or len(words) < 2 or words[0] != capability or len(words) - 2 != words[1] * words_each:
        raise TpmAnswerInvalid(f"{len(data)} bytes are no list of capability {capability:#x}")
    return words[2:]


def selected(selection: bytes, bank: int) -> list[int]:
    """Numbers of the PCRs of one bank in a TPML_PCR_SELECTION, ascending.  Raises TpmAnswerInvalid."""
    found, at = set[int](), 4
    for _ in range(int.from_bytes(selection[:4], "big")):
        if at + 3 > len(selection):
            raise TpmAnswerInvalid("a selection of PCRs ends early")
        end = at + 3 + selection[at + 2]
        if int.from_bytes(selection[at : at + 2], "big") == bank:
            bits = int.from_bytes(selection[at + 3 : end], "little")
            found |= {number for number in range(bits.bit_length()) if bits >> number & 1}
        at = end
    return sorted(found)


def alg_word(alg: int) -> str:
    """`sha256` for 0x000B."""
    return str(TPM2_ALG.to_string(TPM2_ALG(alg))).rpartition(".")[2].lower()


def _text(numbers: Sequence[int]) -> str:
    raw = b"".join(number.to_bytes(4, "big") for number in numbers)
    text = raw.decode("ascii", errors="replace").rstrip("\0").replace("\0", "")
    return "".join(letter if letter.isprintable() else "?" for letter in text)
