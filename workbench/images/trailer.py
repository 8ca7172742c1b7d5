"""Images padded to their slot's size, with the trailer in which MCUboot's swap keeps its state.  Pure.

For flashing an image straight into a slot.  Source: MCUboot, docs/design.md, "Image trailer".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.errors import InputError
from workbench.images.format import FLAG_SET, TRAILER_MAGIC, TRAILER_MAGIC_END, erased

_STATES: Final = 3
_FIELDS: Final = 4
_KEY_BYTES: Final = 16
_DEFAULT_MAX_ALIGN: Final = 8


class SlotTooSmall(InputError):
    """An image and its trailer do not fit the slot."""

    code = "image-slot-too-small"
    default_cause = "an image built for a larger slot, or a wrong size of the slot"
    default_action = "build a smaller image, or name the size of the slot that it is for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot: its size and smallest write in bytes, and how many sectors a swap counts at most."""

    size: int
    align: int = 4
    max_sectors: int = 128
    encrypted: bool = False
    """Room for the keys of two encrypted images."""

    @property
    def max_align(self) -> int:
        """Distance of the trailer's fields."""
        return max(_DEFAULT_MAX_ALIGN, self.align)

    @property
    def trailer_size(self) -> int:
        """Bytes at the slot's end that an image leaves free."""
        keys = 2 * _up(_KEY_BYTES, self.max_align) if self.encrypted else 0
        magic = _up(len(TRAILER_MAGIC), self.max_align)
        return self.max_sectors * _STATES * self.align + keys + _FIELDS * self.max_align + magic


def pad_to_slot(image: bytes, slot: Slot, *, confirmed: bool = False) -> bytes:
    """The image and the slot's end behind it; `confirmed` so that it stays after its first boot."""
    room = slot.size - len(image)
    if room < slot.trailer_size:
        raise SlotTooSmall(
            f"{len(image)} bytes and a trailer of {slot.trailer_size} do not fit a slot of {slot.size}"
        )
    magic = TRAILER_MAGIC
    if slot.max_align != _DEFAULT_MAX_ALIGN:
        magic = slot.max_align.to_bytes(2, "little") + TRAILER_MAGIC_END
    end = bytearray(erased(room - len(magic)) + magic)
    if confirmed:
        end[-_up(len(magic), slot.max_align) - slot.max_align] = FLAG_SET
    return image + bytes(end)


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
