"""LZMA2-compressed payloads, with or without the filter for ARM Thumb code.  Pure; bombs are bounded.

A compressed payload is two bytes (dictionary size, and lc, lp, pb, as LZMA2 and LZMA write them) and a raw
LZMA2 stream.  Source: MCUboot, docs/compression_format.md; its parameters are fixed.
"""

from __future__ import annotations

import lzma
from typing import Any, Final, Literal

from workbench.images.refusals import DecompressionFailed

Compression = Literal["lzma2", "lzma2-thumb"]

DICTIONARY_BYTES: Final = 128 << 10
LC, LP, PB = 3, 1, 2
MAX_DICTIONARY_BYTES: Final = 16 << 20
MAX_PAYLOAD_BYTES: Final = 64 << 20
HEADER_BYTES: Final = 2
_ENCRYPTION_BLOCK: Final = 16


def compress(payload: bytes, *, thumb: bool) -> bytes:
    """The payload, compressed."""
    how: dict[str, Any] = {"preset": 9, "dict_size": DICTIONARY_BYTES, "lc": LC, "lp": LP, "pb": PB}
    stream = lzma.compress(payload, lzma.FORMAT_RAW, filters=_filters(thumb, how))
    return bytes((_dictionary_code(DICTIONARY_BYTES), (PB * 5 + LP) * 9 + LC)) + stream


def decompress(data: bytes, *, thumb: bool, size_bytes: int, max_bytes: int = MAX_PAYLOAD_BYTES) -> bytes:
    """The payload of exactly `size_bytes`; raises DecompressionFailed, and never makes more than that.

    Zeros to a multiple of 16 bytes may follow the stream: encryption adds them.
    """
    if size_bytes > max_bytes:
        raise DecompressionFailed(f"the payload claims {size_bytes} bytes; at most {max_bytes} are unpacked")
    if len(data) < HEADER_BYTES or data[1] >= 9 * 5 * 5:
        raise DecompressionFailed("the compressed payload does not begin with its parameters")
    dictionary = dictionary_bytes(data[0])
    if dictionary > MAX_DICTIONARY_BYTES:
        raise DecompressionFailed(f"the dictionary of {dictionary} bytes is too large")
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(thumb, {"dict_size": dictionary}))
        payload = unpacker.decompress(data[HEADER_BYTES:], size_bytes + 1)
    except (lzma.LZMAError, ValueError, EOFError) as error:
        raise DecompressionFailed(f"the compressed payload is damaged: {error}") from error
    if not unpacker.eof or len(payload) != size_bytes:
        raise DecompressionFailed(
            f"the compressed payload does not hold the {size_bytes} bytes that it claims"
        )
    rest = unpacker.unused_data
    if len(rest) >= _ENCRYPTION_BLOCK or any(rest):
        raise DecompressionFailed("bytes follow the compressed payload")
    return payload


def dictionary_bytes(code: int) -> int:
    """The size that the first byte stands for."""
    if code > 40:
        raise DecompressionFailed(f"{code} stands for no dictionary size")
    return 0xFFFFFFFF if code == 40 else (2 | code & 1) << (code // 2 + 11)


def _dictionary_code(size_bytes: int) -> int:
    return next(code for code in range(41) if size_bytes <= dictionary_bytes(code))


def _filters(thumb: bool, how: dict[str, Any]) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = [{"id": lzma.FILTER_ARMTHUMB}] if thumb else []
    return [*stages, {"id": lzma.FILTER_LZMA2, **how}]
