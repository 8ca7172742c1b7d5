"""Commands and answers of a TPM taken apart and put together: header, handles, authorizations, parameters
(TPM 2.0 Library, Part 1, 18 and 19.4; Part 3 for how many handles each command has).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

PLAIN: Final = 0x8001
"""TPM_ST_NO_SESSIONS."""
SESSIONS: Final = 0x8002
"""TPM_ST_SESSIONS."""
CC_CHANGE_AUTH: Final = 0x129
CC_CLEAR: Final = 0x126
CC_CREATE_PRIMARY: Final = 0x131
CC_LOAD_EXTERNAL: Final = 0x167
CC_EVICT: Final = 0x120
CC_READ_PUBLIC: Final = 0x173
CC_NV_READ_PUBLIC: Final = 0x169
CC_NV_DEFINE: Final = 0x12A
CC_NV_WRITE: Final = 0x137
CC_NV_WRITE_LOCK: Final = 0x138
HANDLES: Final = {
    CC_EVICT: 2,
    0x121: 1,  # HierarchyControl
    0x122: 2,  # NV_UndefineSpace
    0x124: 1,  # ChangeEPS
    CC_CLEAR: 1,
    0x127: 1,  # ClearControl
    0x128: 1,  # ClockSet
    CC_CHANGE_AUTH: 1,
    CC_NV_DEFINE: 1,
    CC_CREATE_PRIMARY: 1,
    CC_NV_WRITE: 2,
    CC_NV_WRITE_LOCK: 2,
    0x139: 1,  # DictionaryAttackLockReset
    0x13A: 1,  # DictionaryAttackParameters
    0x147: 2,  # ActivateCredential
    0x148: 2,  # Certify
    0x14A: 2,  # CertifyCreation
    0x14E: 2,  # NV_Read
    0x151: 2,  # PolicySecret
    0x158: 1,  # Quote
    0x15D: 1,  # Sign
    CC_LOAD_EXTERNAL: 0,
    CC_NV_READ_PUBLIC: 1,
    CC_READ_PUBLIC: 1,
    0x17A: 0,  # GetCapability
    0x17B: 0,  # GetRandom
    0x17D: 0,  # Hash
    0x17E: 0,  # PCR_Read
    0x181: 0,  # ReadClock
    0x182: 1,  # PCR_Extend
}
"""How many handles a command has; commands that are not here go without our session."""
MAX_AUTHS: Final = 3
ANSWER_HANDLES: Final = frozenset({CC_CREATE_PRIMARY, CC_LOAD_EXTERNAL})
"""Commands whose answer begins with a handle."""


@dataclass(frozen=True, slots=True)
class Auth:
    """One authorization of a command or an answer (which names no session)."""

    session: int
    nonce: bytes
    attributes: int
    hmac: bytes

    def build(self) -> bytes:
        """As in an answer."""
        return with_size(self.nonce) + bytes([self.attributes]) + with_size(self.hmac)


@dataclass(frozen=True, slots=True)
class Command:
    """A command."""

    code: int
    handles: tuple[int, ...]
    auths: tuple[Auth, ...]
    parameters: bytes

    def build(self, auths: tuple[Auth, ...], parameters: bytes) -> bytes:
        """The same command with other authorizations, at least one, and parameters."""
        area = b"".join(auth.session.to_bytes(4, "big") + auth.build() for auth in auths)
        handles = b"".join(handle.to_bytes(4, "big") for handle in self.handles)
        body = handles + len(area).to_bytes(4, "big") + area + parameters
        return struct.pack(">HII", SESSIONS, 10 + len(body), self.code) + body


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer."""

    handle: bytes
    parameters: bytes
    auths: tuple[Auth, ...]

    def build(self, auths: tuple[Auth, ...], parameters: bytes) -> bytes:
        """The same answer with other authorizations, maybe none, and parameters."""
        if not auths:
            return (
                struct.pack(">HII", PLAIN, 10 + len(self.handle + parameters), 0) + self.handle + parameters
            )
        body = self.handle + len(parameters).to_bytes(4, "big") + parameters
        body += b"".join(auth.build() for auth in auths)
        return struct.pack(">HII", SESSIONS, 10 + len(body), 0) + body


def parse_command(raw: bytes) -> Command:
    """A command out of `HANDLES`.  Raises ValueError."""
    tag, size, code = struct.unpack_from(">HII", raw) if len(raw) >= 10 else (0, 0, 0)
    if size != len(raw) or code not in HANDLES:
        raise ValueError(f"no command that is known: 0x{code:x}")
    end = 10 + 4 * HANDLES[code]
    handles = struct.unpack(f">{HANDLES[code]}I", _exactly(raw, 10, end))
    if tag == PLAIN:
        return Command(code, handles, (), raw[end:])
    area_end = end + 4 + int.from_bytes(_exactly(raw, end, end + 4), "big")
    area, auths = _exactly(raw, end + 4, area_end), list[Auth]()
    while area and len(auths) < MAX_AUTHS:
        session = int.from_bytes(_exactly(area, 0, 4), "big")
        auth, area = _take_auth(area[4:], session)
        auths.append(auth)
    if area:
        raise ValueError("it has too many authorizations")
    return Command(code, handles, tuple(auths), raw[area_end:])


def parse_answer(raw: bytes, command: Command, *, sessions: int) -> Answer:
    """A successful answer with exactly so many authorizations, none too.  Raises ValueError."""
    tag, size, rc = struct.unpack_from(">HII", raw) if len(raw) >= 10 else (0, 0, 1)
    if size != len(raw) or rc or tag != (SESSIONS if sessions else PLAIN):
        raise ValueError("its header is another one")
    start = 14 if command.code in ANSWER_HANDLES else 10
    handle = _exactly(raw, 10, start)
    if not sessions:
        return Answer(handle, raw[start:], ())
    end = start + 4 + int.from_bytes(_exactly(raw, start, start + 4), "big")
    parameters, rest, auths = _exactly(raw, start + 4, end), raw[end:], list[Auth]()
    for _ in range(sessions):
        auth, rest = _take_auth(rest, 0)
        auths.append(auth)
    if rest:
        raise ValueError(f"{len(rest)} bytes follow its authorizations")
    return Answer(handle, parameters, tuple(auths))


def with_size(data: bytes) -> bytes:
    """TPM2B: the bytes behind their number."""
    return len(data).to_bytes(2, "big") + data


def take_2b(data: bytes) -> tuple[bytes, bytes]:
    """Content of the TPM2B at the beginning, and what follows.  Raises ValueError."""
    end = 2 + int.from_bytes(_exactly(data, 0, 2), "big")
    return _exactly(data, 2, end), data[end:]


def _take_auth(data: bytes, session: int) -> tuple[Auth, bytes]:
    nonce, rest = take_2b(data)
    attributes = _exactly(rest, 0, 1)[0]
    mac, rest = take_2b(rest[1:])
    return Auth(session, nonce, attributes, mac), rest


def _exactly(data: bytes, start: int, end: int) -> bytes:
    if end > len(data):
        raise ValueError(f"it ends {end - len(data)} bytes early")
    return data[start:end]
