"""A right board holds in every trial; one whose bootloader lacks a check makes a trial fail."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.cli_bench import cli_bench
from tests.trial_lab import firmware, matrix, slot_in, weakened
from workbench.updates.trials.model import Verdict

pytestmark = pytest.mark.xdist_group("trials on a board")

HOLES = {
    "flip-sha256": ("boot/verify.c", "!crypto_equal(check->hash, wanted.data, sizeof(check->hash))", "false"),
    "wrong-key": ("boot/verify.c", "!signature_good(key, check->hash, &signature)", "false"),
    "purpose-tls": ("boot/signer.c", "!may_sign_code(extensions)", "(may_sign_code(extensions) && false)"),
    "older-version": (
        "boot/verify.c",
        "image_version_compare(&image->version, &check->running->version) < 0",
        "false",
    ),
}
"""A check of the bootloader and what stands in its place, by the trial that must see it."""
ELSE = "other-vendor"
"""A trial of another check, which must hold all the same."""


def test_a_right_board_holds(tmp_path: Path, twin_runtime: Path) -> None:
    names = ("flip-magic", *HOLES, ELSE, "unconfirmed", "upload-requested", "line-cbor")
    with slot_in(tmp_path / "bench") as slot:
        rows = matrix(slot, firmware("tier-2-ecdsa"), *names)
    assert {row.verdict for row in rows.values()} == {Verdict.HELD}, rows
    assert set(rows) == {*names, "control-first", "control-last"}
    assert "planted, refused: magic" in rows["flip-magic"].observed


@pytest.mark.parametrize("trial", HOLES)
def test_a_bootloader_without_a_check_is_seen(trial: str, tmp_path: Path, twin_runtime: Path) -> None:
    build = weakened(tmp_path, "tier-2-ecdsa", *HOLES[trial])
    with slot_in(tmp_path / "bench") as slot:
        rows = matrix(slot, build, trial, ELSE)
    assert rows[trial].verdict is Verdict.BROKEN, rows
    assert rows[ELSE].verdict is Verdict.HELD, rows


def test_an_application_that_gives_way_to_the_fallback_is_seen(tmp_path: Path, twin_runtime: Path) -> None:
    hole = ("app/request.c", "return state.phase == PHASE_IDLE;\n}\n\nstatic struct smp_status own_error", "")
    check, *_ = hole[1].split("\n")
    build = weakened(tmp_path, "tier-2-ecdsa", hole[0], hole[1], hole[1].replace(check, "return true;"))
    with slot_in(tmp_path / "bench") as slot:
        rows = matrix(slot, build, "upload-on-trial")
    assert rows["upload-on-trial"].verdict is Verdict.BROKEN, rows


def test_the_tier_1_leak_is_shown(tmp_path: Path, twin_runtime: Path) -> None:
    with slot_in(tmp_path / "bench") as slot:
        rows = matrix(slot, firmware("tier-1"), "leak-*", "wrong-wrapping-key", profile="tier-1")
    assert {row.verdict for name, row in rows.items() if name.startswith("leak-")} == {Verdict.SHOWN}
    assert rows["wrong-wrapping-key"].verdict is Verdict.HELD


def test_power_cuts_of_a_raised_counter_are_counted(tmp_path: Path, twin_runtime: Path) -> None:
    with slot_in(tmp_path / "bench") as slot:
        rows = matrix(slot, firmware("tier-2-ecdsa"), "cut-counter", "cut-upload")
    assert rows["cut-counter"].verdict is Verdict.HELD, rows
    assert rows["cut-counter"].details["points_by_phase"] == {"counter": 2}
    assert rows["cut-upload"].verdict is Verdict.HELD, rows


def test_the_command_prints_the_matrix_and_writes_the_reports() -> None:
    build = firmware("tier-2-ecdsa")
    with cli_bench(1) as bench:
        some = ("--only", "expired", "--only", "cut-none-*")
        assert bench.run("trial", "v1", "--firmware", build, *some).code == 2
        done = bench.run(
            "trial", "v1", "--firmware", build, "--only", "expired", "--report", "m.json", "--junit", "m.xml"
        )
        assert done.code == 0, done
        assert "signer-time" in done.out
        assert "3 HELD" in done.out
        assert len(json.loads((bench.folder / "m.json").read_text())["trials"]) == 3
        assert Xml.parse(bench.folder / "m.xml").getroot().get("failures") == "0"
        again = bench.run("trial", "v1", "--firmware", build, "--only", "expired", "--json")
        assert "provision" not in {e.get("step") for e in again.events}
        assert again.last["result"]["verdicts"] == {"HELD": 3}


def test_trials_are_listed_without_a_board() -> None:
    with cli_bench() as bench:
        done = bench.run("trial", "--list", "--profile", "tier-1")
    assert done.code == 0, done
    assert "leak-shared-key" in done.out
    assert "the profile signs nothing" in done.out
