"""Just enough CBOR (RFC 8949) for boot records: a map of small numbers to texts and byte strings.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.images.refusals import TlvMalformed

_UNSIGNED, _BYTES, _TEXT, _MAP = 0, 2, 3, 5


def encode_map(values: Mapping[int, str | bytes]) -> bytes:
    """The map, in its own order."""
    made = _head(_MAP, len(values))
    for key, value in values.items():
        kind, data = (_TEXT, value.encode()) if isinstance(value, str) else (_BYTES, value)
        made += _head(_UNSIGNED, key) + _head(kind, len(data)) + data
    return made


def decode_map(data: bytes) -> dict[int, str | bytes]:
    """The map that fills `data` exactly; raises TlvMalformed for everything else that CBOR can say."""
    count, at = _take(data, 0, _MAP)[1:]
    found: dict[int, str | bytes] = {}
    for _ in range(count):
        key, at = _take(data, at, _UNSIGNED)[1:]
        kind, length, at = _take(data, at, _BYTES, _TEXT)
        value = data[at : at + length]
        if len(value) != length or key in found:
            raise TlvMalformed("a boot record that ends too early or has a key twice")
        at += length
        try:
            found[key] = value.decode() if kind == _TEXT else value
        except UnicodeDecodeError:
            raise TlvMalformed("a boot record whose text is not UTF-8") from None
    if at != len(data):
        raise TlvMalformed("bytes follow the boot record")
    return found


def _head(kind: int, number: int) -> bytes:
    for extra, size in ((24, 1), (25, 2), (26, 4)):
        if number < 24:
            return bytes((kind << 5 | number,))
        if number < 1 << (8 * size):
            return bytes((kind << 5 | extra,)) + number.to_bytes(size, "big")
    raise TlvMalformed(f"{number} is too large for a boot record")


def _take(data: bytes, at: int, *kinds: int) -> tuple[int, int, int]:
    """Kind, number and where the next item begins."""
    if at >= len(data) or data[at] >> 5 not in kinds:
        raise TlvMalformed("a boot record that is no map of numbers to texts and bytes")
    kind, number = data[at] >> 5, data[at] & 0x1F
    if number < 24:
        return kind, number, at + 1
    size = {24: 1, 25: 2, 26: 4}.get(number, 0)
    end = at + 1 + size
    if not size or end > len(data):
        raise TlvMalformed("a boot record that ends too early")
    return kind, int.from_bytes(data[at + 1 : end], "big"), end
