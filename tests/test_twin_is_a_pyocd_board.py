"""An unmodified pyOCD, and gdb on top of it, take a twin for a board."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.twin_lab import (
    BIG,
    BIG_BIN,
    HELLO,
    HELLO_BIN,
    MPS2,
    Line,
    attached,
    load,
    pyocd,
    twin_in,
    wait_until,
)
from workbench.virtual.twins import Twin


def test_it_is_listed_with_its_target(twin: Twin) -> None:
    listing = pyocd("list").stdout
    assert twin.probe_uid in listing
    assert "nrf51" in listing


def test_a_switched_off_twin_is_not_listed(twin: Twin) -> None:
    twin.power.off()
    assert twin.probe_uid not in pyocd("list").stdout


def test_load_erase_and_commander(twin: Twin, tmp_path: Path) -> None:
    load(twin, BIG)
    out = tmp_path / "back.bin"
    size = len(BIG_BIN.read_bytes())
    pyocd("commander", "-u", twin.probe_uid, "-c", f"savemem 0 {size} {out}")
    assert out.read_bytes() == BIG_BIN.read_bytes()
    pyocd("erase", "-u", twin.probe_uid, "--sector", "0x400")
    pyocd("commander", "-u", twin.probe_uid, "-c", f"savemem 0 {size} {out}")
    wanted = bytearray(BIG_BIN.read_bytes())
    wanted[0x400:0x800] = b"\xff" * 0x400
    assert out.read_bytes() == wanted
    pyocd("erase", "-u", twin.probe_uid, "--chip")
    pyocd("commander", "-u", twin.probe_uid, "-c", f"savemem 0 0x40000 {out}")
    assert out.read_bytes() == b"\xff" * 0x40000


def test_halt_step_registers_and_breakpoints(twin: Twin) -> None:
    load(twin, HELLO)
    with attached(twin) as target:
        target.reset_and_halt()
        vectors = HELLO_BIN.read_bytes()[:8]
        assert target.read_core_register("sp") == int.from_bytes(vectors[:4], "little")
        assert target.read_core_register("pc") == int.from_bytes(vectors[4:], "little") & ~1
        before = target.read_core_register("pc")
        target.step()
        assert target.read_core_register("pc") != before
        target.write_core_register("r3", 0x12345678)
        assert target.read_core_register("r3") == 0x12345678
        assert target.read_core_register("msp") == target.read_core_register("sp")
        target.write_core_register("primask", 1)
        assert target.read_core_register("primask") == 1
        stop = target.read_core_register("pc") & ~1
        target.reset_and_halt()
        target.set_breakpoint(stop)
        target.resume()
        wait_until(lambda: target.get_state() == target.State.HALTED, "breakpoint")
        assert target.read_core_register("pc") == stop
        assert target.get_halt_reason() == target.HaltReason.BREAKPOINT


def test_a_sleep_is_stepped_over(twin: Twin) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        # wfi; adds r0, #1; b .
        target.write_memory_block8(0x20001000, bytes.fromhex("30bf 0130 fee7".replace(" ", "")))
        target.write_core_register("r0", 6)
        target.write_core_register("pc", 0x20001000)
        target.step()
        assert target.read_core_register("pc") == 0x20001002
        target.step()
        assert target.read_core_register("r0") == 7


def test_a_watchpoint_stops_after_the_access(twin: Twin) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        # str r0, [r1]; nop; b .
        target.write_memory_block8(0x20001000, bytes.fromhex("0860 c046 fee7".replace(" ", "")))
        target.write_core_register("r0", 0xCAFE)
        target.write_core_register("r1", 0x20002000)
        target.write_core_register("pc", 0x20001000)
        target.set_watchpoint(0x20002000, 4, target.WatchpointType.WRITE)
        target.resume()
        wait_until(lambda: target.get_state() == target.State.HALTED, "watchpoint")
        assert target.get_halt_reason() == target.HaltReason.WATCHPOINT
        assert target.read32(0x20002000) == 0xCAFE
        assert target.read_core_register("pc") == 0x20001002


def test_a_bkpt_instruction_in_flash_halts_a_debugged_core(twin: Twin, tmp_path: Path) -> None:
    code = bytes.fromhex("0040002009000000") + b"\xc0\x46\x2a\xbe\xfe\xe7"
    image = tmp_path / "bkpt.bin"
    image.write_bytes(code.ljust(64, b"\xff"))
    # a HardFault handler is needed for the chip to survive without a debugger
    raw = bytearray(image.read_bytes())
    raw[12:16] = (0x21).to_bytes(4, "little")
    raw[4:8] = (0x25).to_bytes(4, "little")
    raw[0x20:0x22] = b"\xfe\xe7"
    raw[0x24:0x2A] = b"\xc0\x46\x2a\xbe\xfe\xe7"
    image.write_bytes(raw)
    pyocd("load", "-u", twin.probe_uid, "--base-address", "0", str(image))
    with attached(twin) as target:
        target.reset_and_halt()
        sp = target.read_core_register("sp")
        target.resume()
        wait_until(lambda: target.get_state() == target.State.HALTED, "BKPT")
        assert target.read_core_register("pc") == 0x26
        assert target.read_core_register("sp") == sp
        assert target.read_core_register("xpsr") & 0x1FF == 0
    twin.power.cycle()
    with attached(twin, connect="attach") as target:
        target.halt()
        assert target.read_core_register("pc") == 0x20, "without a debugger BKPT is a HardFault"


def test_a_blank_chip_locks_up_and_can_still_be_attached(twin: Twin) -> None:
    with attached(twin, connect="attach") as target:
        target.halt()
        assert target.read_core_register("pc") == 0xFFFFFFFE


def test_stepping_a_blank_chip_stays_in_debug_state(twin: Twin) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        for _ in range(8):
            target.step()
            assert target.get_state() == target.State.HALTED


def test_addresses_with_nothing_behind_fault(twin: Twin) -> None:
    from pyocd.core import exceptions

    with attached(twin) as target:
        try:
            target.read32(0x30000000)
        except exceptions.TransferFaultError:
            pass
        else:
            raise AssertionError("no fault")
        assert target.read32(0x10000010) == 0x400, "the port works again afterwards (FICR CODEPAGESIZE)"


GDB_SCRIPT = """
set pagination off
set confirm off
target extended-remote localhost:{port}
monitor reset halt
load
break {function}
continue
info registers pc
stepi
x/2xw 0
detach
"""


def test_gdb_loads_breaks_and_steps(twin: Twin, tmp_path: Path) -> None:
    elf = HELLO.with_suffix(".elf")
    server = subprocess.Popen(
        [sys.executable, "-m", "pyocd", "gdbserver", "-u", twin.probe_uid, "-p", "0", "-T", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = None
        for line in server.stdout:
            if found := re.search(r"GDB server (?:listening|started) (?:on|at) port (\d+)", line):
                port = found.group(1)
                break
        assert port, "pyocd gdbserver did not start"
        script = tmp_path / "script.gdb"
        script.write_text(GDB_SCRIPT.format(port=port, function="hello_main"))
        done = subprocess.run(
            ["gdb-multiarch", "--nx", "--batch", "-x", str(script), str(elf)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.kill()
        server.wait()
    assert "Breakpoint 1, " in done.stdout, done.stdout + done.stderr
    assert re.search(r"^0x0.*:\s+0x2000[0-9a-f]{4}", done.stdout, re.M), done.stdout


def test_one_program_at_a_time_has_the_probe(twin: Twin) -> None:
    with attached(twin):
        second = pyocd("commander", "-u", twin.probe_uid, "-c", "status", check=False)
        assert "busy" in second.stdout + second.stderr
    assert "Core 0" in pyocd("commander", "-u", twin.probe_uid, "-c", "status").stdout


def test_the_mps2_twin_runs_firmware_from_ram(tmp_path: Path, twin_runtime: Path) -> None:
    with twin_in(tmp_path, "m1", "mps2-an385") as board, Line(board) as line:
        with attached(board) as target:
            from pyocd.debug.elf.elf import ELFBinaryFile

            target.reset_and_halt()
            for section in ELFBinaryFile(str(MPS2), target.memory_map).sections:
                if section.length and section.type == "SHT_PROGBITS":
                    target.write_memory_block8(section.start, section.data)
            target.write_core_register("sp", target.read32(0))
            target.write_core_register("pc", target.read32(4) & ~1)
            target.write_core_register("xpsr", 1 << 24)
            chip = target.read32(0x4002FFFC), target.read32(0x4002FFF8)
            target.resume()
        banner = line.until(b"\r\n").decode()
        assert f"chip {chip[0]:08x}{chip[1]:08x}" in banner
