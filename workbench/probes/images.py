"""Images: files read, checked against a target, and joined into what the chip is to hold.  Touches files, no
board.

Several files can be loaded at once; what they hold must not overlap.  Every byte must lie in memory that the
target file describes, outside its identity area unless that is permitted.  Files are read once: what is
hashed is what is written.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.boards.target import Target, TargetLacks
from workbench.boards.target_file import Memory
from workbench.probes import formats
from workbench.probes.errors import ImageOutsideMemory, ImageOverIdentity, ImageOverlap, ImageUnreadable
from workbench.probes.formats import Format

MAX_FILE_BYTES: Final = 256 << 20
"""Largest image file that is read; ELF files with debug information can be large."""

_FORMATS: Final[dict[str, Format]] = {
    ".elf": "elf",
    ".axf": "elf",
    ".out": "elf",
    ".hex": "hex",
    ".ihex": "hex",
    ".ihx": "hex",
    ".bin": "bin",
}


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file to load.  `format` None: by its name and first bytes; `base`: address of a BIN's first byte."""

    path: Path
    format: Format | None = None
    base: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was loaded, as it was at that moment."""

    path: Path
    format: Format
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that lie next to each other in the chip, and the file that they are from."""

    address: int
    data: bytes
    source: Source

    @property
    def end(self) -> int:
        """Address after the last byte."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """What the chip is to hold: segments sorted by address that do not overlap; at least one byte."""

    segments: tuple[Segment, ...]
    sources: tuple[Source, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes in all segments."""
        return sum(len(segment.data) for segment in self.segments)

    @property
    def start(self) -> int:
        """Lowest address."""
        return self.segments[0].address

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes in order of address, gaps left out, in hexadecimal."""
        digest = hashlib.sha256()
        for segment in self.segments:
            digest.update(segment.data)
        return digest.hexdigest()


def load_images(files: Iterable[ImageFile | Path], target: Target, *, permit_identity: bool = False) -> Image:
    """Read files and check them against `target`.

    `permit_identity` lets an image overwrite the unit's identity area; a sector that holds a byte of it
    counts as part of it, because it would be erased.  Raises ImageUnreadable, ImageOutsideMemory,
    ImageOverlap, ImageOverIdentity.
    """
    return image_of(files, (), target, permit_identity=permit_identity)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that come from no file: `name` stands for them in messages and records."""

    name: str
    address: int
    data: bytes


def image_of(
    files: Iterable[ImageFile | Path], parts: Iterable[Part], target: Target, *, permit_identity: bool = False
) -> Image:
    """As `load_images`, together with bytes that lie in memory: secrets need no file."""
    segments = [_segment(part) for part in parts if part.data]
    for file in files:
        segments += _load(file if isinstance(file, ImageFile) else ImageFile(file), target)
    return _joined(segments, target, permit_identity)


def _segment(part: Part) -> Segment:
    source = Source(Path(part.name), "bin", len(part.data), hashlib.sha256(part.data).hexdigest())
    return Segment(part.address, part.data, source)


def _joined(segments: list[Segment], target: Target, permit_identity: bool) -> Image:
    """Segments as one image that the target can hold."""
    if not segments:
        raise ImageUnreadable("no image was given", cause="the list of image files is empty")
    sources = tuple(dict.fromkeys(segment.source for segment in segments))
    segments.sort(key=lambda segment: (segment.address, segment.end))
    _refuse_overlaps(segments)
    for segment in segments:
        _refuse_outside(segment, target)
    if not permit_identity:
        _refuse_identity(segments, target)
    return Image(tuple(segments), sources)


def default_base(target: Target) -> int:
    """Where a BIN goes that names no address: the start of the first flash, or of the first RAM without
    flash.  Raises TargetLacks where there is neither.
    """
    for kind in ("flash", "ram"):
        for memory in target.memory:
            if memory.kind == kind:
                return memory.start
    if not target.memory:
        raise TargetLacks(f"target {target.name} has no memory that firmware could be written to")
    return target.memory[0].start


def _load(file: ImageFile, target: Target) -> list[Segment]:
    data = _read(file.path)
    kind = _format(file, data)
    source = Source(file.path, kind, len(data), hashlib.sha256(data).hexdigest())
    base = file.base if file.base is not None else default_base(target)
    if file.base is not None and kind != "bin":
        raise ImageUnreadable(
            f"{file.path}: a base address was given, but {kind.upper()} files carry their own",
            cause="only BIN files need a base address",
        )
    try:
        chunks = formats.parse(data, kind, base)
    except formats.FormatError as error:
        raise ImageUnreadable(f"{file.path}: cannot be read as {kind.upper()}: {error}") from error
    return [Segment(chunk.address, chunk.data, source) for chunk in chunks]


def _read(path: Path) -> bytes:
    """Content of a regular file of bounded size; never blocks on a pipe or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ImageUnreadable(f"{path}: is not a file", cause="a folder, pipe or device was named")
            data = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageUnreadable(
            f"{path}: cannot be opened: {reason}", cause="the file is missing or may not be read"
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise ImageUnreadable(
            f"{path}: is larger than {MAX_FILE_BYTES >> 20} MiB", cause="it is no image file"
        )
    return data


def _format(file: ImageFile, data: bytes) -> Format:
    """Format by explicit choice, else by name, contradicted by neither name nor content."""
    if file.format is not None:
        return file.format
    seen = formats.looks_like(data)
    named = _FORMATS.get(file.path.suffix.lower())
    if named is None and seen is None:
        known = ", ".join(_FORMATS)
        raise ImageUnreadable(
            f"{file.path}: its format cannot be told from its name or content",
            cause=f"the name ends in none of {known}",
            action="name the format: elf, hex or bin",
        )
    if named == "bin" and seen is not None:
        raise ImageUnreadable(
            f"{file.path}: is named as a BIN but holds {seen.upper()}",
            cause="a file with the wrong name",
            action=f"rename it, or name its format: {seen}, or bin to load it byte for byte",
        )
    format_ = named or seen
    assert format_ is not None
    return format_


def _refuse_overlaps(segments: Sequence[Segment]) -> None:
    """`segments` are sorted by address."""
    farthest = segments[0]
    for segment in segments[1:]:
        if segment.address < farthest.end:
            end = min(segment.end, farthest.end)
            raise ImageOverlap(
                f"{farthest.source.path} and {segment.source.path} both hold the bytes "
                f"{segment.address:#010x}–{end - 1:#010x}"
            )
        if segment.end > farthest.end:
            farthest = segment


def _refuse_outside(segment: Segment, target: Target) -> None:
    """A segment may run over from one region into the next where they touch."""
    address = segment.address
    while address < segment.end:
        memory = target.memory_at(address)
        if memory is None or not memory.writable:
            raise _outside(segment, address, memory, target)
        address = memory.end
    kinds = {memory.kind for memory in target.memory}
    at = target.memory_at(segment.address)
    if "flash" in kinds and at is not None and at.kind == "ram":
        raise ImageOutsideMemory(
            f"{segment.source.path}: its bytes {_range(segment.address, segment.end)} would be loaded "
            f"into RAM ({at.name}) of {target.name}, where they are gone after the next reset",
            cause="the linker script gives initialised data no load address in flash (AT> or LMA)",
        )


def _outside(segment: Segment, address: int, memory: Memory | None, target: Target) -> ImageOutsideMemory:
    regions = ", ".join(f"{m.name} {_range(m.start, m.end)}" for m in target.memory if m.writable)
    why = f"{memory.name}, which is read-only" if memory is not None else "no memory"
    return ImageOutsideMemory(
        f"{segment.source.path}: its bytes {_range(segment.address, segment.end)} do not fit {target.name}: "
        f"at {address:#010x} there is {why}",
        cause=f"linked for another chip, or the base address is wrong; {target.name} has {regions}",
    )


def _refuse_identity(segments: Iterable[Segment], target: Target) -> None:
    for segment in segments:
        start, end = sector_bounds(segment.address, segment.end, target)
        for area in target.identity_areas:
            if start < area.end and area.start < end:
                raise ImageOverIdentity(
                    f"{segment.source.path}: writing {_range(segment.address, segment.end)} would change "
                    f"the identity area {_range(area.start, area.end)} of {target.name}"
                )


def sector_bounds(start: int, end: int, target: Target) -> tuple[int, int]:
    """[start, end) widened to whole flash sectors; unchanged where memory has no sectors."""
    return _border(start, target, up=False), _border(end - 1, target, up=True)


def _border(address: int, target: Target, *, up: bool) -> int:
    memory = target.memory_at(address)
    sector = memory.sector if memory is not None and memory.kind == "flash" else None
    if memory is None or sector is None:
        return address + 1 if up else address
    floor = memory.start + (address - memory.start) // sector * sector
    return floor + sector if up else floor


def _range(start: int, end: int) -> str:
    return f"{start:#010x}–{end - 1:#010x}"
