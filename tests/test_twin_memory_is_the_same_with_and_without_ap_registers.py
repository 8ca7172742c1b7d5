"""The probe's short way to memory sees and does what the way over the AP's registers does."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.twin_lab import twin_in
from workbench.virtual.protocol import Client, Refused, socket_path

RAM, FLASH, NOTHING, CPUID, FICR_ID = 0x2000_0100, 0x1_0000, 0x3000_0000, 0xE000_ED00, 0x1000_0060
SELECT_AP0 = [["wdp", 0x4, 0x50000000], ["wdp", 0x8, 0], ["wap", 0x0, 0x23000052]]


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with (
        twin_in(tmp_path_factory.mktemp("twin")) as twin,
        Client(socket_path(twin.probe_uid)) as client,
    ):
        client.ask("open")
        client.ask("dap", ops=[*SELECT_AP0, ["wm", 0xE000_EDF0, 4, 0xA05F_0003]])
        yield client


def dap(probe: Client, *ops: list[Any]) -> list[Any]:
    answer = probe.ask("dap", ops=list(ops))
    assert "fault" not in answer, answer
    return list(answer["values"])


def faults(probe: Client, op: list[Any]) -> bool:
    return "fault" in probe.ask("dap", ops=[op])


@pytest.mark.parametrize("address", [RAM, FLASH, CPUID, FICR_ID], ids=["ram", "flash", "scs", "chip id"])
def test_reads_agree(probe: Client, address: int) -> None:
    *_, over_ap = dap(probe, ["wap", 0x4, address], ["rap", 0xC])
    [direct] = dap(probe, ["rm", address, 4])
    [block] = dap(probe, ["rb", address, 4])
    assert over_ap == direct == int.from_bytes(b64decode(block), "little")
    if address == CPUID:
        return  # the System Control Space takes words only (Armv6-M Architecture Reference Manual, B3.1.1)
    halves = dap(probe, ["rm", address, 2], ["rm", address + 2, 2])
    assert halves[0] | halves[1] << 16 == direct


def test_what_one_way_writes_the_other_reads(probe: Client) -> None:
    data = bytes(range(1, 12))
    dap(probe, ["wb", RAM + 1, b64encode(data).decode()], ["wm", RAM, 1, 0xEE])
    *_, first, second = dap(probe, ["wap", 0x4, RAM], ["rap", 0xC], ["rap", 0xC])
    assert first.to_bytes(4, "little") + second.to_bytes(4, "little") == b"\xee" + data[:7]
    dap(probe, ["wap", 0x4, RAM + 4], ["wap", 0xC, 0x11223344])
    assert dap(probe, ["rb", RAM + 4, 4]) == [b64encode(bytes.fromhex("44332211")).decode()]


@pytest.mark.parametrize(
    "op",
    [
        ["rm", NOTHING, 4],
        ["wm", NOTHING, 4, 0],
        ["rb", NOTHING, 64],
        ["wb", NOTHING, b64encode(bytes(64)).decode()],
        ["rm", RAM + 2, 4],
        ["wm", RAM + 1, 2, 0],
    ],
    ids=["read", "write", "block read", "block write", "unaligned read", "unaligned write"],
)
def test_a_fault_is_told_and_leaves_nothing_sticky(probe: Client, op: list[Any]) -> None:
    assert faults(probe, op)
    assert dap(probe, ["rdp", 0x4])[0] & 1 << 5 == 0, "CTRL/STAT.STICKYERR"
    assert dap(probe, ["rm", CPUID, 4]) == [0x410CC200]


def test_a_write_to_flash_without_the_controllers_leave_changes_nothing(probe: Client) -> None:
    before = dap(probe, ["rm", FLASH, 4])
    probe.ask("dap", ops=[["wb", FLASH, b64encode(bytes(64)).decode()]])
    assert dap(probe, ["rm", FLASH, 4]) == before


@pytest.mark.parametrize(
    "op",
    [["rm", RAM, 3], ["wm", RAM, 4, 1 << 32], ["rb", RAM, 0], ["wb", RAM, "not base64!"], ["wb", RAM, ""]],
)
def test_what_is_no_operation_is_refused_before_anything_is_done(probe: Client, op: list[Any]) -> None:
    [before] = dap(probe, ["rm", RAM, 4])
    with pytest.raises(Refused):
        probe.ask("dap", ops=[["wm", RAM, 4, before ^ 1], op])
    assert dap(probe, ["rm", RAM, 4]) == [before]
