"""The bench to measure on: four twins in a folder of its own, and images of 200 KiB that differ all over."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench

TWINS: Final = 4
IMAGE_BYTES: Final = 200 * 1024
STACK: Final = 0x2000_1000
CODE_AT: Final = 0xC0
FAULT: Final = bytes.fromhex("fee7 c046")
"""Thumb: branch to itself; NOP."""
SLEEP: Final = bytes.fromhex("30bf fde7")
"""Thumb: WFI, and again: a twin must not eat the processor that is measured."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where measurements are done.  `images` are HEX files; no sector of one is also in the other."""

    bench: Bench
    images: tuple[Path, Path]

    def others(self) -> Iterator[Path]:
        """The images in turn, so that each is written over the other."""
        return cycle(self.images)


@contextmanager
def place() -> Iterator[Place]:
    """A bench with all twins off, in a temporary folder; the twins are off again at the end."""
    with tempfile.TemporaryDirectory(prefix="workbench-benchmark-") as name:
        folder = Path(name)
        bench = load_bench(write_virtual_bench(folder, TWINS))
        images = (make_image(folder / "a.hex", 1), make_image(folder / "b.hex", 2))
        try:
            yield Place(bench, images)
        finally:
            for slot in bench.slots.values():
                slot.need_power().off()


def make_image(path: Path, seed: int) -> Path:
    """A HEX file of 200 KiB that does nothing but sleep; its fill comes from `seed`, and nothing repeats."""
    from intelhex import IntelHex

    vectors = [STACK, CODE_AT + len(FAULT) + 1] + [CODE_AT + 1] * (CODE_AT // 4 - 2)
    head = b"".join(vector.to_bytes(4, "little") for vector in vectors) + FAULT + SLEEP
    data = head + random.Random(seed).randbytes(IMAGE_BYTES - len(head))
    image = IntelHex()
    image.frombytes(data)
    image.write_hex_file(str(path))
    return path


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
