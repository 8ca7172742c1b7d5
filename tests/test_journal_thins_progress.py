"""The journal keeps little of a step's progress, faces hear all of it, and every other event is kept."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workbench.events import Event, Notice, Progress
from workbench.station.journal_reader import read_journal
from workbench.station.run import Run
from workbench.station.throttle import ProgressGate, Stamped

PAGES = 2000


def test_of_a_thousand_pages_a_handful_reach_the_journal(tmp_path: Path) -> None:
    heard: list[Stamped] = []
    run = Run.begin("flash", journal_dir=tmp_path, records=None, listeners=[heard.append])
    with run, run.step("program", "Programming"):
        for page in range(1, PAGES + 1):
            run.emit(Progress(step="program", done=page, total=PAGES))
    kept = [e["done"] for e in read_journal(run.journal_path).events if e["event"] == "progress"]
    assert kept[0] == 1
    assert kept[-1] == PAGES
    assert len(kept) < 30
    assert sum(isinstance(stamped.event, Progress) for stamped in heard) == PAGES


def test_the_newest_progress_is_kept_when_a_step_breaks_off(tmp_path: Path) -> None:
    try:
        with (
            Run.begin("flash", journal_dir=tmp_path, records=None) as run,
            run.step("program", "Programming"),
        ):
            for page in range(100):
                run.emit(Progress(step="program", done=page, total=PAGES))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    kept = [e["done"] for e in read_journal(run.journal_path).events if e["event"] == "progress"]
    assert kept[-1] == 99


def _happenings() -> st.SearchStrategy[list[tuple[float, Event]]]:
    progress = st.builds(
        Progress, step=st.sampled_from(["a", "b"]), done=st.integers(0, 9), total=st.sampled_from([0, 9])
    )
    other = st.just(Notice(level="info", text="other"))
    return st.lists(st.tuples(st.floats(0, 3), st.one_of(progress, progress, other)), max_size=60)


@given(_happenings())
def test_order_is_kept_nothing_is_doubled_and_only_progress_is_left_out(
    happenings: list[tuple[float, Event]],
) -> None:
    gate, now_s, kept = ProgressGate(), 0.0, list[Stamped]()
    for seq, (wait_s, event) in enumerate(happenings):
        now_s += wait_s
        kept += gate.admit(Stamped(event, seq, ""), now_s)
    seqs = [stamped.seq for stamped in kept]
    assert seqs == sorted(set(seqs))
    others = [seq for seq, (_, event) in enumerate(happenings) if isinstance(event, Notice)]
    assert [stamped.seq for stamped in kept if isinstance(stamped.event, Notice)] == others


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
def test_one_step_is_kept_about_once_a_second(waits_s: list[float]) -> None:
    gate, now_s, kept = ProgressGate(period_s=1.0), 0.0, 0
    for seq, wait_s in enumerate(waits_s):
        now_s += wait_s
        kept += len(gate.admit(Stamped(Progress(step="a", done=seq, total=0), seq, ""), now_s))
    assert kept <= now_s + 1
