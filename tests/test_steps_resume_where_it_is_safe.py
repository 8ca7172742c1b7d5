"""A unit's next run begins where nothing irreversible is repeated and nothing that counts is left out: for
any plan and any progress, and after a kill at every event of a run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steps_lab import Done, StepsLab, boardless_lab, step
from workbench.station.steps.plan import PlannedStep
from workbench.station.steps.resume import Progress, where_to_begin
from workbench.station.steps.step import NoOptions, Step


class Plain(Step[NoOptions]):
    """Can be done again."""

    name = "plain"

    def title(self, options: NoOptions) -> str:
        return "plain"

    def run(self, ctx: Any, options: NoOptions) -> dict[str, Any]:
        return {}


class Looking(Plain):
    """Looks."""

    name = "looking"
    resumable = "look"


class Once(Plain):
    """Is not done again."""

    name = "once"
    once = True


KINDS: list[tuple[Step[Any], str | None]] = [
    (Plain(), None),
    (Looking(), None),
    (Once(), None),
    (Looking(), "lock"),
]


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[PlannedStep, ...], Progress]:
    """A plan, and how far a run came: the steps before one of them, and perhaps that one begun."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
    plan = tuple(
        PlannedStep(key=f"s{n}", step=kind, options=NoOptions(), title="", limit_s=1, permission=permission)
        for n, (kind, permission) in enumerate(kinds)
    )
    came = draw(st.integers(0, len(plan)))
    begun = plan[came] if came < len(plan) and draw(st.booleans()) else None
    return plan, Progress(
        finished=tuple(p.key for p in plan[:came]),
        during=None if begun is None else begun.key,
        irreversible=begun is not None and begun.irreversible,
        failed=begun is not None and draw(st.booleans()),
    )


@given(plans())
def test_nothing_irreversible_is_repeated_and_nothing_is_left_out(
    drawn: tuple[tuple[PlannedStep, ...], Progress],
) -> None:
    plan, progress = drawn
    beginning = where_to_begin(plan, progress)
    assert beginning.done <= set(progress.finished)
    assert {p.key for p in plan if p.irreversible} & set(progress.finished) <= beginning.done
    begun = next((p for p in plan if p.key == progress.during), None)
    if begun is not None and begun.irreversible:
        assert beginning.look == begun.key
        assert beginning.done == set(progress.finished)  # nothing before it is done on top of it
    if not progress.failed:
        assert beginning.done == set(progress.finished)
    for place, planned in enumerate(plan):
        if planned.key in beginning.done and not planned.step.once and progress.failed:
            later = [p for p in plan[place:] if p.irreversible and p.key in progress.finished]
            assert later or beginning.look is not None


def test_a_first_run_does_everything() -> None:
    plan = (PlannedStep(key="a", step=Plain(), options=NoOptions(), title="", limit_s=1),)
    assert where_to_begin(plan, None).done == frozenset()


def test_a_failed_unit_begins_behind_its_last_irreversible_step() -> None:
    kinds = [Plain(), Looking(), Plain(), Once(), Plain()]
    plan = tuple(
        PlannedStep(
            key=f"s{n}",
            step=kind,
            options=NoOptions(),
            title="",
            limit_s=1,
            permission="lock" if n == 1 else None,
        )
        for n, kind in enumerate(kinds)
    )
    failed = Progress(finished=("s0", "s1", "s2", "s3"), during="s4", failed=True)
    assert where_to_begin(plan, failed).done == {"s0", "s1", "s3"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with boardless_lab(tmp_path_factory.mktemp("line")) as made:
        yield made


def killed_at(lab: StepsLab, recipe: Any, serial: str, number: int) -> bool:
    """Whether a run, in a process of its own, was killed with SIGKILL at that event."""
    child = os.fork()
    if child == 0:
        seen = [0]

        def hear(_event: object) -> None:
            seen[0] += 1
            if seen[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            lab.run(recipe, serial, listener=hear)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_kill_at_any_event_repeats_nothing_irreversible(lab: StepsLab) -> None:
    locks, notes = lab.folder / "locks", lab.folder / "notes"
    plan = [step("own", do="note", file=str(notes)), step("own-lock", file=str(locks)), step("own")]
    recipe, number, ended = lab.recipe(plan), 0, 0
    while True:
        number += 1
        serial = lab.serial()
        was_killed = killed_at(lab, recipe, serial, number)
        if was_killed:
            done = lab.run(recipe, serial)
            assert done.verdict == "PASS", (number, done.run.error)
            assert [outcome for _, outcome in done.steps] <= ["PASS"] * 3
        assert locks.read_text().split().count(serial) == 1, f"killed at event {number}"
        if not was_killed:
            ended += 1
            break
    assert ended == 1
    assert number > 8


def test_what_cannot_be_told_puts_the_unit_aside(lab: StepsLab) -> None:
    serial = lab.serial()
    recipe = lab.recipe([step("own-lock", do="unclear", file=str(lab.folder / "unclear"))])
    assert killed_at(lab, recipe, serial, 4)
    done: Done = lab.run(recipe, serial)
    assert (done.verdict, done.code) == ("ERROR", "unit-unclear")


def test_another_unit_under_the_same_number_is_noticed(lab: StepsLab) -> None:
    serial = lab.serial()
    lab.office.step_began(serial, "own", irreversible=False, facts={}, chip_id="0011223344556677")
    done = lab.run(lab.recipe([step("own")]), serial)
    assert (done.verdict, done.code) == ("ERROR", "unit-exchanged")
    assert done.steps == []
