"""Messages on the CA's socket: a length in four bytes, big-endian, then one map in CBOR (RFC 8949).

Both sides refuse what is longer than agreed, nested deep, or anything but maps, lists, texts, bytes, whole
numbers, yes and no, and nothing.  Pure.
"""

from __future__ import annotations

from typing import Any, Final

import cbor2

from workbench.errors import Blame, WorkbenchError

HEAD_BYTES: Final = 4
MAX_DEPTH: Final = 6
MAX_INT: Final = 1 << 64


class MessageMalformed(WorkbenchError):
    """A message on the CA's socket is none."""

    code = "ca-message-malformed"
    blame = Blame.STATION
    default_cause = "another program, or a workbench of another version, uses the socket"
    default_action = "bring the station and the certificate authority to the same version"


def encode(message: dict[str, Any], *, limit: int) -> bytes:
    """Length and map; raises MessageMalformed where it is longer than `limit`."""
    data = cbor2.dumps(message)
    if len(data) > limit:
        raise MessageMalformed(f"a message of {len(data)} bytes, more than {limit}")
    return len(data).to_bytes(HEAD_BYTES, "big") + data


def body_length(head: bytes, *, limit: int) -> int:
    """Bytes of the map that follows the head; raises MessageMalformed."""
    length = int.from_bytes(head, "big")
    if len(head) != HEAD_BYTES or not 0 < length <= limit:
        raise MessageMalformed(f"a message of {length} bytes, not 1 to {limit}")
    return length


def decode(data: bytes) -> dict[str, Any]:
    """The map that fills `data`; raises MessageMalformed for everything else."""
    try:
        found = cbor2.loads(data, max_depth=MAX_DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
        same = cbor2.dumps(found) == data  # no tags, no other encodings, no bytes behind it
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MessageMalformed(f"no CBOR: {str(error)[:100]}") from error
    if not same or not isinstance(found, dict) or not _plain(found):
        raise MessageMalformed("not a map of plain values")
    return found


def _plain(value: object) -> bool:
    if value is None or isinstance(value, bool | bytes):
        return True
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, int):
        return -MAX_INT <= value <= MAX_INT
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    return isinstance(value, dict) and all(isinstance(k, str) and _plain(v) for k, v in value.items())
