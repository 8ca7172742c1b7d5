"""The power of a virtual TPM board can go before or after any command, by a cut or a kill, and comes back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tpm_lab import IDEVID, make_devid, needs_swtpm
from workbench.boards.power import CuttingSwitch, PowerSwitch
from workbench.virtual.tpm_boards import TpmBoard, TpmPower, plug
from workbench.virtual.tpm_places import control_path
from workbench.virtual.twins import TwinNotPowered
from workbench.wires.tpm import Tpm, open_tpm
from workbench.wires.tpm.errors import TpmUnreachable
from workbench.wires.tpm.values import First

pytestmark = needs_swtpm


@pytest.fixture
def board(tmp_path: Path, twin_runtime: Path) -> Iterator[TpmBoard]:
    made = plug(tmp_path, "one")
    made.power.on()
    yield made
    made.power.off()


def kept(board: TpmBoard) -> tuple[int, ...]:
    with open_tpm(board.tcti) as tpm:
        return tpm.handles(First.PERSISTENT)


def use_for_ever(tpm: Tpm) -> None:
    while True:
        tpm.clock()


def enrol(board: TpmBoard) -> None:
    with open_tpm(board.tcti, timeout_s=20) as tpm:
        make_devid(tpm)


def test_it_is_a_switch_that_cuts(board: TpmBoard) -> None:
    assert isinstance(board.power, PowerSwitch)
    assert isinstance(board.power, CuttingSwitch)


def test_commands_are_counted_by_name(board: TpmBoard) -> None:
    board.power.count_operations()
    with open_tpm(board.tcti) as tpm:
        make_devid(tpm)
        assert board.power.operations() == tpm.spent.commands
    names = board.power.operation_names()
    assert names[:3] == ("GetCapability",) * 3
    assert names.count("CreatePrimary") == names.count("EvictControl") == 2


def test_before_and_after_differ_by_one_command(board: TpmBoard) -> None:
    board.power.count_operations()
    enrol(board)
    names = board.power.operation_names()
    at = names.index("EvictControl") + 1
    with open_tpm(board.tcti) as tpm:
        tpm.clear()
    for mode, there in (("torn", ()), ("clean", (IDEVID,))):
        board.power.arm_cut(at, mode)  # type: ignore[arg-type]
        with pytest.raises(TpmUnreachable):
            enrol(board)
        assert board.power.state() == "off"
        report = board.power.cut_report()
        assert report is not None
        assert (report.operations, report.mode, report.kind, report.address) == (
            at,
            mode,
            "EvictControl",
            0x120,
        )
        with pytest.raises(TwinNotPowered):
            board.power.operations()
        board.power.on()
        assert kept(board) == there


def test_nothing_is_lost_or_invented_by_a_cut_anywhere(board: TpmBoard) -> None:
    board.power.count_operations()
    enrol(board)
    whole = board.power.operations()
    with open_tpm(board.tcti) as tpm:
        tpm.clear()
    seen = []
    for at in range(1, whole + 1, 3):
        board.power.arm_cut(at)
        with pytest.raises(TpmUnreachable):
            enrol(board)
        board.power.on()
        seen.append(len(kept(board)))
        with open_tpm(board.tcti) as tpm:
            tpm.clear()
    assert sorted(seen) == seen
    assert {0, 1} <= set(seen)


@pytest.mark.parametrize("which", ["supervisor", "swtpm"])
def test_a_kill_is_a_power_cut(board: TpmBoard, which: str) -> None:
    enrol(board)
    supervisor, chip = board.power.processes()
    with open_tpm(board.tcti, timeout_s=20) as tpm:
        os.kill(supervisor if which == "supervisor" else chip, signal.SIGKILL)
        with pytest.raises(TpmUnreachable):
            use_for_ever(tpm)
    board.power.on()
    assert len(kept(board)) == 2
    assert not {supervisor, chip} & set(board.power.processes())


def test_switching_twice_changes_nothing(board: TpmBoard) -> None:
    before = board.power.processes()
    assert board.power.on() is None
    assert board.power.processes() == before
    board.power.off()
    board.power.off()
    assert board.power.state() == "off"
    board.power.on()


def test_two_at_once_start_one(board: TpmBoard) -> None:
    board.power.off()
    threads = [threading.Thread(target=board.power.on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert board.power.state() == "on"
    assert board.power.processes() == board.power.processes()
    assert kept(board) == ()


def test_one_user_at_a_time(board: TpmBoard) -> None:
    with open_tpm(board.tcti) as tpm:
        with pytest.raises(TpmUnreachable, match="gone"), open_tpm(board.tcti):
            pass
        tpm.clock()
    kept(board)


@pytest.mark.parametrize(
    "garbage", [b"\0" * 10, b"GET / HTTP/1.1\r\n\r\n", struct.pack(">HII", 0x8001, 1 << 31, 0)]
)
def test_garbage_ends_that_client_only(board: TpmBoard, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(board.tcti.removeprefix("swtpm:path="))
        client.sendall(garbage)
        assert client.recv(100) == b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(control_path(board.power.uid)))
        client.sendall(garbage + b'\n{"op":"arm-cut","after_commands":0,"moment":"x","seed":1}\n')
        assert b"bad request" in client.recv(1000)
    assert kept(board) == ()


def test_a_board_whose_folder_is_gone_ends(board: TpmBoard) -> None:
    shutil.rmtree(board.folder)
    gone = TpmPower(board.folder, board.power.uid)
    while gone.state() != "off":
        pass
    board.folder.mkdir()


def test_a_manufacture_that_was_cut_is_done_again(tmp_path: Path, twin_runtime: Path) -> None:
    """A certificate index without its lock is what an interrupted manufacture leaves."""
    board = plug(tmp_path, "half")
    board.power.on()
    try:
        from workbench.wires.tpm.values import Hierarchy, Nv

        with open_tpm(board.tcti) as tpm:
            good = tpm.nv_read(0x01C00016)
            tpm.nv_undefine(0x01C00016, Hierarchy.PLATFORM)
            tpm.nv_define(
                0x01C00016, 9, Nv.PPWRITE | Nv.PPREAD | Nv.PLATFORMCREATE, hierarchy=Hierarchy.PLATFORM
            )
        board.power.cycle()
        with open_tpm(board.tcti) as tpm:
            again = tpm.nv_read(0x01C00016)
        assert len(again) > 500
        assert again != good
    finally:
        board.power.off()
