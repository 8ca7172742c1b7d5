"""Whenever the power goes during an enrolment, at each flash word and in the middle of it, the unit ends with
one identity: a key that was shown is never replaced, and a torn certificate is never taken for one.

A rig boots an application that enrols itself, once from each point; its signing request, which key and secret
decide to the last byte, stands in for the certificate.
"""

from __future__ import annotations

import contextlib
import random
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.mcu_firmware_lab import (
    Enrolled,
    FreshUnit,
    certificate_for,
    enrolment_record,
    fresh_unit_in,
)
from tests.secure_app_lab import build_app, smp_on
from tests.secure_lab import (
    CERTIFICATE_A,
    CERTIFICATE_B,
    IDENTITY,
    KEYS,
    SLOT0,
    Board,
    build_boot,
    maker,
    plain,
)
from tests.twin_lab import Line, attached, twin_in, wait_until
from workbench.virtual.cut import CutMode
from workbench.virtual.sweep import CutOutcome, Recording
from workbench.virtual.twins import Twin

PROFILE: Final = "tier-1"
"""The bootloader that is done soonest; without a secret of its own its unit makes a key."""
UNTIL: Final = rb"enrol: end [^\n]*\n"
MARK: Final = KEYS + 0x40 + 100
SPENT: Final = KEYS + 0x100
WORDS: Final = re.compile(rb"enrol: (found|end) key (\d+) cert (\d+) copies (\d) spent (\d)\r\n")


@dataclass(frozen=True)
class Said:
    """What the board says of itself; key and certificate as CRC-32, 0 where it has none."""

    key: int
    cert: int
    copies: int
    spent: int


def said(console: bytes) -> tuple[Said, Said]:
    """What it found, and what there was at the end."""
    found, end = (Said(*map(int, match[1:])) for match in WORDS.findall(console))
    return found, end


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Recording]]:
    folder = tmp_path_factory.mktemp("cuts")
    made = maker(PROFILE, folder / "keys")
    app = (build_app("self-enrolling", profile=PROFILE) / "app.bin").read_bytes()
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv(
            "WORKBENCH_RUNTIME", stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp"))
        )
        twin = stack.enter_context(twin_in(folder))
        with attached(twin) as target:
            board = Board(twin, target, Line.__new__(Line))
            board.fill(
                {
                    0: (build_boot(PROFILE) / "boot.bin").read_bytes(),
                    IDENTITY: made.page(board.chip_id),
                    SLOT0: plain(made.image(payload=app), made),
                    KEYS: enrolment_record(bytes(range(32))),
                }
            )
        twin.power.off()
        yield twin, twin.power.record_boot(UNTIL)


def point_of(recording: Recording, address: int) -> int:
    """Which operation writes a word, 1 is the first."""
    [point] = [n for n, o in enumerate(recording.operations, 1) if (o.kind, o.address) == ("word", address)]
    return point


def assert_one_identity(recording: Recording, outcome: CutOutcome) -> None:
    """The key that was complete when the power went is the key; the others were shown to nobody."""
    first = said(recording.console)[1]

    def is_done(address: int) -> set[bool]:
        at = point_of(recording, address)
        if outcome.mode == "torn" and outcome.point == at:
            return {True, False}
        return {outcome.point >= at}

    assert outcome.end == "said", outcome
    found, end = said(outcome.console)
    had_key, had_certificate = found.key != 0, found.cert != 0
    assert found.key in (0, first.key), outcome
    assert had_key in is_done(MARK), outcome
    assert found.cert in (0, first.cert), outcome
    assert had_certificate in is_done(CERTIFICATE_A + 4), outcome
    assert found.copies == (2 if had_certificate else 0), "the other copy was repaired"
    assert bool(found.spent) in is_done(SPENT), outcome
    assert (end.copies, end.spent) == (2, 1), outcome
    assert (end.key == first.key, end.cert == first.cert) == (had_key, had_key), outcome
    assert end.key != 0


def test_the_recording_is_of_a_whole_enrolment(recorded: tuple[Twin, Recording]) -> None:
    _, recording = recorded
    found, end = said(recording.console)
    assert found == Said(0, 0, 0, 0)
    assert (end.copies, end.spent, end.key != 0) == (2, 1, True)
    order = [point_of(recording, at) for at in (MARK, CERTIFICATE_A + 4, CERTIFICATE_B + 4, SPENT)]
    assert order == sorted(order)
    assert order[-1] == len(recording.operations)
    assert {o.address for o in recording.operations if o.kind == "page"} == {CERTIFICATE_A, CERTIFICATE_B}
    places = {o.address & ~0x3FF for o in recording.operations if o.kind != "uicr"}
    assert places == {KEYS, CERTIFICATE_A, CERTIFICATE_B}, "and nothing else is written"


@pytest.mark.parametrize("mode", ["clean", "torn"])
def test_a_cut_at_every_word_leaves_one_identity(recorded: tuple[Twin, Recording], mode: CutMode) -> None:
    twin, recording = recorded
    points = range(1, len(recording.operations) + 1)
    outcomes = list(twin.power.sweep_cuts(recording, points, mode, seed=4))
    assert sorted(outcome.point for outcome in outcomes) == list(points)
    for outcome in outcomes:
        assert_one_identity(recording, outcome)


def test_the_words_around_each_mark_are_torn_in_many_ways(recorded: tuple[Twin, Recording]) -> None:
    twin, recording = recorded
    points = [point_of(recording, at) for at in (MARK, CERTIFICATE_A, CERTIFICATE_A + 4, SPENT)]
    points.append(1 + point_of(recording, CERTIFICATE_A + 4))
    assert recording.operations[points[-1] - 1].kind == "page"
    for seed in range(10, 16):
        for outcome in twin.power.sweep_cuts(recording, points, "torn", seed=seed):
            assert_one_identity(recording, outcome)


# --- The same over the line, on the twin itself ------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path, twin_runtime: Path) -> Iterator[FreshUnit]:
    with fresh_unit_in(tmp_path) as fresh:
        yield fresh


def cut_while(unit: FreshUnit, point: int, mode: CutMode, seed: int, work: str, der: bytes = b"") -> None:
    """Ask for it, and lose the power at that operation of it."""
    with smp_on(unit.twin) as smp, contextlib.suppress(Exception):
        asked = Enrolled(smp, unit.secret or b"")
        unit.twin.power.arm_cut(point, mode, seed)
        if work == "certificate":
            asked.write_certificate(der)
        else:
            asked.act(work)
    wait_until(lambda: unit.twin.power.state() == "off", "the power went")
    unit.twin.power.on()


def test_a_key_cut_short_many_times_is_made_at_last(unit: FreshUnit) -> None:
    """More often than there are records: the page is begun anew, and the probe's record is still there."""
    chosen = random.Random(5)
    for number in range(9):
        cut_while(unit, chosen.randrange(10, 24), "torn" if number % 2 else "clean", number, "generate")
        with unit.talk() as asked:
            assert (asked.read()["state"], "pub" in asked.read()) == ("secret", False), number
    with unit.talk() as asked:
        made = asked.act("generate")
        assert made["state"] == "key"
        assert len(asked.csr(bytes(32))) > 200
        assert asked.act("generate")["pub"] == made["pub"]


def test_a_certificate_cut_short_is_no_certificate(unit: FreshUnit) -> None:
    chosen = random.Random(6)
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
    old, new = certificate_for(point), certificate_for(point, serial=77, padding=100)
    with unit.talk() as asked:
        asked.write_certificate(old)
    for number in range(6):
        cut_while(
            unit, chosen.randrange(1, 200), "torn" if number % 2 else "clean", number, "certificate", new
        )
        with unit.talk() as asked:
            state = asked.read()
            assert (state["pub"], state["certs"]) == (point, [True, True])
            held = asked.read_certificate()
            assert held in (old, new)
            asked.write_certificate(old)


def test_a_commit_cut_short_is_finished_later(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        der = certificate_for(point)
        asked.write_certificate(der)
    for point_of_cut in (3, 4):
        cut_while(unit, point_of_cut, "torn", 1, "commit")
        with unit.talk() as asked:
            assert (asked.read()["state"], asked.read()["pub"]) == ("cert", point)
    with unit.talk() as asked:
        assert asked.act("commit")["state"] == "done"
        assert asked.read_certificate() == der
