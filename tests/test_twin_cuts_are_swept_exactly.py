"""A cut computed from a recording leaves what a real one leaves, and the board does the same afterwards."""

from __future__ import annotations

import contextlib
import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyocd.core.exceptions import Error as ProbeError

from tests.twin_lab import Line, attached, wait_until
from workbench.virtual import nvm
from workbench.virtual.chips import NRF51, Range
from workbench.virtual.cut import CutMode, Operation, OperationKind
from workbench.virtual.nvm import Nvm
from workbench.virtual.protocol import NVM_FILE
from workbench.virtual.replay import Replay
from workbench.virtual.twins import Twin, TwinFailed, plug

WORDS: Final = 6
UNTIL: Final = rb"done [0-9a-f]\n"

# Copies words to a page, notes that it has, resets itself, then says how many words are right.  Unlike a
# careful program it believes its note without a look at the words.
PROGRAM: Final = r"""
#include <stdint.h>
#define REG(a) (*(volatile uint32_t *)(a))
#define NOTE REG(0x10000)
#define COPY ((volatile uint32_t *)0x10400)
#define UICR REG(0x10001080)
static void ready(void) { while (!REG(0x4001E400)) {} }
static void mode(uint32_t m) { REG(0x4001E504) = m; ready(); }
static void put(char c) { REG(0x4000211C) = 0; REG(0x4000251C) = (uint32_t)c; while (!REG(0x4000211C)) {} }
static void say(const char *s) { while (*s) put(*s++); }
void start(void) {
    REG(0x4000250C) = 24; REG(0x40002500) = 4; REG(0x40002008) = 1;
    say("boot\n");
    if (NOTE == 0xFFFFFFFF) {
        mode(2); REG(0x4001E508) = 0x10400; ready();
        mode(1);
        for (uint32_t i = 0; i < 6; i++) { COPY[i] = 0x01010101u * (i + 1); ready(); }
        if (UICR == 0xFFFFFFFF) { UICR = 0x1234; ready(); }
        NOTE = 0; ready();
        mode(0);
        REG(0xE000ED0C) = 0x05FA0004;
        for (;;) {}
    }
    uint32_t good = 0;
    for (uint32_t i = 0; i < 6; i++) good += COPY[i] == 0x01010101u * (i + 1);
    say("done "); put((char)('0' + good)); put('\n');
    for (;;) {}
}
__attribute__((section(".vectors"), used)) void *const vectors[] = {(void *)0x20004000, (void *)start};
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("program")
    (folder / "p.c").write_text(PROGRAM)
    (folder / "p.ld").write_text("SECTIONS { .text 0 : { *(.vectors) *(.text*) *(.rodata*) } }")
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", "-Os", "-nostdlib", "-ffreestanding"]
    command += ["-T", "p.ld", "-o", "p.elf", "p.c", "-lgcc"]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "p.elf", "p.bin"], cwd=folder, check=True)
    return (folder / "p.bin").read_bytes()


@pytest.fixture
def twin(tmp_path: Path, program: bytes) -> Iterator[Twin]:
    """Off, with the program and stale words where it will copy to."""
    twin = plug(tmp_path / "twins", "v1", "microbit")
    twin.power.on()
    twin.power.off()
    save(twin, program)
    yield twin
    twin.power.off()


def save(twin: Twin, program: bytes) -> None:
    nvm.save(twin.folder / NVM_FILE, Nvm(image(program), b"\xff" * 0x100, "off"))


def image(program: bytes) -> bytes:
    flash = bytearray(b"\xff" * 0x40000)
    flash[: len(program)] = program
    flash[0x10400:0x10500] = bytes(0x100)
    return bytes(flash)


def really_cut(twin: Twin, program: bytes, point: int, mode: CutMode, seed: int) -> tuple[bytes, bytes]:
    """Flash and UICR after an armed cut on the twin itself, which begins as a chip with nothing on it."""
    (twin.folder / NVM_FILE).unlink()
    twin.power.on()
    with contextlib.suppress(ProbeError), attached(twin) as target:
        target.reset_and_halt()
        target.write32(0x4001E504, 1)
        words = image(program)
        for start, end in ((0, -len(program) % 4 + len(program)), (0x10400, 0x10500)):
            target.write_memory_block32(
                start, list(struct.unpack(f"<{(end - start) // 4}I", words[start:end]))
            )
        target.write32(0x4001E504, 0)
        target.flush()
        twin.power.arm_cut(point, mode, seed)
        target.reset()
    wait_until(lambda: twin.power.state() == "off", "the cut")
    found = nvm.load(twin.folder / NVM_FILE, 0x40000, 0x100)
    return found.flash, found.uicr


def test_the_recording_has_every_operation_of_the_boot_and_of_the_reset_in_it(twin: Twin) -> None:
    recording = twin.power.record_boot(UNTIL)
    assert [operation.kind for operation in recording.operations] == [
        "page",
        *["word"] * WORDS,
        "uicr",
        "word",
    ]
    assert [o.address for o in recording.operations][1:7] == [0x10400 + 4 * i for i in range(WORDS)]
    assert recording.console == b"boot\nboot\ndone 6\n"


@pytest.mark.parametrize(
    ("point", "mode"), [(1, "torn"), (3, "clean"), (4, "torn"), (8, "torn"), (9, "clean")]
)
def test_a_computed_cut_leaves_what_a_real_one_leaves(
    twin: Twin, program: bytes, point: int, mode: CutMode
) -> None:
    recording = twin.power.record_boot(UNTIL)
    assert NRF51.nvm is not None
    replay = Replay(NRF51.nvm, recording.flash, recording.uicr, recording.operations)
    assert replay.at(point, mode, 5) == really_cut(twin, program, point, mode, 5)


def test_every_cut_ends_as_it_does_on_the_board_itself(twin: Twin, program: bytes) -> None:
    recording = twin.power.record_boot(UNTIL)
    points = range(1, len(recording.operations) + 1)
    outcomes = {o.point: o for o in twin.power.sweep_cuts(recording, points)}
    assert sorted(outcomes) == list(points)
    assert {o.end for o in outcomes.values()} == {"said"}
    assert outcomes[9].console == b"boot\ndone 6\n", "all was done"
    assert outcomes[3].console == b"boot\nboot\ndone 6\n", "nothing was noted: begun again"
    really_cut(twin, program, 3, "clean", 0)
    twin.power.on()
    with Line(twin) as line:
        assert b"done 6\n" in line.until(b"done 6\n")


def test_a_torn_note_shows_the_careless_program(twin: Twin) -> None:
    recording = twin.power.record_boot(UNTIL)
    [torn] = twin.power.sweep_cuts(recording, [9], "torn", seed=1)
    assert torn.console == b"boot\ndone 6\n"
    flash = bytearray(image(b""))
    flash[:0x400] = recording.flash[:0x400]
    flash[0x10000:0x10004] = b"\0\0\0\0"
    nvm.save(twin.folder / NVM_FILE, Nvm(bytes(flash), b"\xff" * 0x100, "off"))
    assert twin.power.record_boot(UNTIL).console == b"boot\ndone 0\n"


def test_what_follows_a_reset_into_known_memories_is_not_run_again(twin: Twin) -> None:
    recording = twin.power.record_boot(UNTIL)
    outcomes = list(twin.power.sweep_cuts(recording, range(1, 8)))
    again = [o for o in outcomes if o.known]
    assert len(again) >= len(outcomes) - 2, "each of two workers has to run it once"
    assert {o.console for o in outcomes} == {b"boot\nboot\ndone 6\n"}


def test_a_board_that_no_longer_starts_is_told(twin: Twin) -> None:
    recording = twin.power.record_boot(UNTIL)
    lost = Nvm(b"\xff" * 0x40000, b"\xff" * 0x100, "off")
    broken: Any = type(recording)(**{**vars(recording), "flash": lost.flash})
    [outcome] = twin.power.sweep_cuts(broken, [1], limit_s=2)
    assert outcome.end in ("silent", "crashed")
    assert outcome.console == b""
    assert not re.search(UNTIL, outcome.console)


def test_a_board_with_power_is_not_copied(twin: Twin) -> None:
    twin.power.on()
    with pytest.raises(TwinFailed, match="switch it off"):
        twin.power.record_boot(UNTIL)


def test_a_sweep_leaves_the_board_as_it_was(twin: Twin) -> None:
    before = (twin.folder / NVM_FILE).read_bytes()
    list(twin.power.sweep_cuts(twin.power.record_boot(UNTIL), [2, 5], "torn"))
    assert (twin.folder / NVM_FILE).read_bytes() == before


KINDS: Final[tuple[OperationKind, ...]] = ("word", "uicr", "page", "chip", "uicr-erase")


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 63), st.integers(0, 0xFFFFFFFF)),
        min_size=1,
        max_size=20,
    ),
    st.integers(0, 1000),
)
def test_a_torn_operation_is_between_before_and_after(
    plan: list[tuple[OperationKind, int, int]], seed: int
) -> None:
    assert NRF51.nvm is not None
    controller = replace(NRF51.nvm, flash=Range(0, 0x400))
    bases = {"word": 0, "uicr": controller.uicr.start, "page": 0, "chip": 0, "uicr-erase": 0}
    log = [Operation(kind, bases[kind] + 4 * at * (kind != "page"), value) for kind, at, value in plan]
    replay = Replay(controller, bytes(range(256)) * 4, bytes(range(256)), log)
    for point in range(1, len(log) + 1):
        before = b"".join(replay.at(point - 1, "clean", 0))
        torn = b"".join(replay.at(point, "torn", seed))
        after = b"".join(replay.at(point, "clean", 0))
        low, high = (int.from_bytes(b, "little") for b in (before, after))
        got = int.from_bytes(torn, "little")
        assert got & ~(low | high) == 0, "no bit rises that is 0 on both sides"
        assert (low & high) & ~got == 0, "no bit falls that is 1 on both sides"
