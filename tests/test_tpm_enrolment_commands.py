"""`workbench identity` on a bench: enrol, verify, look, rehearse; and what it says to scripts and to
people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tpm_lab import needs_swtpm
from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.cli.main import run
from workbench.station.rehearse import prepare

pytestmark = needs_swtpm


@dataclass
class Shop:
    """A bench with a TPM board, its CA, and what the command needs."""

    bench: Bench
    words: list[str]

    def enrol(self, *more: str) -> list[str]:
        return ["identity", "enroll", "t1", "--serial", "A-1", "--model", "m", *self.words, *more]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    bench = load_bench(write_virtual_bench(tmp_path, 0, tpms=1))
    slot = bench.slot("t1")
    slot.need_power().on()
    wanted = prepare(bench)
    secret = tmp_path / "passphrase"
    secret.write_bytes(wanted.ca_passphrase())
    secret.chmod(0o600)
    words = ["--bench", str(bench.path), "--ca", str(wanted.ca), "--credential", str(secret)]
    words += ["--station", wanted.station, "--escrow-key", str(wanted.tpm.escrow_key), "--off", "0"]
    try:
        yield Shop(bench, words)
    finally:
        slot.need_power().off()


Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_unit_is_enrolled_and_verified_by_command(shop: Shop, told: Told) -> None:
    assert run(shop.enrol("--permit-lock", "--json")) == 0
    events = told()
    result = events[-1]["result"]
    assert (result["state"], result["serial"], result["why"]) == ("verified", "A-1", None)
    (evidence,) = [event["value"] for event in events if event.get("what") == "evidence"]
    assert Path(evidence["file"]).is_file()
    steps = [event["step"] for event in events if event["event"] == "step-started"]
    assert steps[-5:] == ["lock", "store", "restart", "verify", "evidence"]
    verify = ["identity", "verify", "t1", "--bench", str(shop.bench.path), *shop.words[2:6], "--off", "0"]
    with_serial = [*verify[:5], "--ca", shop.words[3], "--json", "--serial"]
    assert run([*with_serial, "A-1"]) == 0
    assert told()[-1]["result"]["state"] == "verified"
    assert run([*with_serial, "A-2"]) == 2
    assert told()[-1]["error"]["code"] == "label-differs"


def test_the_evidence_stands_on_its_own(shop: Shop, told: Told) -> None:
    assert run(shop.enrol("--permit-lock", "--json")) == 0
    (evidence,) = [event["value"] for event in told() if event.get("what") == "evidence"]
    root = Path(shop.words[3]) / "root.crt"
    assert run(["evidence", "verify", evidence["file"], "--root", str(root), "--json"]) == 0


def test_without_permission_it_refuses_and_a_dry_run_lists_what_cannot_be_undone(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    power: Any = shop.bench.slot("t1").need_power()
    before = power.operations()
    assert run(shop.enrol()) == 2
    assert "lock-not-permitted" in capsys.readouterr().err
    assert run(shop.enrol("--dry-run")) == 0
    said = capsys.readouterr().out
    assert said.count("[CANNOT BE UNDONE]") >= 5
    assert power.operations() == before


def test_a_look_before_says_what_is_in_the_way(shop: Shop, told: Told) -> None:
    look = ["identity", "rehearse", "t1", "--bench", str(shop.bench.path), "--ca", shop.words[3]]
    assert run([*look, "--dry-run", "--json"]) == 0
    (seen,) = [event["value"] for event in told() if event.get("what") == "tpm"]
    assert seen["in_the_way"] == []
    assert run(shop.enrol("--permit-lock", "--json")) == 0
    told()
    assert run([*look, "--dry-run", "--json"]) == 0
    (seen,) = [event["value"] for event in told() if event.get("what") == "tpm"]
    assert "it has a lockout password" in seen["in_the_way"]


def test_a_rehearsal_needs_nothing_and_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["identity", "rehearse"]) == 0
    assert "REHEARSAL-1: verified" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--template", "H-9"), "enrolment-option-unknown"),
        (("--unique", "z"), "enrolment-option-unknown"),
        (("--allow", "everything"), "enrolment-option-unknown"),
    ],
)
def test_misspelt_options_are_named(shop: Shop, told: Told, more: tuple[str, ...], code: str) -> None:
    assert run(shop.enrol("--permit-lock", "--json", *more)) == 2
    assert told()[-1]["error"]["code"] == code
