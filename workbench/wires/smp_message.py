"""SMP messages: 8 bytes of header and a CBOR map.  Pure; what a device sends is taken for granted nowhere.

Reads answers itself instead of through the classes of `smp`: those refuse maps with a field that they do not
know, and groups from 64 on belong to whoever makes the device.  Source: Zephyr, "SMP Protocol Specification".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import cbor2

from workbench.wires.smp_errors import SmpGarbled, SmpRefused

HEADER_BYTES: Final = 8
MAX_DEPTH: Final = 16
_HEADER: Final = struct.Struct(">BBHHBB")
_VERSION_2: Final = 1 << 3
_OP_MASK: Final = 0b111


class Op(IntEnum):
    """What a message is."""

    READ = 0
    READ_ANSWER = 1
    WRITE = 2
    WRITE_ANSWER = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `what` says in words what is asked for."""

    what: str
    op: Op
    group: int
    command: int
    body: Mapping[str, object] = field(default_factory=dict)

    def encode(self, sequence: int) -> bytes:
        """The message's bytes, protocol version 2."""
        body = cbor2.dumps(dict(self.body))
        head = _HEADER.pack(self.op | _VERSION_2, 0, len(body), self.group, sequence, self.command)
        return head + body


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose map has been read."""

    op: Op
    group: int
    sequence: int
    command: int
    body: dict[str, Any]

    def fits(self, request: Request, sequence: int) -> bool:
        """Whether it answers this request."""
        return (self.sequence, self.group, self.command, self.op) == (
            sequence,
            request.group,
            request.command,
            request.op + 1,
        )

    def refusal(self, what: str) -> SmpRefused | None:
        """The error that the device reports, in the form of version 1 or 2, if it reports one."""
        error, rc = self.body.get("err"), self.body.get("rc")
        if isinstance(error, dict):
            group, number = error.get("group"), error.get("rc")
            if isinstance(group, int) and isinstance(number, int) and number:
                return SmpRefused(what, group=group, rc=number)
        if isinstance(rc, int) and rc:
            reason = self.body.get("rsn")
            return SmpRefused(what, group=None, rc=rc, reason=reason if isinstance(reason, str) else None)
        return None


def body_bytes(header: bytes) -> int:
    """How many bytes follow this header."""
    return int(_HEADER.unpack_from(header)[2])


def plausible(header: bytes) -> bool:
    """Whether these 8 bytes can be the header of an answer: for lines without a framing."""
    op, flags, *_ = _HEADER.unpack_from(header)
    return (op & _OP_MASK) in (Op.READ_ANSWER, Op.WRITE_ANSWER) and op & 0xE0 == 0 and flags == 0


def decode(message: bytes) -> Answer:
    """The answer in `message`; raises SmpGarbled."""
    if len(message) < HEADER_BYTES or not plausible(message):
        raise SmpGarbled(f"{len(message)} bytes from the device are no answer")
    op, _, size, group, sequence, command = _HEADER.unpack_from(message)
    if size != len(message) - HEADER_BYTES:
        raise SmpGarbled(f"an answer says that it has {size} bytes, and has {len(message) - HEADER_BYTES}")
    return Answer(Op(op & _OP_MASK), group, sequence, command, read_map(message[HEADER_BYTES:]))


def read_map(data: bytes) -> dict[str, Any]:
    """The CBOR map in `data`, whose keys are text; raises SmpGarbled."""
    try:
        body = cbor2.loads(data, max_depth=MAX_DEPTH) if data else {}
    except Exception as error:  # a decoder of strangers' bytes; what it raises depends on the tags in them
        raise SmpGarbled(f"an answer's CBOR cannot be read: {error}") from error
    if not isinstance(body, dict) or not all(isinstance(key, str) for key in body):
        raise SmpGarbled("an answer is not a map")
    return body
