"""Starting what was loaded: by a reset where it lies in flash, by setting the core's registers where it lies
in RAM.
"""

from __future__ import annotations

from typing import Final

from workbench.boards.target import Target
from workbench.probes.errors import ImageUnreadable
from workbench.probes.images import Image
from workbench.probes.session import Debug

# Armv6-M and Armv7-M Architecture Reference Manuals: SCB, xPSR, CONTROL.
_VTOR: Final = 0xE000_ED08
_XPSR_THUMB: Final = 1 << 24
_CORES_WITHOUT_VTOR: Final = frozenset({"cortex-m0", "cortex-m1"})


def start_image(debug: Debug, image: Image) -> None:
    """Run `image`, which the chip holds.

    From flash: reset.  From RAM: the image begins with its vector table; the core gets stack pointer and
    entry from it and VTOR where it has one.  Raises ImageUnreadable where a RAM image begins with no vector
    table.
    """
    if not _is_in_ram(image, debug.target):
        debug.reset()
        return
    stack, entry = vectors(image)
    if not debug.is_halted():
        debug.reset(halt=True)
    if debug.target.chip.core not in _CORES_WITHOUT_VTOR:
        debug.write_word(_VTOR, image.start)
    for name, value in (
        ("control", 0),
        ("primask", 0),
        ("msp", stack),
        ("lr", 0xFFFF_FFFF),
        ("xpsr", _XPSR_THUMB),
        ("pc", entry & ~1),
    ):
        debug.write_register(name, value)
    debug.resume()


def vectors(image: Image) -> tuple[int, int]:
    """Initial stack pointer and entry, with its Thumb bit, where `image` starts.  Raises ImageUnreadable."""
    first = image.segments[0]
    stack = int.from_bytes(first.data[0:4], "little")
    entry = int.from_bytes(first.data[4:8], "little")
    if len(first.data) < 8 or stack % 4 or not entry & 1:
        raise ImageUnreadable(
            f"{first.source.path}: its first bytes, at {first.address:#010x}, are no vector table",
            cause="an image that runs from RAM must begin with its initial stack pointer and reset vector",
        )
    return stack, entry


def _is_in_ram(image: Image, target: Target) -> bool:
    memory = target.memory_at(image.start)
    return memory is not None and memory.kind == "ram"
