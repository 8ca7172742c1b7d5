"""A trial is HELD only for the right refusal, and a power cut only where the old or the new image starts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal
from xml.etree import ElementTree as Xml

import pytest

from workbench.boards.target import load_target
from workbench.images.reasons import Reason
from workbench.images.tlvs import Version
from workbench.updates.trials.cuts import Rule, areas_of, choose, judge_outcomes
from workbench.updates.trials.forgery import Forgery, forged
from workbench.updates.trials.image_trials import judge
from workbench.updates.trials.model import Row, Verdict, not_run
from workbench.updates.trials.report import as_json, as_junit
from workbench.updates.trials.unit import Seen

OLD, NEW = Version(1, 0), Version(1, 1)
AREAS = areas_of(load_target("microbit-v1"))


def forgery(*reasons: Reason, application: bool = False) -> Forgery:
    return forged("x", "a forgery", lambda shop: b"", *reasons, application=application)


SIGNED = forgery(Reason.SIGNATURE)
FORM = forgery(Reason.SIZE)


def boot(reason: Reason) -> Seen:
    return Seen("bootloader", reason)


@pytest.mark.parametrize(
    ("made", "seen", "planted", "verdict"),
    [
        (SIGNED, boot(Reason.SIGNATURE), None, Verdict.HELD),
        (SIGNED, boot(Reason.HASH), None, Verdict.BROKEN),
        (SIGNED, Seen("bootloader", None), None, Verdict.BROKEN),
        (SIGNED, Seen("started", words="1.1"), None, Verdict.BROKEN),
        (SIGNED, Seen("silent"), None, Verdict.BROKEN),
        (SIGNED, Seen("upload", words="NO"), None, Verdict.BROKEN),
        (SIGNED, Seen("application", words="NO"), None, Verdict.BROKEN),
        (FORM, Seen("application", words="NO"), None, Verdict.HELD),
        (FORM, Seen("application", words="NO"), boot(Reason.SIZE), Verdict.HELD),
        (FORM, Seen("application", words="NO"), boot(Reason.HASH), Verdict.BROKEN),
        (FORM, Seen("application", words="NO"), Seen("started", words="1.1"), Verdict.BROKEN),
        (FORM, boot(Reason.SIZE), None, Verdict.HELD),
        (forgery(), Seen("started", words="1.1"), None, Verdict.SHOWN),
        (forgery(), boot(Reason.HASH), None, Verdict.BROKEN),
        (forgery(application=True), Seen("application", words="NO"), None, Verdict.HELD),
        (forgery(application=True), boot(Reason.VERSION), None, Verdict.BROKEN),
    ],
)
def test_a_forgery_holds_only_for_its_own_reason(
    made: Forgery, seen: Seen, planted: Seen | None, verdict: Verdict
) -> None:
    assert judge(made, seen, planted).verdict is verdict


@dataclass(frozen=True)
class Outcome:
    """A cut as a switch reports it."""

    point: int
    version: str | None
    address: int = 0xC000
    kind: str = "word"
    mode: str = "clean"
    end: Literal["said", "silent", "crashed"] = "said"
    known: bool = False

    @property
    def console(self) -> bytes:
        if self.version is None:
            return b"boot: nothing to start: hash\r\n"
        return b"boot: installing\r\nboot: starting " + self.version.encode() + b"\r\n"


TURN = [Outcome(1, "1.1.0"), Outcome(2, "1.1.0"), Outcome(3, "1.0.0"), Outcome(4, "1.0.0")]


def test_old_and_new_on_their_sides_of_the_turning_point_are_right() -> None:
    tally = judge_outcomes(reversed(TURN), AREAS, Rule(NEW, OLD))
    assert not tally.wrong
    assert tally.total == 4
    assert tally.started == {"slot 0": {"1.1.0": 2, "1.0.0": 2}}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (replace(TURN[1], version="0.9.0"), "neither old nor new"),
        (replace(TURN[1], version=None), "nothing started"),
        (replace(TURN[1], end="crashed"), "nothing started: crashed"),
        (replace(TURN[1], end="silent"), "nothing started: silent"),
        (replace(TURN[3], version="1.1.0"), "again after"),
    ],
)
def test_any_other_outcome_of_a_cut_is_wrong(bad: Outcome, words: str) -> None:
    outcomes = [bad if outcome.point == bad.point else outcome for outcome in TURN]
    (wrong,) = judge_outcomes(outcomes, AREAS, Rule(NEW, OLD)).wrong
    assert words in str(wrong)
    assert wrong.point == bad.point


def test_where_one_image_alone_is_allowed_the_other_is_wrong() -> None:
    assert len(judge_outcomes(TURN, AREAS, Rule(OLD, OLD)).wrong) == 2


def test_phases_are_told_by_what_an_operation_touched() -> None:
    places = {0xC000: "slot 0", 0x25000: "slot 1", 0x3E800: "state", 0x3F000: "swap log", 0x100: "elsewhere"}
    assert {at: AREAS.of(Outcome(1, "1.0", at)) for at in places} == places
    assert AREAS.of(Outcome(1, "1.0", 0x10001080, "uicr")) == "counter"


def test_a_sample_is_the_same_for_a_seed_and_touches_every_phase() -> None:
    operations = [Outcome(0, None, 0x3F000)] * 5 + [Outcome(0, None)] * 900 + [Outcome(0, None, 0x3E800)] * 40
    some = choose(operations, AREAS, 7)
    assert some == choose(operations, AREAS, 7) != choose(operations, AREAS, 8)
    assert {1, 5, 6, 905, 906, 945} <= set(some)
    assert len(some) < 60
    assert choose(operations, AREAS, 7, sample=None) == list(range(1, 946))


ROWS = [
    Row(name="a", group="image", title="t", expected="e", observed="o", verdict=Verdict.HELD, seconds=1.5),
    Row(name="b", group="image", title="t", expected="e", observed="o\x1b[1m\ud800", verdict=Verdict.BROKEN),
    Row(
        name="c",
        group="power",
        title="t",
        expected="e",
        observed="o",
        verdict=Verdict.HELD,
        details={"points": 9},
    ),
    Row(name="d", group="image", title="t", expected="e", observed="o", verdict=Verdict.SHOWN),
    not_run("e", "power", "t", "e", "the slot has no power switch"),
]


def test_junit_counts_failures_and_skips() -> None:
    suite = Xml.fromstring(as_junit(ROWS, {"slot": "v1"}))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "1")
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["b"]


def test_the_json_report_has_every_row_and_the_sums() -> None:
    report = json.loads(as_json(ROWS, {"slot": "v1"}))
    assert report["schema"] == "workbench.trials/1"
    assert [row["name"] for row in report["trials"]] == list("abcde")
    assert report["summary"] == {
        "verdicts": {"HELD": 2, "BROKEN": 1, "SHOWN": 1, "NOT RUN": 1},
        "cut_points": 9,
        "broken": ["b"],
    }
