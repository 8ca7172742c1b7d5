"""Image file formats: bytes in, chunks of (address, bytes) out, or FormatError.  Pure: no files, no targets.

ELF: 32-bit little-endian Arm (TIS ELF 1.2; ELF for the Arm Architecture, IHI 0044).  What is loaded is what
lies in allocated sections, at their load addresses, as `objcopy` and gdb do; a PT_LOAD segment may also carry
the ELF's own headers, which must not reach the chip.  Without section headers whole segments are loaded.
Intel HEX: Intel's "Hexadecimal Object File Format Specification", revision A, record types 00 to 05.
"""

from __future__ import annotations

import binascii
import re
import struct
from typing import Final, Literal, NamedTuple

Format = Literal["elf", "hex", "bin"]

MAX_CHUNKS: Final = 1 << 20
"""Most records, segments or sections accepted in one file."""

_ADDRESS_END: Final = 1 << 32
_EM_ARM: Final = 40
_PT_LOAD: Final = 1
_SHT_NOBITS: Final = 8
_SHF_ALLOC: Final = 2
_ELF_HEADER: Final = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<8I")
_SECTION_HEADER: Final = struct.Struct("<10I")
_HEX_START: Final = re.compile(rb":[0-9A-Fa-f]{10}")


class FormatError(ValueError):
    """The bytes are not a sound file of the format; the text says why."""


class Chunk(NamedTuple):
    """Bytes and the address of the first one."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """Address after the last byte."""
        return self.address + len(self.data)


class _Segment(NamedTuple):
    offset: int
    address: int
    size: int


def looks_like(data: bytes) -> Format | None:
    """Format that the first bytes give away; None where they could be anything, as in a BIN."""
    if data.startswith(b"\x7fELF"):
        return "elf"
    if _HEX_START.match(data.lstrip()[:11]):
        return "hex"
    return None


def parse(data: bytes, kind: Format, base: int) -> list[Chunk]:
    """Chunks of a file, sorted by address, without gaps inside and joined where they touch.

    `base` is the address of a BIN's first byte; other formats carry their own.  Raises FormatError.
    """
    match kind:
        case "elf":
            chunks = parse_elf(data)
        case "hex":
            chunks = parse_hex(data)
        case "bin":
            chunks = [Chunk(base, data)] if data else []
    if not chunks:
        raise FormatError("it holds no bytes to load")
    return join(chunks)


def join(chunks: list[Chunk]) -> list[Chunk]:
    """Sort chunks by address and join those that touch.  Raises FormatError where two overlap or leave 32
    bits.
    """
    ordered = sorted(chunks, key=lambda chunk: chunk.address)
    runs: list[list[Chunk]] = []
    for chunk in ordered:
        if chunk.end > _ADDRESS_END:
            raise FormatError(
                f"{len(chunk.data)} bytes at {chunk.address:#010x} reach beyond 32-bit addresses"
            )
        last = runs[-1][-1] if runs else None
        if last is not None and chunk.address < last.end:
            raise FormatError(f"it gives the bytes at {chunk.address:#010x} twice")
        if last is not None and chunk.address == last.end:
            runs[-1].append(chunk)
        else:
            runs.append([chunk])
    return [Chunk(run[0].address, b"".join(chunk.data for chunk in run)) for run in runs]


def parse_elf(data: bytes) -> list[Chunk]:
    """Loadable bytes of an Arm ELF at their load (physical) addresses, unsorted.  Raises FormatError."""
    if not data.startswith(b"\x7fELF"):
        raise FormatError("it does not begin as an ELF file does")
    header = _unpack(_ELF_HEADER, data, 0, "the ELF header")
    machine = header[2]
    if data[4] != 1 or data[5] != 1:
        raise FormatError("it is not a 32-bit little-endian ELF file")
    if machine != _EM_ARM:
        raise FormatError(f"it is for another processor (ELF machine {machine}, Arm is {_EM_ARM})")
    segments = _segments(data, offset=header[5], entry_size=header[9], count=header[10])
    sections = _sections(data, offset=header[6], entry_size=header[11], count=header[12])
    if not sections:
        return [Chunk(s.address, data[s.offset : s.offset + s.size]) for s in segments]
    return [
        _load_section(data, section, segments) for section in sections if _is_inside_any(section, segments)
    ]


def _segments(data: bytes, *, offset: int, entry_size: int, count: int) -> list[_Segment]:
    if count and entry_size < _PROGRAM_HEADER.size:
        raise FormatError(
            f"its program headers are {entry_size} bytes long, {_PROGRAM_HEADER.size} are needed"
        )
    found: list[_Segment] = []
    for index in range(count):
        kind, start, _virtual, physical, size, *_rest = _unpack(
            _PROGRAM_HEADER, data, offset + index * entry_size, f"program header {index}"
        )
        if kind != _PT_LOAD or size == 0:
            continue
        if start + size > len(data):
            raise FormatError(
                f"segment {index} ends {start + size - len(data)} bytes after the end of the file"
            )
        found.append(_Segment(start, physical, size))
    return found


def _sections(data: bytes, *, offset: int, entry_size: int, count: int) -> list[tuple[int, int]]:
    """(file offset, size) of sections that hold bytes for the chip; none where the file has no section
    headers.
    """
    if offset == 0 or count == 0:
        return []
    if entry_size < _SECTION_HEADER.size:
        raise FormatError(
            f"its section headers are {entry_size} bytes long, {_SECTION_HEADER.size} are needed"
        )
    found: list[tuple[int, int]] = []
    for index in range(count):
        _name, kind, flags, _address, start, size, *_rest = _unpack(
            _SECTION_HEADER, data, offset + index * entry_size, f"section header {index}"
        )
        if not flags & _SHF_ALLOC or kind == _SHT_NOBITS or size == 0:
            continue
        if start + size > len(data):
            raise FormatError(
                f"section {index} ends {start + size - len(data)} bytes after the end of the file"
            )
        found.append((start, size))
    return found


def _is_inside_any(section: tuple[int, int], segments: list[_Segment]) -> bool:
    start, size = section
    return any(s.offset <= start and start + size <= s.offset + s.size for s in segments)


def _load_section(data: bytes, section: tuple[int, int], segments: list[_Segment]) -> Chunk:
    start, size = section
    inside = next(s for s in segments if s.offset <= start and start + size <= s.offset + s.size)
    return Chunk(inside.address + start - inside.offset, data[start : start + size])


def _unpack(layout: struct.Struct, data: bytes, offset: int, name: str) -> tuple[int, ...]:
    if offset + layout.size > len(data):
        raise FormatError(f"it ends before the end of {name}")
    return layout.unpack_from(data, offset)


def parse_hex(data: bytes) -> list[Chunk]:
    """Data records of an Intel HEX file, unsorted.  Raises FormatError with the line's number."""
    chunks: list[Chunk] = []
    base, wraps, ended = 0, False, False
    for number, line in enumerate(data.split(b"\n"), start=1):
        text = line.strip()
        if not text:
            continue
        if ended:
            raise FormatError(f"line {number} follows the end-of-file record")
        if len(chunks) >= MAX_CHUNKS:
            raise FormatError(f"it has more than {MAX_CHUNKS} records")
        offset, kind, payload = _hex_record(text, number)
        if kind == 0:
            _add_record(chunks, base, offset, payload, wraps=wraps)
        elif kind == 1:
            ended = True
        else:
            base = _hex_base(kind, payload, base, number)
            wraps = kind == 2 or (wraps and kind != 4)
    if not ended:
        raise FormatError("it has no end-of-file record: it was cut short")
    return chunks


def _hex_record(text: bytes, number: int) -> tuple[int, int, bytes]:
    """Offset, type and payload of one record whose length and checksum hold."""
    if not text.startswith(b":"):
        raise FormatError(f"line {number} does not begin with a colon")
    try:
        raw = binascii.unhexlify(text[1:])
    except binascii.Error:
        raise FormatError(f"line {number} holds something else than pairs of hex digits") from None
    if len(raw) < 5 or len(raw) != raw[0] + 5:
        raise FormatError(f"line {number} is not as long as it says")
    if sum(raw) & 0xFF:
        raise FormatError(f"line {number} has a wrong checksum")
    return int.from_bytes(raw[1:3], "big"), raw[3], raw[4:-1]


def _hex_base(kind: int, payload: bytes, base: int, number: int) -> int:
    """Base address after a record that is neither data nor the end."""
    sizes = {2: 2, 3: 4, 4: 2, 5: 4}
    if kind not in sizes:
        raise FormatError(f"line {number} has the unknown record type {kind:#04x}")
    if len(payload) != sizes[kind]:
        raise FormatError(f"line {number} has {len(payload)} bytes where its type has {sizes[kind]}")
    value = int.from_bytes(payload, "big")
    return {2: value << 4, 4: value << 16}.get(kind, base)


def _add_record(chunks: list[Chunk], base: int, offset: int, payload: bytes, *, wraps: bool) -> None:
    """Append a data record.  In a segment (type 02), what passes its 64 KiB wraps to its start."""
    fits = 0x10000 - offset if wraps else len(payload)
    for address, part in ((base + offset, payload[:fits]), (base, payload[fits:])):
        if part:
            chunks.append(Chunk(address, part))
