"""The same samples, profile and commands on another chip: an MPS2, which keeps its images in RAM."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli_bench import CliBench, cli_bench
from tests.provisioning_lab import built
from workbench.images import keys as key_folders

pytestmark = pytest.mark.xdist_group("updates of the second chip")

PROFILE, TARGET = "tier-2-ecdsa", "mps2-an385"


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    """A unit that runs 1.0.0."""
    with cli_bench() as made:
        (made.folder / "bench.toml").write_text(
            f'[bench]\nname = "second chip"\n[slots.m1]\nvirtual = "{TARGET}"\n'
        )
        key_folders.create(made.folder / "keys", ["ecdsa-p256", "encryption"])
        words = ("-p", PROFILE, "-k", "keys", "--firmware", built(PROFILE, "an385"))
        done = made.run("provision", "m1", *words)
        assert done.code == 0, done
        yield made
        made.run("bench", "down", "--kick")


def test_a_unit_that_the_probe_cannot_name_is_filed_by_what_it_tells(bench: CliBench) -> None:
    [entry] = (bench.folder / "keys" / "units").glob("*.json")
    assert json.loads(entry.read_text())["chip"] == entry.stem
    assert len(bytes.fromhex(entry.stem)) == 8


def test_an_encrypted_release_runs_and_is_proven(bench: CliBench) -> None:
    app = built(PROFILE, "an385") / "secure" / "an385" / PROFILE / "app.bin"
    words = (
        "-v",
        "1.1.0",
        "-p",
        PROFILE,
        "--keys",
        "keys",
        "--device",
        TARGET,
        "--counter",
        "2",
        "--encrypt",
    )
    assert bench.run("image", "build", app, "app.img", *words).code == 0
    done = bench.run("update", "m1", "app.img", "--keys", "keys", "--json")
    assert done.code == 0, done
    assert {"hash", "identity", "challenge", "flash-hash"} <= set(done.last["result"]["checks"])


def test_trials_that_need_no_flash_controller_are_run(bench: CliBench) -> None:
    only = [
        word for name in ("expired", "flip-sha256", "unconfirmed", "cut-install") for word in ("--only", name)
    ]
    words = ("-p", PROFILE, "--keys", "keys", "--firmware", built(PROFILE, "an385"), "--json")
    done = bench.run("trial", "m1", *only, *words)
    assert done.code == 0, done
    verdicts = {row["name"]: row["verdict"] for row in done.observed("trial")}
    assert verdicts.pop("cut-install") == "NOT RUN"
    assert set(verdicts.values()) == {"HELD"}
    assert len(verdicts) == 5, "with a control before and after"
