"""docs/steps.md: its own step works as it stands there, installed by its entry point; its plan is a plan; its
table names every step with all its options.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.own_steps_lab import installed
from tests.steps_lab import StepsLab, Technician, boardless_lab, step
from workbench.station.steps.plan import check_options
from workbench.station.steps.registry import BUILT_IN, step_named

DOCS = (Path(__file__).resolve().parent.parent / "docs" / "steps.md").read_text(encoding="utf-8")


def block(language: str, first: str) -> str:
    """The example that begins with that line."""
    found = re.search(rf"```{language}\n({re.escape(first)}.*?)```", DOCS, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    folder = tmp_path_factory.mktemp("line")
    points = tomllib.loads(block("toml", "# pyproject.toml"))["project"]["entry-points"]["workbench.steps"]
    steps = {name: value.rpartition(":")[2] for name, value in points.items()}
    package = folder / "package"
    package.mkdir()
    source = block("python", "# board_checks.py")
    with boardless_lab(folder) as made, installed(package, "board_checks", source, steps):
        yield made


def test_the_own_step_measures_and_asks(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("solder-check")]), lab.serial())
    assert done.verdict == "PASS", done.run.error
    assert done.result["found"]["solder-check"] == {"instrument": "DMM-1"}
    assert [(m["name"], m["unit"], m["high"]) for m in done.result["measurements"]] == [("joint", "ohm", 0.5)]
    done = lab.run(lab.recipe([step("solder-check", high_ohm=0.1)]), lab.serial())
    assert (done.verdict, done.code) == ("FAIL", "measurement-out-of-limits")
    done = lab.run(lab.recipe([step("solder-check")]), lab.serial(), Technician(says=False))
    assert (done.verdict, done.code) == ("ERROR", "fixture-open")


def test_the_plan_is_a_plan() -> None:
    common = {"step", "name", "limit_s", "retries"}
    for entry in tomllib.loads(block("toml", "[[plan]]"))["plan"]:
        options = {key: value for key, value in entry.items() if key not in common}
        check_options(entry["step"], options, Path("docs/steps.md"))


def test_the_table_names_every_step_and_option() -> None:
    rows = {row[0]: row[1] for row in re.findall(r"^\| `([a-z-]+)` \|(.*)$", DOCS, re.MULTILINE)}
    for name in BUILT_IN:
        for key, field in step_named(name).Options.model_fields.items():
            assert f"`{field.alias or key}`" in rows[name], (name, key)
