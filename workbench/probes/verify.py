"""Reading back: what a chip holds against what it should hold, and the checksum of what was read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from workbench.events import Emit
from workbench.probes import guard
from workbench.probes.errors import FlashVerifyFailed
from workbench.probes.images import Image
from workbench.probes.limits import Limits, Reporter
from workbench.probes.memory import BLOCK, read_bytes
from workbench.probes.plan import blocks
from workbench.probes.session import STALL_S, TOTAL_S, Debug

_SHOWN: Final = 16


@dataclass(frozen=True, slots=True)
class Verification:
    """How it was made sure that the chip holds an image.

    `read-back`: every byte of the image was read from the chip and compared.  `sha256` is that of the bytes
    that the chip returned for the image, in order of address, gaps left out; it equals Image.sha256.
    """

    method: Literal["read-back", "none"]
    bytes_read: int
    sha256: str | None


NOT_VERIFIED: Final = Verification("none", 0, None)


def verify_image(
    debug: Debug, image: Image, *, emit: Emit | None = None, check: Callable[[], object] | None = None
) -> Verification:
    """Compare every byte of `image` with what the chip holds; Progress events named "verify".

    Raises ChipLocked, FlashVerifyFailed with the first difference, DebugFault, ProbeLost, DebugTimeout.
    """
    guard.refuse_locked(debug)
    wanted = [(segment.address, segment.data) for segment in image.segments]

    def compare(soc: Any, reporter: Reporter) -> Verification:
        held = read_spans(soc, reporter, [(at, len(data)) for at, data in wanted], step="verify")
        refuse_differences(wanted, held)
        return read_back(image, held)

    limits = Limits(TOTAL_S, STALL_S)
    return debug.run("reading back the image", compare, limits=limits, emit=emit, check=check)


def read_spans(
    soc: Any, reporter: Reporter, spans: Iterable[tuple[int, int]], *, step: str
) -> dict[int, bytes]:
    """Content of sorted (start, size) spans, by start, read in large blocks with Progress events named
    `step`.
    """
    wanted = list(spans)
    total = sum(size for _, size in wanted)
    held = bytearray()
    for start, size in blocks(wanted, BLOCK):
        reporter.beat()
        held += read_bytes(soc, start, size)
        reporter.progress(step, len(held), total)
    return dict(_split(wanted, bytes(held)))


def _split(spans: list[tuple[int, int]], held: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for start, size in spans:
        yield start, held[offset : offset + size]
        offset += size


def refuse_differences(wanted: Iterable[tuple[int, bytes]], held: Mapping[int, bytes]) -> None:
    """Raises FlashVerifyFailed with the first address at which `held` is not what was `wanted`."""
    bad = [(at, data, held[at]) for at, data in wanted if held[at] != data]
    if not bad:
        return
    differing = sum(a != b for _, data, found in bad for a, b in zip(data, found, strict=True))
    start, data, found = bad[0]
    offset = next(i for i, (a, b) in enumerate(zip(data, found, strict=True)) if a != b)
    expected, seen = data[offset : offset + _SHOWN], found[offset : offset + _SHOWN]
    raise FlashVerifyFailed(
        f"the chip holds {seen.hex(' ')} at {start + offset:#010x}, expected {expected.hex(' ')}; "
        f"{differing} bytes differ in all",
        address=start + offset,
        expected=expected,
        found=seen,
        differing=differing,
    )


def read_back(image: Image, held: Mapping[int, bytes]) -> Verification:
    """The result of a read-back that found no difference; `held` is what was read, by start of each span."""
    digest = hashlib.sha256()
    starts = sorted(held)
    at = 0
    for segment in image.segments:
        address = segment.address
        while address < segment.end:
            while starts[at] + len(held[starts[at]]) <= address:
                at += 1
            offset = address - starts[at]
            part = held[starts[at]][offset : offset + segment.end - address]
            digest.update(part)
            address += len(part)
    return Verification("read-back", sum(len(data) for data in held.values()), digest.hexdigest())
