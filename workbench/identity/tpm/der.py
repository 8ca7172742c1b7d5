"""DER read piece by piece, for certificates that are nearly well formed: what deviates is named and nothing
is re-encoded.

X.690.  Single-byte tags and definite lengths only; no recursion, so that no nesting exhausts anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTF8_STRING: Final = 0x0C
PRINTABLE_STRING: Final = 0x13
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

MAX_LENGTH_BYTES: Final = 4
MAX_CHILDREN: Final = 256


class DerBroken(ValueError):
    """Not even nearly DER; the text says what and where.  Callers turn it into their own error."""


@dataclass(frozen=True, slots=True)
class Node:
    """One element: `raw` with its header, `content` without; `at` is its offset, `minimal` whether its length
    is DER.
    """

    tag: int
    raw: bytes
    content: bytes
    at: int
    minimal: bool

    def children(self) -> Iterator[Node]:
        """The elements inside, in order; raises DerBroken."""
        offset = len(self.raw) - len(self.content)
        at, count = 0, 0
        while at < len(self.content):
            node = read(self.content, at, self.at + offset)
            yield node
            at += len(node.raw)
            count += 1
            if count > MAX_CHILDREN:
                raise DerBroken(f"more than {MAX_CHILDREN} elements at offset {self.at}")


def read(data: bytes, at: int = 0, base: int = 0) -> Node:
    """The element at offset `at`; `base` is added to offsets in messages.  Raises DerBroken."""
    if at + 2 > len(data):
        raise DerBroken(f"the bytes end at offset {base + len(data)}, an element should begin at {base + at}")
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise DerBroken(f"a tag of more than one byte at offset {base + at}")
    start, size, minimal = at + 2, first, True
    if first >= 0x80:
        count = first & 0x7F
        if not 0 < count <= MAX_LENGTH_BYTES or start + count > len(data):
            raise DerBroken(f"a length that DER does not have at offset {base + at + 1}")
        size = int.from_bytes(data[start : start + count], "big")
        minimal = size >= 0x80 and data[start] != 0
        start += count
    if start + size > len(data):
        raise DerBroken(f"an element at offset {base + at} has {size} bytes, {len(data) - start} are left")
    return Node(tag, data[at : start + size], data[start : start + size], base + at, minimal)


def oid_text(content: bytes) -> str:
    """An OBJECT IDENTIFIER in dots; raises DerBroken."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DerBroken("an object identifier that ends within a number")
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    head = min(numbers[0] // 40, 2)
    return ".".join(str(n) for n in (head, numbers[0] - 40 * head, *numbers[1:]))
