"""Flash, UICR, chip ID and read-back protection follow the nRF51's rules, by firmware and probe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.twin_lab import HELLO, HELLO_BIN, Line, attached, load, pyocd, twin_in, wait_until
from workbench.virtual.twins import Twin

CONFIG, ERASEPCR, ERASEALL = 0x4001E504, 0x4001E508, 0x4001E50C
UICR, RBPCONF = 0x10001080, 0x10001004


def chip_id(twin: Twin) -> str:
    with attached(twin, connect="attach") as target:
        return f"{target.read32(0x10000064):08x}{target.read32(0x10000060):08x}"


def test_firmware_and_probe_see_the_same_chip_id_for_ever(twin: Twin) -> None:
    load(twin, HELLO)
    seen = chip_id(twin)
    for _ in range(2):
        twin.power.cycle()
        with Line(twin) as line:
            line.port.write(b"?id\r")
            assert f"id: {seen}" in line.until(b"id: " + seen.encode()).decode()
        assert chip_id(twin) == seen


def test_each_twin_has_its_own_chip_id(tmp_path: Path, twin: Twin) -> None:
    with twin_in(tmp_path, "other") as other:
        assert chip_id(twin) != chip_id(other)


def run_code(target: Any, halfwords: str, **registers: int) -> None:
    """Run Thumb code from RAM up to its BKPT."""
    code = b"".join(bytes.fromhex(h)[::-1] for h in halfwords.split()) + b"\x00\xbe"
    target.write_memory_block8(0x20001000, code)
    for name, value in registers.items():
        target.write_core_register(name, value)
    target.write_core_register("pc", 0x20001000)
    target.write_core_register("xpsr", 1 << 24)
    target.resume()
    wait_until(lambda: bool(target.get_state() == target.State.HALTED), "the code's BKPT")


# ldr r2,[r1] / ldrb / ldrh / ldmia r1!,{r2,r3} / ldr r2,[r1,r4]
LOADS = [
    ("680a", {"r1": 0x10000060}, {"r2": 0}),
    ("684a", {"r1": 0x10000060}, {"r2": 4}),
    ("c90c", {"r1": 0x10000060}, {"r2": 0, "r3": 4}),
    ("590a", {"r1": 0x10000000, "r4": 0x64}, {"r2": 4}),
]


@pytest.mark.parametrize(("code", "registers", "wanted"), LOADS)
def test_every_way_to_load_the_chip_id_gives_it(
    twin: Twin, code: str, registers: dict[str, int], wanted: dict[str, int]
) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        run_code(target, code, **registers)
        for name, offset in wanted.items():
            assert target.read_core_register(name) == target.read32(0x10000060 + offset)


def test_bytes_of_the_chip_id(twin: Twin) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        whole = target.read_memory_block8(0x10000060, 8)
        for i in range(8):
            run_code(target, "780a", r1=0x10000060 + i)
            assert target.read_core_register("r2") == whole[i]
        run_code(target, "880a", r1=0x10000062)
        assert target.read_core_register("r2") == whole[2] | whole[3] << 8


def test_flash_bits_only_fall_until_erased(twin: Twin) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        target.write32(0x3000, 0x1234)
        assert target.read32(0x3000) == 0xFFFFFFFF, "writing needs WEN"
        target.write32(CONFIG, 1)
        target.write32(0x3000, 0xF0F0F0F0)
        target.write32(0x3000, 0xFF00FF00)
        assert target.read32(0x3000) == 0xF000F000
        target.write32(ERASEPCR, 0x3000)
        assert target.read32(0x3000) == 0xF000F000, "erasing needs EEN"
        target.write32(CONFIG, 2)
        target.write32(ERASEPCR, 0x3000)
        assert target.read32(0x3000) == 0xFFFFFFFF


@pytest.mark.parametrize("by", ["probe", "firmware"])
def test_uicr_is_kept_over_reset_and_power_and_its_bits_only_fall(twin: Twin, by: str) -> None:
    with attached(twin) as target:
        target.reset_and_halt()

        def write(value: int) -> None:
            if by == "probe":
                target.write32(UICR, value)
            else:
                run_code(target, "6008", r0=value, r1=UICR)

        write(0)
        assert target.read32(UICR) == 0xFFFFFFFF, "writing needs WEN"
        target.write32(CONFIG, 1)
        write(0xFFFF00FF)
        write(0xFF00FFFF)
        assert target.read32(UICR) == 0xFF0000FF
        target.reset_and_halt()
        assert target.read32(UICR) == 0xFF0000FF, "kept over reset"
    twin.power.cycle()
    with attached(twin) as target:
        assert target.read32(UICR) == 0xFF0000FF, "kept over power"
        target.reset_and_halt()
        target.write32(CONFIG, 2)
        target.write32(ERASEALL, 1)
        assert target.read32(UICR) == 0xFFFFFFFF, "erased with the chip"


def lock(twin: Twin) -> None:
    with attached(twin) as target:
        target.write32(CONFIG, 1)
        target.write32(RBPCONF, 0xFFFF00FF)
        target.write32(CONFIG, 0)
        assert target.read32(0) != 0, "not before the next reset"


def test_a_locked_chip_keeps_its_flash_from_the_debug_port_but_runs(twin: Twin) -> None:
    from pyocd.core import exceptions

    load(twin, HELLO)
    lock(twin)
    pyocd("reset", "-u", twin.probe_uid)
    with Line(twin) as line, attached(twin, connect="attach") as target:
        line.port.write(b"?build\r")
        line.until(b"build: ")
        build = line.until(b"\r\n").strip()
        for address in (0, 0x200, 0x3FFFC):
            with pytest.raises(exceptions.TransferFaultError):
                target.read32(address)
        assert target.read32(RBPCONF) == 0xFFFF00FF
    twin.power.cycle()
    with attached(twin) as target:
        with pytest.raises(exceptions.TransferFaultError):
            target.read32(0)
        # code in RAM neither reads the flash ...
        run_code(target, "680a", r1=0)
        assert target.read_core_register("r2") == 0
        # ... nor erases a page of it
        target.write32(CONFIG, 2)
        run_code(target, "6008", r0=0x400, r1=ERASEPCR)
    # pyOCD's flash algorithm runs from RAM too: whatever it reports, the old program is still there
    pyocd("erase", "-u", twin.probe_uid, "--sector", "0x0+0x400", check=False)
    twin.power.cycle()
    with Line(twin) as line:
        line.port.write(b"?build\r")
        line.until(b"build: " + build)


def test_a_mass_erase_unlocks_and_leaves_nothing(twin: Twin) -> None:
    load(twin, HELLO)
    lock(twin)
    twin.power.cycle()
    pyocd("erase", "-u", twin.probe_uid, "--chip")
    with attached(twin) as target:
        assert target.read_memory_block8(0, 256) == [0xFF] * 256
        assert target.read32(RBPCONF) == 0xFFFFFFFF
    load(twin, HELLO)
    with attached(twin) as target:
        assert bytes(target.read_memory_block8(0, 64)) == HELLO_BIN.read_bytes()[:64]
