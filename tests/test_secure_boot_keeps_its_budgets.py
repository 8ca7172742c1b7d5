"""The bootloader fits flash and stack in every profile, on both chips, and is built as its profile says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.secure_lab import (
    IDENTITY,
    SECURE,
    SLOT0,
    Board,
    bench,
    board_on,
    build_boot,
    maker,
    payload,
    plain,
)
from tests.twin_lab import ROOT, Line, attached, twin_in
from workbench.images.profile import build_flags, load_profile

PROFILES: Final = ("tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa")
FLASH_BYTES: Final = 48 * 1024
STACK_BYTES: Final = 7168
STACK_BOTTOM: Final = 0x20000010
FILL: Final = bytes.fromhex("3cc3a55a")
MARGIN_BYTES: Final = 1024
"""What the deepest stack that was seen has to leave free."""


@pytest.mark.parametrize("chip", ["nrf51", "an385"])
@pytest.mark.parametrize("profile", PROFILES)
def test_flash(profile: str, chip: str) -> None:
    assert 4096 < len((build_boot(profile, chip) / "boot.bin").read_bytes()) <= FLASH_BYTES


@pytest.mark.parametrize("profile", PROFILES)
def test_stack(profile: str, tmp_path: Path, twin_runtime: Path) -> None:
    """High-water mark after the deepest way: an encrypted image is verified, installed, and not started.

    It is read when nothing was started: what runs afterwards would have the RAM.
    """
    made = maker(profile, tmp_path / "keys")
    with twin_in(tmp_path) as twin, board_on(twin) as board:
        unit = board.chip_id if made.profile.per_unit else None
        image = made.image(encrypt=True, chip_id=unit)
        board.fill({**bench(profile, board, made), SLOT0: plain(image, made, unit)})
        board.write(
            {0x10001080: bytes.fromhex("0900f6ff")}
        )  # counter 9: refused at last, after all cryptography
        assert board.boot()[1:] == ["nothing to start: counter"]
        board.target.halt()
        stack = bytes(board.target.read_memory_block8(STACK_BOTTOM, STACK_BYTES))
    free = len(stack) - len(stack.lstrip(FILL))
    print(f"{profile}: {STACK_BYTES - free} bytes of stack")
    assert MARGIN_BYTES <= free < STACK_BYTES - 256, (
        f"{profile}: {STACK_BYTES - free} bytes of stack were used"
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_flags_are_those_of_the_profile(profile: str) -> None:
    text = re.sub(r"\\\n", " ", (SECURE / "profiles.mk").read_text())
    found = re.search(rf"^FLAGS_{re.escape(profile)} := (.*)$", text, re.MULTILINE)
    assert found is not None
    assert found.group(1).split() == build_flags(load_profile(profile))


def test_the_other_chip_boots(tmp_path: Path, twin_runtime: Path) -> None:
    """MPS2 with AN385: memory stands in for its flash, so all of it is put there over the debug port."""
    made = maker("tier-2-rsa", tmp_path / "keys")
    boot = (build_boot("tier-2-rsa", "an385") / "boot.bin").read_bytes()
    image = made.image(payload=payload(2000, base=0x100100))
    with twin_in(tmp_path, "mps2", "mps2-an385") as twin, attached(twin) as target, Line(twin) as line:
        board = Board(twin, target, line)
        erased = b"\xff" * 0x400
        parts = {
            0x100000: image,
            0x140000: erased,
            0x180000: erased * 6,
            0x182000: made.page(bytes(8)),
            0: boot,
        }
        for at, data in parts.items():
            target.write_memory_block8(at, list(data))
        assert board.boot()[1:] == ["starting 1.0.0"]
        target.halt()
        target.write_memory_block8(0x140000, list(made.image("1.2.0", payload=payload(2500, 3, 0x100100))))
        target.write_memory_block8(0x100000, list(erased))
        assert board.boot()[1:] == ["installing", "starting 1.2.0"]


def test_identity_area_is_where_the_factory_writes(tmp_path: Path) -> None:
    layout = (SECURE / "chips/nrf51/layout.h").read_text()
    assert re.search(rf"LAYOUT_IDENTITY 0x0*{IDENTITY:X}u", layout)


SOURCES: Final = {
    "sources.list": "# deb http://archive.example/debian old main\n"
    "deb http://archive.example/debian bookworm main contrib\n"
    "deb-src http://archive.example/debian bookworm main\n"
    "deb [arch=amd64 signed-by=/usr/share/x.gpg] https://mirror.example/debian bookworm-updates main\n"
    "deb https://packages.example/tool stable main\n",
    "sources.list.d/debian.sources": "Types: deb deb-src\nURIs: http://archive.example/debian\n"
    "Suites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/y.gpg\n\n"
    "Types: deb\nURIs: http://near.example/debian/\nSuites: sid\nComponents: non-free\n\n"
    "Types: deb\nEnabled: no\nURIs: http://archive.example/debian\nSuites: off\nComponents: main\n\n"
    "Types: deb\nURIs: https://other.example/apt\nSuites: stable\nComponents: main\n\n"
    "Types: deb\nURIs: https://proxy.example/d\nSuites: sid\nComponents: main\n"
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
}


def test_sources_are_asked_of_debian_only(tmp_path: Path) -> None:
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    said = subprocess.run(
        [ROOT / "scripts/fetch-bearssl", "--entries"],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        env={**os.environ, "APT_ROOT": str(tmp_path)},
    ).stdout.splitlines()
    assert all(line.startswith("deb-src ") for line in said)
    found = sorted(re.sub(r"\[.*?\] ", "", line) for line in said)
    assert found == [
        "deb-src http://archive.example/debian bookworm main",
        "deb-src http://archive.example/debian trixie main",
        "deb-src http://archive.example/debian trixie-updates main",
        "deb-src https://mirror.example/debian bookworm-updates main",
        "deb-src https://proxy.example/d sid main",
    ]
    assert sum("/x.gpg" in line for line in said) == 1
    assert sum("/y.gpg" in line for line in said) == 2
