"""Names of what a connection's handles stand for, learned from the answers that went by.

A session's HMAC covers the Names of a command's handles (TPM 2.0 Library, Part 1, 16), so a wrong one only
makes the TPM refuse.  The Name of an NV index changes with its attributes.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Final

from workbench.wires.tpm import messages as m
from workbench.wires.tpm.errors import TpmValueInvalid

NV: Final = 0x01
TRANSIENT: Final = 0x80
PERSISTENT: Final = 0x81
NAMED: Final = frozenset({NV, TRANSIENT, PERSISTENT})
"""Kinds of handles that have Names of their own; all others are their own Names."""
ENCRYPT: Final = 0x40
"""An answer's first parameter is encrypted for a session of the library."""
WRITTEN: Final = 0x2000_0000
WRITELOCKED: Final = 0x800
HASHES: Final = {0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512", 0x0004: "sha1"}


class Names:
    """What one connection knows."""

    def __init__(self) -> None:
        self._names: dict[int, bytes] = {}
        self._areas: dict[int, bytes] = {}
        """TPMS_NV_PUBLIC by index."""

    def of(self, handle: int) -> bytes:
        """The Name.  Raises TpmValueInvalid for something that this connection has not met."""
        if handle >> 24 not in NAMED:
            return handle.to_bytes(4, "big")
        if handle not in self._names:
            raise TpmValueInvalid(f"nothing is known of {handle:#010x}")
        return self._names[handle]

    def area(self, index: int) -> bytes | None:
        """TPMS_NV_PUBLIC of an index that this connection has met, as its Name covers it."""
        return self._areas.get(index)

    def forget_indices(self) -> None:
        """They may have changed in a way that nobody saw."""
        for index in self._areas:
            self._names.pop(index, None)
        self._areas.clear()

    def learn(self, raw: bytes, raw_answer: bytes) -> None:
        """From a command and its answer, both without our session."""
        if int.from_bytes(raw[6:10], "big") not in _LEARN or raw_answer[6:10] != bytes(4):
            return
        with contextlib.suppress(ValueError):  # nothing that could be used
            command = m.parse_command(raw)
            self._learn(command, m.parse_answer(raw_answer, command, sessions=len(command.auths)))

    def _learn(self, command: m.Command, answer: m.Answer) -> None:
        match command.code:
            case m.CC_READ_PUBLIC:
                self._names[command.handles[0]] = m.take_2b(m.take_2b(answer.parameters)[1])[0]
            case m.CC_CREATE_PRIMARY | m.CC_LOAD_EXTERNAL:
                self._names[int.from_bytes(answer.handle, "big")] = _last_2b(command.code, answer.parameters)
            case m.CC_EVICT:
                kept = int.from_bytes(command.parameters, "big")
                if kept != command.handles[1]:
                    self._names[kept] = self.of(command.handles[1])
            case m.CC_NV_READ_PUBLIC if not any(auth.attributes & ENCRYPT for auth in command.auths):
                self._set_area(command.handles[0], m.take_2b(answer.parameters)[0])
            case m.CC_NV_DEFINE:
                area = m.take_2b(m.take_2b(command.parameters)[1])[0]
                self._set_area(int.from_bytes(area[:4], "big"), area)
            case m.CC_NV_WRITE:
                self._set_attribute(command.handles[1], WRITTEN)
            case m.CC_NV_WRITE_LOCK:
                self._set_attribute(command.handles[1], WRITELOCKED)

    def _set_area(self, index: int, area: bytes) -> None:
        hash_alg = area[4:6]
        digest = hashlib.new(HASHES.get(int.from_bytes(hash_alg, "big"), "sha256"), area).digest()
        self._areas[index], self._names[index] = area, hash_alg + digest

    def _set_attribute(self, index: int, attribute: int) -> None:
        area = self._areas.get(index)
        if area is not None:
            attributes = int.from_bytes(area[6:10], "big") | attribute
            self._set_area(index, area[:6] + attributes.to_bytes(4, "big") + area[10:])


_LEARN: Final = frozenset(
    {
        m.CC_READ_PUBLIC,
        m.CC_CREATE_PRIMARY,
        m.CC_LOAD_EXTERNAL,
        m.CC_EVICT,
        m.CC_NV_READ_PUBLIC,
        m.CC_NV_DEFINE,
        m.CC_NV_WRITE,
        m.CC_NV_WRITE_LOCK,
    }
)


def _last_2b(code: int, parameters: bytes) -> bytes:
    """The Name at the end: alone for LoadExternal; after public, data, hash and ticket for CreatePrimary."""
    if code == m.CC_CREATE_PRIMARY:
        for _ in range(3):
            parameters = m.take_2b(parameters)[1]
        parameters = m.take_2b(parameters[6:])[1]  # TPMT_TK_CREATION: tag, hierarchy, digest
    return m.take_2b(parameters)[0]
