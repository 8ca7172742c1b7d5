"""A run that was changed, removed or added after it was recorded is found, wherever that was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures_postgres import PostgresServer
from tests.report_lab import LabLine, UnitBad
from tests.tamper_lab import TIME, failed_of, forge, journals_of, log_of, sql
from workbench.station import records as records_module
from workbench.station.orphans import import_orphans
from workbench.station.run import Run
from workbench.station.run_log import FIRST_PREV, NotALog, encode, read_lines
from workbench.station.run_log_check import Checked
from workbench.station.run_log_file import RunLog, RunLogDamaged
from workbench.station.run_log_head import Head

RUNS = 3


@pytest.fixture
def line(tmp_path: Path) -> Iterator[LabLine]:
    made = _recorded(tmp_path, f"sqlite:///{tmp_path / 'state' / 'records.sqlite'}")
    yield made
    made.close()


def _recorded(folder: Path, url: str) -> LabLine:
    made = LabLine(folder, url)
    for number in range(RUNS - 1):
        made.run(f"A{number}")
    made.run("A9", UnitBad("bad"))
    return made


def _check(line: LabLine, anchor: Head | None = None) -> Checked:
    return line.records.verify(line.journals, anchor)


def _kinds(line: LabLine, anchor: Head | None = None) -> set[str]:
    return {found.kind for found in _check(line, anchor).altered}


def test_what_was_recorded_fits(line: LabLine) -> None:
    checked = _check(line)
    assert (checked.altered, checked.runs, checked.lines, checked.earlier) == ((), RUNS, RUNS + 1, 0)
    assert _check(line, checked.head).altered == ()


COLUMNS = (
    "verb, slot, target, verdict, started_at, finished_at, elapsed_s, result, error, error_code, host, "
    "version, complete, journal, journal_sha256, recorded_at"
)
ADDED = f"INSERT INTO runs (run_id, {COLUMNS}) SELECT 'feed', {COLUMNS} FROM runs WHERE verdict = 'FAIL'"
DATABASE = {
    "UPDATE runs SET verdict = 'PASS' WHERE verdict = 'FAIL'": {"record-changed"},
    "UPDATE runs SET error = NULL WHERE verdict = 'FAIL'": {"record-changed"},
    "UPDATE runs SET slot = 'v9' WHERE verdict = 'FAIL'": {"record-changed"},
    "DELETE FROM events WHERE event = 'measured'": {"record-changed"},
    "DELETE FROM runs WHERE verdict = 'FAIL'": {"record-removed"},
    "UPDATE attempts SET verdict = 'PASS', error_code = NULL WHERE verdict = 'FAIL'": {"attempt-changed"},
    "UPDATE attempts SET serial = 'A7' WHERE serial = 'A1'": {"attempt-changed"},
    "DELETE FROM run_log WHERE line = 2": {"log-unknown"},
    "UPDATE run_log SET line_sha256 = 'x' WHERE line = 2": {"log-rewritten"},
    ADDED: {"record-added"},
}


@pytest.mark.parametrize("statement", DATABASE)
def test_what_is_altered_in_the_database_shows(line: LabLine, statement: str) -> None:
    sql(line, statement)
    assert _kinds(line) == DATABASE[statement]


def test_it_shows_in_a_shared_database_too(tmp_path: Path, postgres: PostgresServer) -> None:
    line = _recorded(tmp_path, postgres.new_database())
    assert _kinds(line) == set()
    sql(line, "UPDATE runs SET slot = 'v9' WHERE verdict = 'FAIL'")
    sql(line, "DELETE FROM runs WHERE verdict = 'PASS'")
    sql(line, "UPDATE attempts SET serial = 'A7' WHERE serial = 'A1'")
    sql(line, "DELETE FROM run_log WHERE line = 2")
    assert _kinds(line) == {"record-changed", "record-removed", "attempt-changed", "log-unknown"}
    line.close()


def _cut_end(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _drop_second(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))


def _edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"FAIL", b"PASS"))


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("alter", "kinds"),
    [
        (_cut_end, {"log-cut", "journal-added"}),
        (_drop_second, {"log-broken"}),
        (_edit, {"log-rewritten", "journal-changed"}),
        (_remove, {"log-replaced"}),
    ],
)
def test_what_is_altered_in_the_log_shows(
    line: LabLine, alter: Callable[[Path], None], kinds: set[str]
) -> None:
    alter(log_of(line))
    assert _kinds(line) >= kinds


@pytest.mark.parametrize(
    ("alter", "kind"),
    [(_cut_end, "journal-changed"), (_edit, "journal-changed"), (_remove, "journal-removed")],
)
def test_what_is_altered_in_a_journal_shows(line: LabLine, alter: Callable[[Path], None], kind: str) -> None:
    alter(failed_of(line))
    assert _kinds(line) == {kind}


def test_a_journal_that_was_put_in_shows(line: LabLine) -> None:
    copied = journals_of(line)[0]
    copied.with_name(copied.name.replace("Z-", "Z-0")).write_bytes(copied.read_bytes())
    assert _kinds(line) == {"journal-added"}


def test_only_a_line_that_was_kept_elsewhere_shows_that_everything_was_made_anew(line: LabLine) -> None:
    head = _check(line).head
    forge(line)
    assert _kinds(line) == set()
    assert _kinds(line, head) == {"log-not-anchored"}


def test_a_process_that_dies_between_log_and_database_leaves_both_whole(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = LabLine(tmp_path, database_url)
    line.run("A0")

    class Dead(BaseException):
        pass

    insert = records_module._insert

    def insert_and_die(*given: object) -> None:
        insert(*given)  # type: ignore[arg-type]
        raise Dead

    add = RunLog.add

    def add_and_die(*given: object) -> None:
        add(*given)  # type: ignore[arg-type]
        raise Dead

    for name, act in (("records._insert", insert_and_die), ("run_log_file.RunLog.add", add_and_die)):
        with monkeypatch.context() as patch:
            patch.setattr(f"workbench.station.{name}", act)
            with pytest.raises(Dead), Run.begin("flash", journal_dir=line.journals, records=database_url):
                pass
    assert len(import_orphans(line.journals, line.records).runs) == 2
    checked = _check(line)
    assert (checked.altered, checked.runs) == ((), 3)
    line.close()


def test_a_torn_last_line_is_taken_away_and_a_damaged_one_is_said(line: LabLine) -> None:
    with log_of(line).open("ab") as file:
        file.write(b'{"data":')
    line.run("B1")
    assert _check(line).altered == ()
    with log_of(line).open("ab") as file:
        file.write(b"{}\n")
    run = line.run("B2")
    assert run.verdict == "PASS"
    assert run.journal_path.parent == line.journals  # waits there
    with pytest.raises(RunLogDamaged):
        line.records.record(run.journal_path)


def test_runs_from_before_the_log_are_not_judged(line: LabLine) -> None:
    sql(line, "DELETE FROM run_log")
    log_of(line).unlink()
    line.run("B1")
    checked = _check(line)
    assert (checked.altered, checked.earlier, checked.runs) == ((), RUNS, 1)


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, 3))
def test_no_bytes_pass_for_a_log_but_its_own(junk: list[bytes], at: int) -> None:
    whole = [
        encode(
            0, FIRST_PREV, TIME, "header", {"log_id": "a", "schema": "workbench.run-log/1", "station": "s"}
        )
    ]
    (first,), wrong = read_lines(whole)
    assert wrong is None
    data = {"journal": "j", "journal_sha256": "0" * 64, "run_id": "r", "verdict": "PASS"}
    whole.append(encode(1, first.sha256, TIME, "run", data))
    mixed = [*whole[: min(at, 2)], *junk, *whole[min(at, 2) :]]
    lines, wrong = read_lines(mixed)
    assert (wrong is None) == (mixed == whole)
    if isinstance(wrong, NotALog):
        assert len(lines) == wrong.line
