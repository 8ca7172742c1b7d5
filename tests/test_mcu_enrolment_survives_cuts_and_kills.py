"""Wherever power or station end, the next run finishes the same identity: a sample of `mcu_kill_lab`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.mcu_kill_lab import prepare, run, sampled
from tests.mcu_lab import mcu_lab

pytestmark = pytest.mark.xdist_group("microcontrollers are enrolled")
SAMPLE = 8


def test_a_run_that_was_cut_short_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    with mcu_lab(tmp_path / "lab") as lab:
        extent = prepare(lab)
        assert extent.operations > 250
        assert extent.changes >= 15
        ends = Counter((seen.then.state, seen.first) for seen in run(lab, sampled(extent, SAMPLE, seed=4)))
        assert sum(ends.values()) == SAMPLE
        assert {state for state, _ in ends} == {"verified"}, ends
        keys = [unit.keys["device"] for unit in lab.ledger.units()]
        assert len(set(keys)) == len(keys) == SAMPLE + 1
