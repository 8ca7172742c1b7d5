"""A twin that dies while it starts, or is switched off and on at once, has the memory it had."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.twin_lab import (
    HELLO,
    HELLO_BIN,
    attached,
    gone,
    load,
    pids,
    status,
    twin_in,
    wait_until,
)
from workbench.virtual import nvm
from workbench.virtual.twins import Twin, plug

CONFIG, ERASEUICR = 0x4001E504, 0x4001E514
RBPCONF = 0x10001004
SEED = random.SystemRandom().randrange(1 << 32)


def flash_of(twin: Twin) -> bytes:
    return nvm.load(twin.folder / "nvm.bin", 0x40000, 0x100).flash


def test_kill_9_at_any_moment_of_the_start_keeps_the_flash(twin: Twin) -> None:
    load(twin, HELLO)
    twin.power.off()
    flash = flash_of(twin)
    assert flash.startswith(HELLO_BIN.read_bytes())
    chance = random.Random(SEED)
    for _ in range(8):
        command = [sys.executable, "-m", "workbench.virtual.supervisor", str(twin.folder), twin.probe_uid]
        starter = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        starter.wait()
        wait_until(lambda: "guard" in pids(twin), "its guard")
        moment = chance.randrange(3)
        if moment:
            wait_until(lambda: "qemu" in pids(twin), "QEMU")
        running = pids(twin)
        os.kill(running["supervisor"], signal.SIGKILL)
        for name, pid in running.items():
            wait_until(lambda pid=pid: gone(pid), f"{name} to end (seed {SEED})")  # type: ignore[misc]
        twin.power.off()
        assert flash_of(twin) == flash, f"seed {SEED}"


def test_on_after_kill_9_waits_for_the_guard(twin: Twin) -> None:
    with attached(twin) as target:
        target.reset_and_halt()
        for value in range(4):
            target.write32(CONFIG, 1)
            target.write32(0x3000 + 4 * value, value)
            target.flush()
    for _ in range(2):
        running = pids(twin)
        os.kill(running["guard"], signal.SIGSTOP)
        os.kill(running["supervisor"], signal.SIGKILL)
        wait_until(lambda pid=running["supervisor"]: gone(pid), "its end")  # type: ignore[misc]
        assert locked(twin), "nobody may start it before its memories are saved"
        os.kill(running["guard"], signal.SIGCONT)
        remark = twin.power.on()
        assert remark is not None
        assert "as they were at that moment" in remark
        with attached(twin, connect="attach") as target:
            assert target.read_memory_block32(0x3000, 4) == [0, 1, 2, 3]


def locked(twin: Twin) -> bool:
    with (twin.folder / "power.lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_off_and_on_at_once(twin: Twin) -> None:
    for _ in range(5):
        twin.power.off()
        twin.power.on()
        assert twin.power.state() == "on"


def test_a_new_board_in_the_same_place_is_not_the_old_one(twin: Twin) -> None:
    old = status(twin)["chip"]
    bench = twin.folder.parent
    shutil.rmtree(bench)
    new = plug(bench, "v1", "microbit")
    new.power.on()
    assert status(new)["chip"] != old
    new.power.off()


def test_two_twins_do_not_mix(tmp_path: Path, twin: Twin) -> None:
    with twin_in(tmp_path, "v2") as other:
        load(twin, HELLO)
        with attached(twin) as one, attached_in_another_process(other):
            assert one.read32(0) == int.from_bytes(HELLO_BIN.read_bytes()[:4], "little")
        other.power.off()
        assert twin.power.state() == "on"


def attached_in_another_process(twin: Twin) -> subprocess.Popen[bytes]:
    command = ["commander", "-u", twin.probe_uid, "-c", "status"]
    return subprocess.Popen(
        [sys.executable, "-m", "pyocd", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def test_a_locked_chip_does_not_give_up_its_lock_without_its_flash(twin: Twin) -> None:
    from pyocd.core import exceptions

    load(twin, HELLO)
    with attached(twin) as target:
        target.write32(CONFIG, 1)
        target.write32(RBPCONF, 0xFFFF00FF)
        target.reset_and_halt()
        target.write32(CONFIG, 2)
        target.write32(ERASEUICR, 1)
        target.reset_and_halt()
        with pytest.raises(exceptions.TransferFaultError):
            target.read32(0)
        # POP reads the flash through the stack pointer: pop {r2}; bkpt
        target.write_memory_block8(0x20001000, bytes.fromhex("04bc00be"))
        target.write_core_register("sp", 0x100)
        target.write_core_register("pc", 0x20001000)
        target.write_core_register("r2", 0x55)
        target.write_core_register("xpsr", 1 << 24)
        target.resume()
        wait_until(lambda: bool(target.get_state() == target.State.HALTED), "the code's BKPT")
        assert target.read_core_register("r2") == 0


# stmia r1!,{r2,r3} / str r2,[r1,#4] / push {r2,r3} with sp in flash
STORES = ["0cc100be", "4a6000be", "0cb400be"]


@pytest.mark.parametrize("code", STORES)
def test_a_store_to_flash_does_the_same_whether_it_is_counted_or_not(twin: Twin, code: str) -> None:
    seen = []
    with attached(twin) as target:
        for counted in (False, True):
            target.reset_and_halt()
            if counted:
                twin.power.count_operations()
            target.write32(CONFIG, 2)
            target.write32(0x4001E508, 0x3000)
            target.write32(CONFIG, 1)
            target.write_memory_block8(0x20001000, bytes.fromhex(code))
            for name, value in (("r1", 0x3010), ("r2", 0x12345678), ("r3", 0xCAFE), ("sp", 0x3040)):
                target.write_core_register(name, value)
            target.write_core_register("pc", 0x20001000)
            target.write_core_register("xpsr", 1 << 24)
            target.resume()
            wait_until(lambda: bool(target.get_state() == target.State.HALTED), "the code's BKPT")
            registers = [target.read_core_register(name) for name in ("r1", "r2", "r3", "sp", "pc")]
            seen.append((registers, target.read_memory_block32(0x3000, 32)))
    assert seen[0] == seen[1]
    words = sum(word != 0xFFFFFFFF for word in seen[0][1])
    assert words == (1 if code.startswith("4a") else 2)
    assert twin.power.operations() == 1 + words
