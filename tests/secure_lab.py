"""What the tests of the secure bootloader share: builds of it, signed images, a board to put them on."""

from __future__ import annotations

import contextlib
import functools
import random
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.provisioning_lab import built
from tests.twin_lab import ROOT, Line, attached
from workbench.images import keys as key_files
from workbench.images.keys import KeyFolder, Kind
from workbench.images.profile import Profile, load_profile
from workbench.images.provisioning import build_page
from workbench.images.release import build_release, policy_for, running_form
from workbench.images.tlvs import Version
from workbench.images.unit import unit_content
from workbench.virtual.twins import Twin

SECURE: Final = ROOT / "firmware-samples/secure"
BUILT: Final = ROOT / "firmware-samples/build/secure"
DEVICE: Final = "microbit-v1"
NOW_S: Final = 1_800_000_000
FLOOR_S: Final = NOW_S - 30 * 86400

PAGE: Final = 0x400
SLOT0: Final = 0xC000
SLOT1: Final = 0x25000
SLOT_BYTES: Final = 100 * PAGE
CERTIFICATE_A: Final = 0x3E000
CERTIFICATE_B: Final = 0x3E400
STATE: Final = 0x3E800
LOG: Final = 0x3F000
IDENTITY: Final = 0x3F800
KEYS: Final = 0x3FC00
COUNTER: Final = 0x10001080

IDLE, REQUEST_TEST, REQUEST_PERM, SWAP_TEST, SWAP_PERM, TRIAL, SWAP_REVERT = range(7)

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "tier-1": ("kek",),
    "tier-1-plus": ("master",),
    "tier-2-ecdsa": ("ecdsa-p256", "encryption"),
    "tier-2-rsa": ("rsa-2048", "encryption"),
}
NVMC_CONFIG: Final = 0x4001E504
NVMC_ERASEALL: Final = 0x4001E50C


def build_boot(profile: str, chip: str = "nrf51") -> Path:
    """The folder of the profile's bootloader, built if that is needed; tests in other processes wait."""
    return built(profile, chip) / "secure" / chip / profile


@dataclass(frozen=True)
class BootState:
    """A state record, as common/state.h has it."""

    seq: int = 1
    """0: there is no record."""
    phase: int = IDLE
    last_result: int = 0
    pages: int = 0

    def encode(self) -> bytes:
        """As the application writes it."""
        body = struct.pack("<4sIBBHI", b"WBST", self.seq, self.phase, self.last_result, 0, self.pages)
        body += bytes(124 - len(body))
        return body + struct.pack("<I", zlib.crc32(body))


def newest_state(flash: bytes) -> BootState:
    """The record that counts; IDLE when there is none."""
    found = BootState(0)
    for at in range(STATE, LOG, 128):
        record = flash[at : at + 128]
        magic, seq, phase, result, _, pages = struct.unpack_from("<4sIBBHI", record)
        good = magic == b"WBST" and zlib.crc32(record[:124]) == struct.unpack_from("<I", record, 124)[0]
        if good and seq > found.seq:
            found = BootState(seq, phase, result, pages)
    return found


def payload(size: int, seed: int = 0, base: int = SLOT0 + 0x100) -> bytes:
    """A program that does nothing for ever, behind vectors as the Cortex-M0 has them, and filling."""
    code = (
        struct.pack("<48I", 0x20004000, base + 0xC1, *[base + 0xC1] * 46) + b"\x30\xbf\xfd\xe7"
    )  # wfi, and again
    return code + random.Random(seed).randbytes(size - len(code))


@dataclass(frozen=True)
class Maker:
    """Who makes images for one product: profile and keys."""

    profile: Profile
    keys: KeyFolder

    def page(self, chip_id: bytes) -> bytes:
        """The provisioning page of a unit."""
        unit = unit_content(self.profile, self.keys, device=DEVICE, chip_id=chip_id, time_floor_s=FLOOR_S)
        return build_page(unit.page)

    def image(
        self, version: str = "1.0.0", *, size: int = 3000, seed: int = 0, counter: int = 1, **more: Any
    ) -> bytes:
        """An image that such a unit takes."""
        content = more.pop("payload", None) or payload(size, seed)
        more.setdefault("signing_time_s", NOW_S)
        more.setdefault("device", DEVICE)
        return build_release(
            content, self.profile, self.keys, version=Version.parse(version), counter=counter, **more
        )


@functools.cache
def maker(profile: str, folder: Path, intermediates: int = 0) -> Maker:
    """Fresh keys for a profile."""
    begin, end = (datetime.fromtimestamp(FLOOR_S + days * 86400, UTC) for days in (-10, 400))
    keys = key_files.create(
        folder, KINDS[profile], intermediates=intermediates, not_before=begin, not_after=end
    )
    return Maker(load_profile(profile), keys)


class Board:
    """A micro:bit whose memories are filled over the debug port."""

    def __init__(self, twin: Twin, target: Any, line: Line) -> None:
        self.twin = twin
        self.target = target
        self.line = line

    @property
    def chip_id(self) -> bytes:
        """As its words lie in memory."""
        return bytes(self.target.read_memory_block8(0x10000060, 8))

    def fill(self, contents: dict[int, bytes]) -> None:
        """Erase everything, then write; the core is halted."""
        self.target.halt()
        self.target.write32(NVMC_CONFIG, 2)
        self.target.write32(NVMC_ERASEALL, 1)
        self.write(contents)

    def write(self, contents: dict[int, bytes]) -> None:
        """Write to erased flash or UICR."""
        self.target.write32(NVMC_CONFIG, 1)
        for address, data in contents.items():
            padded = data + b"\xff" * (-len(data) % 4)
            self.target.write_memory_block32(address, list(struct.unpack(f"<{len(padded) // 4}I", padded)))
        self.target.write32(NVMC_CONFIG, 0)
        self.target.flush()

    def flash(self) -> bytes:
        """All of it."""
        return bytes(self.target.read_memory_block8(0, 0x40000))

    def counter(self) -> list[int]:
        """The words of the security counter that were written."""
        words = self.target.read_memory_block32(COUNTER, 32)
        return [word for word in words if word != 0xFFFFFFFF]

    def boot(self) -> list[str]:
        """Reset, and what the bootloader says until it starts something or gives up."""
        self.line.port.reset_input_buffer()
        self.line.seen = b""
        self.target.reset()
        said = self.line.until(b"boot: wb-boot")
        while not re.search(rb"boot: (starting|nothing to start|fault)[^\n]*\n", said):
            said += self.line.until(b"\n")
        first, *more = [text.removeprefix("boot: ") for text in said.decode().splitlines()]
        return [first, *(text for text in more if text != first)]  # a swap ends with a reset


@contextlib.contextmanager
def board_on(twin: Twin) -> Iterator[Board]:
    """The board with a debugger and a serial line."""
    with attached(twin) as target, Line(twin) as line:
        yield Board(twin, target, line)


def bench(profile: str, board: Board, made: Maker) -> dict[int, bytes]:
    """Bootloader and provisioning page, as the factory leaves them."""
    boot = (build_boot(profile) / "boot.bin").read_bytes()
    return {0: boot, IDENTITY: made.page(board.chip_id)}


def plain(image: bytes, made: Maker, chip_id: bytes | None = None) -> bytes:
    """An image as it lies in slot 0."""
    return running_form(image, policy_for(made.profile, made.keys, device=DEVICE, chip_id=chip_id))
