"""A plan that cannot work is refused with the place and the remedy, before anything is touched; what cannot
be undone needs its permission by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.steps_lab import StepsLab, Table, boardless_lab, step
from workbench.boards.target import load_target
from workbench.errors import WorkbenchError
from workbench.events import Observed, StepStarted
from workbench.station.steps.errors import StepNotLoadable, StepUnknown
from workbench.station.steps.plan import dry_run_words, plan_of
from workbench.station.steps.registry import BUILT_IN, step_named, step_names


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with boardless_lab(tmp_path_factory.mktemp("line")) as made:
        (made.folder / "ca").mkdir()
        made.ca = made.folder / "ca"
        yield made


CASES: list[tuple[list[Table], str, str]] = [
    ([step("flsh")], "step-unknown", "did you mean 'flash'?"),
    ([step("no-such-thing")], "step-unknown", "no-such-thing"),
    ([step("power-cycle", off=1)], "step-options-invalid", "off_s"),
    ([step("power-cycle", off_s=99)], "step-options-invalid", "seconds from 0 to 60"),
    ([step("confirm")], "step-options-invalid", "text"),
    ([step("confirm", text="a\x1bb")], "step-options-invalid", "control characters"),
    ([step("expect", pattern="(")], "step-options-invalid", "regular expression"),
    ([step("expect", pattern="x", low=1)], "step-options-invalid", "measure"),
    ([step("expect", pattern="x", measure="v")], "step-options-invalid", "value"),
    ([step("expect", pattern="(x)", measure="v", low=2, high=1)], "step-options-invalid", "low"),
    ([step("erase", start=0)], "step-options-invalid", "start and size"),
    ([step("enroll", retries=1)], "plan-impossible", "retries"),
    ([step("flash")], "plan-impossible", "[release]"),
    ([step("provision")], "plan-impossible", "[security]"),
    ([step("label"), step("enroll")], "plan-impossible", "before the unit has its identity"),
    ([step("enroll"), step("erase")], "plan-impossible", "has locked it"),
    ([step("own", name="own-2"), step("own"), step("own")], "plan-impossible", "own-2"),
    ([step("careless")], "plan-impossible", "cannot look"),
    ([step("wrong-name")], "step-not-loadable", "calls itself 'other'"),
    ([step("no-step")], "step-not-loadable", "broken"),
    ([step("not-there")], "step-not-loadable", "Missing"),
]


@pytest.mark.parametrize(("plan", "code", "word"), CASES, ids=[f"{n}-{c[1]}" for n, c in enumerate(CASES)])
def test_a_mistake_is_named(lab: StepsLab, plan: list[Table], code: str, word: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        plan_of(lab.recipe(plan), load_target("microbit-v1"))
    assert caught.value.code == code
    assert word in caught.value.what
    assert caught.value.what.replace("\n", " ").isprintable()


@pytest.mark.parametrize(
    ("plan", "permission"),
    [
        ([step("own"), step("own-lock")], "lock"),
        ([step("own"), step("enroll")], "lock"),
        ([step("own"), step("erase")], "erase"),
        ([step("own"), step("erase", replace__identity=True)], "replace-identity"),
    ],
)
def test_nothing_is_touched_without_the_permission(lab: StepsLab, plan: list[Table], permission: str) -> None:
    others = {"lock": True, "erase": True, "replace-identity": True} | {permission: False}
    done = lab.run(lab.recipe(plan, permit=others), lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "permission-missing")
    assert done.run.error is not None
    assert f"'{permission}'" in done.run.error.what
    assert f"{permission} = true" in done.run.error.action
    assert not done.of(StepStarted)
    assert not done.of(Observed)
    assert lab.office.progress(done.result["serial"]) is None


def test_a_slot_that_lacks_a_wire_is_refused(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([step("own"), step("power-cycle")]), lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "plan-impossible")
    assert done.run.error is not None
    assert "needs power" in done.run.error.what
    assert done.steps == []


def test_a_dry_run_tells_what_cannot_be_undone(lab: StepsLab) -> None:
    recipe = lab.recipe(
        [step("own", limit_s=7, retries=2), step("enroll"), step("erase")][:2], permit={"lock": False}
    )
    words = "\n".join(dry_run_words(recipe, plan_of(recipe, load_target("microbit-v1"))))
    assert "1. own: an own step, at most 7 s, again up to 2 times" in words
    assert "[CANNOT BE UNDONE; lock: NOT PERMITTED]" in words
    assert words.count("CANNOT BE UNDONE") == 1


def test_every_built_in_step_is_what_it_says() -> None:
    for name in BUILT_IN:
        found = step_named(name)
        assert found.name == name
        assert type(found).__doc__
    assert set(BUILT_IN) <= set(step_names())


def test_a_package_cannot_take_a_built_in_name_nor_share_one(tmp_path: Path, lab: StepsLab) -> None:
    from tests.own_steps_lab import installed

    source = "from wb_own_steps import Own\nclass Mine(Own):\n    name = 'flash'\n"
    with installed(tmp_path, "wb_thief", source, {"flash": "Mine", "own": "Own"}):
        assert type(step_named("flash")).__module__.startswith("workbench.")
        with pytest.raises(StepNotLoadable, match="wb_own_steps and wb_thief"):
            step_named("own")
    assert step_named("own").name == "own"
    with pytest.raises(StepUnknown):
        step_named("Flash")
