"""Boards for the tests of the flash engine: slots of a bench of twins, and images to write on them."""

from __future__ import annotations

import os
import random
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.boards.bench import Bench, Slot, load_bench
from workbench.probes.images import Image, ImageFile, load_images

COUNTER = 0x2000_0100
"""RAM word that `counting_program` counts up."""


@contextmanager
def bench_of(folder: Path, **targets: str) -> Iterator[Bench]:
    """A bench with a powered board of the given target in each named slot; all are off at the end."""
    lines = ['[bench]\nname = "flash tests"\n']
    lines += [f'[slots.{name}]\nvirtual = "{target}"\n' for name, target in targets.items()]
    (folder / "bench.toml").write_text("\n".join(lines))
    bench = load_bench(folder / "bench.toml")
    try:
        for slot in bench.slots.values():
            slot.need_power().on()
        yield bench
    finally:
        for slot in bench.slots.values():
            slot.need_power().off()


@contextmanager
def hung(slot: Slot) -> Iterator[None]:
    """The process that answers for the slot's probe stands still, as a probe does whose firmware hangs."""
    name = slot.need_probe().unique_id.encode()
    commands = {int(p.parent.name): _content(p) for p in Path("/proc").glob("[0-9]*/cmdline")}
    answering = [process for process, command in commands.items() if name in command.split(b"\0")]
    assert answering
    for process in answering:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in answering:
            os.kill(process, signal.SIGCONT)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def random_bytes(size: int, seed: int) -> bytes:
    """Bytes that are the same for the same seed."""
    return random.Random(seed).randbytes(size)


def image_of(slot: Slot, folder: Path, parts: dict[int, bytes], *, permit_identity: bool = False) -> Image:
    """An image with these bytes at these addresses, loaded from files."""
    files = []
    for address, data in parts.items():
        path = folder / f"part-{address:08x}-{len(data)}.bin"
        path.write_bytes(data)
        files.append(ImageFile(path, format="bin", base=address))
    return load_images(files, slot.target, permit_identity=permit_identity)


def counting_program(stack: int = 0x2000_1000) -> bytes:
    """Thumb code with its vector table, linked to address 0, that counts the word COUNTER up for ever."""
    code = struct.pack(
        "<6H",
        0x4802,  # ldr  r0, =COUNTER
        0x2100,  # movs r1, #0
        0x3101,  # adds r1, #1
        0x6001,  # str  r1, [r0]
        0xE7FC,  # b    to adds
        0x46C0,  # nop
    )
    return struct.pack("<II", stack, 0x0000_0009) + code + struct.pack("<I", COUNTER)
