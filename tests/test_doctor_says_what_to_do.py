"""The doctor works without hardware, never raises, and has an action for each thing not ok."""

from __future__ import annotations

import grp
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from workbench.boards import doctor_access, doctor_system
from workbench.boards.bench import load_bench
from workbench.boards.detect import ProbeSeen
from workbench.boards.doctor import Finding, examine, worst
from workbench.boards.doctor_bench import slots as slot_findings
from workbench.boards.leases import lease
from workbench.errors import Blame, WorkbenchError

SLOT = '[slots.a1]\ntarget = "microbit-v1"\nprobe = {{ unique_id = "9900AA" }}\nserial = "{serial}"\n{more}'


def write_bench(folder: Path, serial: str = "/dev/null", more: str = "") -> Path:
    path = folder / "bench.toml"
    path.write_text(SLOT.format(serial=serial, more=more))
    return path


def of_slot(path: Path, probes: Sequence[ProbeSeen] | None = (ProbeSeen("9900aa"),)) -> list[Finding]:
    return list(slot_findings(load_bench(path), probes))


def by_name(findings: Sequence[Finding]) -> dict[str, Finding]:
    return {f.name: f for f in findings}


def test_every_finding_that_is_not_ok_has_an_action(tmp_path: Path) -> None:
    findings = list(examine(write_bench(tmp_path, serial="/dev/no-such-port"), list_probes=list))
    assert {
        "python",
        "qemu-system-arm",
        "swtpm",
        "arm-none-eabi-gcc",
        "pyocd",
        "targets",
        "runtime folder",
    } <= {f.name for f in findings}
    assert {"udev rules", "serial ports", "probes", "bench file", "disk space", "slot a1"} <= {
        f.name for f in findings
    }
    assert all(f.found for f in findings)
    assert all(bool(f.action) == (f.status != "ok") for f in findings)
    assert worst(findings) == "fail"
    assert by_name(findings)["python"].status == "ok"


def test_no_bench_is_a_warning_that_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_BENCH", raising=False)
    finding = by_name(list(examine()))["bench file"]
    assert finding.status == "warn"
    assert "bench init --virtual" in finding.action


def test_a_wrong_bench_is_a_failure_with_its_mistake(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("[slot.a]")
    finding = by_name(list(examine(tmp_path / "bench.toml")))["bench file"]
    assert finding.status == "fail"
    assert "did you mean 'slots'" in finding.found


def test_a_failure_to_list_probes_is_a_finding(tmp_path: Path) -> None:
    class UsbBroken(WorkbenchError):
        """USB is broken."""

        blame = Blame.STATION

    def broken() -> Sequence[ProbeSeen]:
        raise UsbBroken("no USB here", action="mount /sys")

    finding = by_name(list(examine(write_bench(tmp_path), list_probes=broken)))["probes"]
    assert (finding.status, finding.found, finding.action) == ("fail", "no USB here", "mount /sys")


def test_a_slot_with_all_it_needs_is_ok(tmp_path: Path) -> None:
    path = write_bench(tmp_path)
    assert [f.status for f in of_slot(path)] == ["ok"]
    with lease(load_bench(path).slot("a1").state_dir, "anna", "a soak test"):
        assert "leased by anna for a soak test" in of_slot(path)[0].found


def test_a_missing_probe_names_those_that_are_there(tmp_path: Path) -> None:
    finding = of_slot(write_bench(tmp_path), [ProbeSeen("9900BB")])[0]
    assert finding.status == "fail"
    assert "9900AA is not plugged in; there are: 9900BB" in finding.found


def test_a_missing_port_and_tpm_are_named(tmp_path: Path) -> None:
    path = write_bench(tmp_path, serial="/dev/ttyNONE", more='tpm = "device:/dev/no-tpm"')
    found = " ".join(f.found for f in of_slot(path))
    assert "/dev/ttyNONE does not exist" in found
    assert "/dev/no-tpm" in found


def test_wires_of_a_slot_without_power_are_not_missed(tmp_path: Path) -> None:
    more = 'power = { driver = "command", on = "true", off = "true", status = "false" }'
    findings = of_slot(write_bench(tmp_path, serial="/dev/no-port", more=more), [])
    assert [f.status for f in findings] == ["ok"]
    assert "power off" in findings[0].found


def test_a_switch_that_does_not_run_is_a_failure(tmp_path: Path) -> None:
    more = 'power = { driver = "command", on = "true", off = "true", status = "no-such-relay" }'
    assert "no-such-relay" in of_slot(write_bench(tmp_path, more=more))[0].found


def test_a_rule_that_grants_probes_is_recognised(tmp_path: Path) -> None:
    folders = [tmp_path / "etc", tmp_path / "lib"]
    for folder in folders:
        folder.mkdir()
    nothing = doctor_access.udev_rules(folders, is_root=False)
    assert nothing.status == "warn"
    assert doctor_access.RULE in nothing.action
    rules = folders[1] / "70-dap.rules"
    rules.write_text('# ATTRS{product}=="*CMSIS-DAP*", MODE="0666"\nATTRS{idVendor}=="0d28", RUN+="x"\n')
    assert doctor_access.udev_rules(folders, is_root=False).status == "warn"
    rules.write_text('ATTRS{idVendor}=="0d28", \\\n  MODE="0666"\n')
    assert doctor_access.udev_rules(folders, is_root=False).status == "ok"
    (folders[0] / "70-dap.rules").write_text("")  # hides the one of the same name
    assert doctor_access.udev_rules(folders, is_root=False).status == "warn"


def test_the_rules_it_recommends_are_rules_it_accepts(tmp_path: Path) -> None:
    for rule in (doctor_access.RULE, doctor_access.HIDRAW_RULE):
        (tmp_path / "70-cmsis-dap.rules").write_text(rule + "\n")
        assert doctor_access.udev_rules([tmp_path], is_root=False).status == "ok"


def test_group_membership_is_that_of_this_process() -> None:
    mine = grp.getgrgid(os.getegid()).gr_name
    assert doctor_access.group_membership(mine, "things", is_root=False).status == "ok"
    others = [g for g in grp.getgrall() if g.gr_gid not in {os.getegid(), *os.getgroups()}]
    finding = doctor_access.group_membership(others[0].gr_name, "things", is_root=False)
    assert finding.status == "warn"
    assert others[0].gr_name in finding.action
    assert doctor_access.group_membership("no-such-group", "things", is_root=False).status == "ok"


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ("echo tool version 9.1.2", "ok", "9.1.2"),
        ("echo tool version 0.9.9", "warn", "older than 1.0"),
        ("echo hello", "fail", "gives no version"),
        ("echo 9.9; exit 1", "fail", "gives no version"),
    ],
)
def test_a_program_is_judged_by_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, status: str, words: str
) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    finding = doctor_system.check_program(doctor_system.Program("tool", "tool-package", "tests", (1, 0)))
    assert finding.status == status
    assert words in finding.found
    assert "tool" in (finding.action or "tool")


def test_a_missing_program_says_which_package_has_it() -> None:
    finding = doctor_system.check_program(doctor_system.Program("no-such-tool", "its-package", "tests", (1,)))
    assert (finding.status, finding.found) == ("warn", "not installed")
    assert "apt-get install its-package" in finding.action


def test_a_runtime_folder_too_long_for_sockets_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_RUNTIME", str(tmp_path / ("x" * 100)))
    assert "too long" in doctor_system.runtime_folder().found
    monkeypatch.setenv("WORKBENCH_RUNTIME", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    assert doctor_system.runtime_folder().status == "fail"


def test_little_room_on_the_disk_is_noticed(tmp_path: Path) -> None:
    assert doctor_system.disk_space(tmp_path, warn_mib=0).status == "ok"
    assert doctor_system.disk_space(tmp_path, warn_mib=1 << 40, fail_mib=0).status == "warn"
    assert doctor_system.disk_space(tmp_path, warn_mib=1 << 40, fail_mib=1 << 40).status == "fail"
    assert doctor_system.disk_space(tmp_path / "gone").status == "fail"


def test_a_wrong_target_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("[target]")
    monkeypatch.setenv("WORKBENCH_TARGETS", f"{tmp_path}{os.pathsep}{tmp_path}/none")
    findings = list(doctor_system.targets())
    assert [f.status for f in findings] == ["warn", "fail"]
    assert "mine.toml" in findings[1].found


def test_python_is_what_runs_this() -> None:
    assert next(doctor_system.programs()).found == ".".join(str(n) for n in sys.version_info[:3])
