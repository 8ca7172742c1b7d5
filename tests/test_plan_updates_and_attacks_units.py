"""A plan brings a release into a unit over its wire, and attacks the unit that it made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provisioning_lab import built
from tests.steps_lab import PROFILE, StepsLab, Table, step, steps_lab
from workbench.station.recipes.recipe import Recipe

INJECTED = {"device_key": "injected"}
"""So that the unit answers challenges without being enrolled."""

pytestmark = pytest.mark.xdist_group("plan updates units")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    """A unit that runs 1.0.0."""
    with steps_lab(tmp_path_factory.mktemp("line")) as made:
        done = made.run(made.recipe([step("provision")], security=INJECTED), made.serial())
        assert done.verdict == "PASS", done.run.error
        yield made


def test_an_image_that_the_unit_refuses_fails_the_unit(lab: StepsLab) -> None:
    done = lab.run(_recipe(lab, [step("update")], "0.9.0"), lab.serial())
    assert (done.verdict, done.code, done.steps) == ("FAIL", "update-refused", [("update", "FAIL")])


def test_a_unit_is_updated_and_attacked(lab: StepsLab) -> None:
    plan = [step("update"), step("trial", only=["flip-magic"])]
    done = lab.run(_recipe(lab, plan, "1.1.0"), lab.serial())
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    found = done.result["found"]
    assert (found["update"]["outcome"], found["update"]["version"]) == ("updated", "1.1.0")
    assert found["trial"]["broken"] == []


def _recipe(lab: StepsLab, plan: list[Table], version: str) -> Recipe:
    return lab.recipe(plan, security=INJECTED, release={"image": str(_image(lab, version))})


def _image(lab: StepsLab, version: str) -> Path:
    """A release of the samples' application."""
    app = built(PROFILE) / "secure" / "nrf51" / PROFILE / "app.bin"
    out = lab.folder / f"{version}.img"
    words = ["-v", version, "-p", PROFILE, "--keys", str(lab.folder / "keys"), "--device", "microbit-v1"]
    command = [sys.executable, "-m", "workbench.cli", "image", "build", str(app), str(out), *words]
    done = subprocess.run(
        [*command, "--counter", "1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out
