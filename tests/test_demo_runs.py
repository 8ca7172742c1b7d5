"""The demo keeps its promises: boards flashed, cut off, recovered, and off; or it says what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.boards.bench import BENCH_FILE, load_bench
from workbench.boards.bench_write import BenchUnwritable
from workbench.station.demo import EmulatorMissing, FirmwareMissing, NotTheDemoBench, find_images, make_bench

LIMIT_S = 420
SEED = 7


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("workbench"))
    command = [program, "demo", "--folder", str(folder), "--seed", str(SEED), *options]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        stdin=subprocess.DEVNULL,
        check=False,
        env=os.environ,
    )


def test_the_demo_flashes_cuts_and_recovers(tmp_path: Path, samples: Path) -> None:
    done = demo(tmp_path / "bench", "--json", "--firmware", str(samples))
    assert done.returncode == 0, done.stdout + done.stderr
    events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert (last["event"], last["verdict"]) == ("run-finished", "PASS")
    boards, cut, recovered = (last["result"][key] for key in ("boards", "cut", "recovered"))
    assert list(boards) == ["v1", "v2", "v3", "v4"]
    assert len({board["chip"] for board in boards.values()}) == 4
    assert boards["v1"]["version"] != boards["v2"]["version"]
    assert cut["sectors_new"] > 0 < cut["sectors_blank"]
    assert recovered["skipped"] == cut["sectors_new"] * 1024
    secure = last["result"]["secure"]
    assert (secure["version"], secure["broken"]) == ("1.1.0", [])
    assert {"hash", "challenge", "confirmed"} <= set(secure["verified"])
    assert secure["attacks_held"] >= 6
    assert set(secure["cuts"]) == {"slot 0", "slot 1", "state", "swap log"}
    assert all(
        slot.need_power().state() == "off"
        for slot in load_bench(tmp_path / "bench" / BENCH_FILE).slots.values()
    )
    assert list((tmp_path / "bench" / ".workbench" / "journals").rglob("*.jsonl"))
    assert (tmp_path / "bench" / ".workbench" / "records.sqlite").exists()


def test_a_missing_firmware_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(FirmwareMissing) as caught:
        find_images(tmp_path)
    assert "make -C firmware-samples" in caught.value.action
    assert demo(tmp_path / "bench", "--firmware", str(tmp_path)).returncode == caught.value.exit_code == 3


def test_a_missing_emulator_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorMissing) as caught:
        make_bench(tmp_path / "bench")
    assert "apt-get install qemu-system-arm" in caught.value.action


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchUnwritable, match=str(tmp_path / "file")):
        make_bench(tmp_path / "file")


def test_a_bench_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / BENCH_FILE).write_text('[bench]\nname = "mine"\n')
    with pytest.raises(NotTheDemoBench):
        make_bench(tmp_path)
    assert "mine" in (tmp_path / BENCH_FILE).read_text()


def test_the_bench_is_used_again_and_git_ignores_it(tmp_path: Path) -> None:
    first = make_bench(tmp_path / "bench")
    assert make_bench(tmp_path / "bench").slots == first.slots
    assert (tmp_path / "bench" / ".gitignore").read_text() == "*\n"
