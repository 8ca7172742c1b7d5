"""A board that is unplugged or exchanged at any step of a plan: the verdict is ERROR, never FAIL or PASS."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.steps_lab import StepsLab, Table, step, steps_lab
from workbench.events import Event, Measured, Progress, StepStarted
from workbench.virtual.twins import Twin, replace_chip
from workbench.virtual.twins import plug as plug_twin

pytestmark = pytest.mark.xdist_group("plan loses its board")

EXPECT = step(
    "expect",
    pattern=r"hello-microbit (?P<value>[0-9]+)\.",
    restart="reset",
    within_s=5,
    measure="major",
    low=1,
    high=1,
)
SILENT = EXPECT | {"within_s": 0.3, "restart": "none", "pattern": "never (?P<value>x)"}
CASES: list[tuple[list[Table], type[Event], str]] = [
    ([step("verify")], StepStarted, "verify"),
    ([step("flash", erase="chip")], Progress, "program"),
    ([EXPECT | {"within_s": 1}], StepStarted, "expect"),
    ([SILENT], StepStarted, "expect"),
    ([step("erase")], StepStarted, "erase"),
    ([step("power-cycle"), step("verify")], StepStarted, "verify"),
    ([step("provision")], StepStarted, "provision/flash"),
    ([step("confirm", text="Is it there?")], StepStarted, "confirm"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StepsLab]:
    with steps_lab(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.fixture(autouse=True)
def _board(lab: StepsLab) -> None:
    """The board has power, runs its firmware, and has no identity."""
    lab.slot.need_power().on()
    permit = {"replace-identity": True}
    done = lab.run(
        lab.recipe([step("flash", erase="chip", replace__identity=True)], permit=permit), lab.serial()
    )
    assert done.verdict == "PASS", done.run.error


def twin_of(lab: StepsLab) -> Twin:
    """The board in slot v1, seen from inside."""
    (chip,) = lab.folder.glob("bench/**/twins/v1/chip.json")
    return plug_twin(chip.parent.parent, "v1", "microbit")


@pytest.mark.parametrize(("plan", "kind", "at"), CASES, ids=[f"{c[0][0]['step']}-{c[2]}" for c in CASES])
def test_an_unplugged_board_is_an_error(lab: StepsLab, plan: list[Table], kind: type[Event], at: str) -> None:
    pulled: list[bool] = []

    def pull(event: Event) -> None:
        if isinstance(event, kind) and getattr(event, "step", None) == at and not pulled:
            pulled.append(True)
            lab.slot.need_power().off()

    done = lab.run(lab.recipe(plan, permit={"erase": True}), lab.serial(), listener=pull)
    assert pulled
    assert done.verdict == "ERROR", (done.code, done.run.error)


def test_the_board_says_what_is_measured(lab: StepsLab) -> None:
    done = lab.run(lab.recipe([EXPECT]), lab.serial())
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()
    (measured,) = done.of(Measured)
    assert (measured.name, measured.value, measured.passed) == ("major", 1, True)
    done = lab.run(lab.recipe([EXPECT | {"low": 2, "high": 3}]), lab.serial())
    assert (done.verdict, done.code) == ("FAIL", "measurement-out-of-limits")
    done = lab.run(lab.recipe([SILENT]), lab.serial())
    assert (done.verdict, done.code) == ("FAIL", "board-silent")


@pytest.mark.parametrize("plan", [[SILENT], [step("confirm", text="Is it there?")]], ids=["fail", "pass"])
def test_a_board_that_is_exchanged_is_an_error(lab: StepsLab, plan: list[Table]) -> None:
    swapped: list[bool] = []

    def swap(event: Event) -> None:
        if isinstance(event, StepStarted) and not swapped:
            swapped.append(True)
            power = lab.slot.need_power()
            power.off()
            replace_chip(twin_of(lab), os.urandom(8))
            power.on()

    done = lab.run(lab.recipe(plan), lab.serial(), listener=swap)
    assert swapped
    assert (done.verdict, done.code) == ("ERROR", "unit-exchanged")


def test_a_flash_that_takes_too_long_is_ended_and_made_whole(lab: StepsLab) -> None:
    """The limit comes in the middle of a write; what is known is said, and the next run makes it whole."""
    serial = lab.serial()
    recipe = lab.recipe([step("flash", erase="chip", limit_s=600), step("verify")], permit={"erase": True})
    began: list[bool] = []

    def slow(event: Event) -> None:
        if isinstance(event, Progress) and event.step == "program" and not began:
            began.append(True)
            signal.setitimer(signal.ITIMER_REAL, 0.001)  # as if the ten minutes were over

    done = lab.run(recipe, serial, listener=slow)
    assert began
    assert (done.verdict, done.code) == ("ERROR", "step-time-over"), done.run.error
    assert done.run.error is not None
    assert "may hold a part of the firmware" in done.run.error.what
    done = lab.run(recipe, serial)
    assert done.verdict == "PASS", done.run.error and done.run.error.diagnostics()


def test_an_identity_is_not_lost_without_permission(lab: StepsLab) -> None:
    """The first provisioning is done; a second unit's run on the same board refuses to go over it."""
    recipe, serial = lab.recipe([step("provision")]), lab.serial()
    assert lab.run(recipe, serial).verdict == "PASS"
    done = lab.run(recipe, lab.serial())
    assert (done.verdict, done.code) == ("ERROR", "image-over-identity")
