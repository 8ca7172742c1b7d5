"""What an office keeps survives kill -9, a full disk and a damaged file, and is never handed out twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.lot_lab import RANGE, SCANNED, attempt_of, lot_of, make_unit, office_of
from workbench.station.lots import errors
from workbench.station.lots.local import LocalStore, local_path
from workbench.station.lots.office import Office

DOOMED = """
import os, signal, sys
from pathlib import Path
from tests.lot_lab import attempt_of, lot_of, office_of

office = office_of(Path(sys.argv[1]), sys.argv[2], lot_of(quantity=5), on_loss="continue")
serial = office.next_serial()
print(serial, flush=True)
def die(where):
    if where == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
die("given")
run_id = "00000000-0000-4000-8000-000000000001"
if sys.argv[3] == "claimed":
    office._central.ask = lambda work: die("claimed")
office.begin(serial, run_id=run_id, slot="v1", operator="kim")
die("begun")
office.step_began(serial, "flash", irreversible=False, facts={"a": 1}, chip_id="c1")
office.step_finished(serial, "flash", {"a": 2})
office.step_began(serial, "enroll", irreversible=True, facts={"a": 2}, chip_id="c1")
die("in-step")
if sys.argv[3] == "kept":
    office._central.ask = lambda work: die("kept")
office.finish(attempt_of(serial, run_id=run_id))
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.sqlite'}"


@pytest.fixture
def office(tmp_path: Path, url: str) -> Iterator[Office]:
    opened = office_of(tmp_path, url, lot_of(quantity=5), on_loss="continue")
    yield opened
    opened.close()


def die(folder: Path, url: str, where: str) -> str:
    """Kills a process there; the serial number that it had."""
    command = [sys.executable, "-c", DOOMED, str(folder), url, where]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    return done.stdout.strip()


@pytest.mark.parametrize("where", ["given", "claimed", "begun", "in-step", "kept"])
def test_a_killed_process_leaves_a_known_unit(tmp_path: Path, url: str, where: str) -> None:
    serial = die(tmp_path, url, where)
    office = office_of(tmp_path, url, lot_of(quantity=5), on_loss="continue")
    left = {run.serial: run for run in office.unfinished()}
    if where == "given":
        assert (left, office.next_serial()) == ({}, serial)
    elif where == "kept":
        assert (left, office.stats().passed) == ({}, 1)  # type: ignore[union-attr]
    else:
        run = left[serial]
        assert (run.slot, run.operator, run.lot) == ("v1", "kim", "L1")
        assert run.progress.irreversible is (where == "in-step")
        assert run.progress.finished == (("flash",) if where == "in-step" else ())
        assert office.next_serial() != serial
        begun = office.begin(serial, run_id=str(uuid4()), slot="v2")
        assert begun.attempt == (1 if where == "claimed" else 2)
        if where == "in-step":
            progress = office.progress(serial)
            assert progress is not None
            assert (progress.during, progress.failed, progress.chip_id) == ("enroll", False, "c1")
            assert progress.facts == {"a": 2}
    office.close()


def test_steps_are_kept_until_the_unit_has_passed(office: Office) -> None:
    serial = office.next_serial()
    run_id = str(uuid4())
    office.begin(serial, run_id=run_id, slot="v1")
    assert office.progress(serial) is None
    for step in ("flash", "verify", "flash"):
        office.step_began(serial, step, irreversible=False, facts={}, chip_id="c")
        office.step_finished(serial, step, {"last": step})
    office.step_began(serial, "trial", irreversible=False, facts={}, chip_id="c")
    office.step_failed(serial, "trial", {"last": "trial"})
    office.finish(attempt_of(serial, "FAIL", run_id=run_id))
    progress = office.progress(serial)
    assert progress is not None
    assert (progress.finished, progress.during, progress.failed) == (("verify", "flash"), "trial", True)
    make_unit(office, serial)
    assert office.progress(serial) is None
    assert office.unfinished() == ()


def test_a_person_may_have_a_unit_start_anew(office: Office) -> None:
    serial = office.next_serial()
    office.begin(serial, run_id=str(uuid4()), slot="v1")
    office.step_began(serial, "flash", irreversible=True, facts={"a": 1}, chip_id="c")
    office.forget(serial)
    assert office.progress(serial) is None


def test_two_processes_of_a_bench_are_given_different_numbers(
    tmp_path: Path, url: str, office: Office
) -> None:
    second = office_of(tmp_path, url, lot_of(quantity=5), on_loss="continue")
    serials = [office.next_serial(), second.next_serial(), office.next_serial()]
    assert len(set(serials)) == 3
    second.close()
    assert office.next_serial() == serials[1]
    office.put_back(serials[0])
    assert office.next_serial() == serials[0]


def test_a_living_process_keeps_its_unit(tmp_path: Path, url: str, office: Office) -> None:
    """The other process is one that sleeps with the unit in work, in the same file."""
    code = DOOMED.replace('die("begun")', 'print("begun", flush=True); sys.stdin.read()')
    command = [sys.executable, "-c", code, str(tmp_path), url, "never"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        serial = other.stdout.readline().strip()
        assert other.stdout.readline().strip() == "begun"
        with pytest.raises(errors.SerialInWork, match="slot v1"):
            office.begin(serial, run_id=str(uuid4()), slot="v2")
        assert office.unfinished() == ()
        other.kill()
    office.begin(serial, run_id=str(uuid4()), slot="v2")


def test_a_refused_unit_leaves_nothing_behind(office: Office) -> None:
    serial = office.next_serial()
    make_unit(office, serial)
    with pytest.raises(errors.SerialDuplicate):
        office.begin(serial, run_id=str(uuid4()), slot="v1")
    with pytest.raises(errors.SerialWrongFormat):
        office.begin("nonsense", run_id=str(uuid4()), slot="v1")
    assert office.unfinished() == ()
    with pytest.raises(errors.SerialDuplicate):
        office.admit(serial.lower())


def test_a_scanned_label_of_the_reserve_leaves_it(office: Office) -> None:
    before = office.reserved
    make_unit(office, RANGE.serial(1))
    assert office.next_serial() == RANGE.serial(0)
    assert office.next_serial() == RANGE.serial(2)
    assert before == 3


def test_the_reserve_can_be_given_back(office: Office) -> None:
    kept = office.next_serial()
    assert office.give_back() == 2
    stats = office.stats()
    assert stats is not None
    assert (stats.reserved, office.reserved) == (1, 0)
    make_unit(office, kept)


def write_much(office: Office, serial: str) -> None:
    for number in range(50):
        office.begin(serial, run_id=str(uuid4()), slot="v1", operator="x" * 500)
        office.step_finished(serial, f"step-{number}", {"much": "x" * 4000})
        office.finish(attempt_of(serial, "ERROR", error_code="x" * 4000))


def test_a_full_disk_stops_before_anything_begins(tmp_path: Path, url: str, office: Office) -> None:
    serial = office.next_serial()
    path = local_path(tmp_path)
    pages = sqlite3.connect(path).execute("PRAGMA page_count").fetchone()[0]
    office._store._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(errors.LocalStoreUnusable, match="full") as caught:
        write_much(office, serial)
    assert "make room" in caught.value.action
    assert caught.value.blame == "station"


def test_a_damaged_file_is_named(tmp_path: Path, url: str) -> None:
    path = local_path(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all, but long enough to be looked at" * 100)
    with pytest.raises(errors.LocalStoreDamaged, match=r"line\.sqlite"):
        office_of(tmp_path, url, lot_of())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, url: str) -> None:
    (tmp_path / ".workbench").write_text("a file is in the way")
    with pytest.raises(errors.LocalStoreUnusable):
        office_of(tmp_path, url, lot_of())


def test_a_file_of_a_newer_workbench_is_left_alone(tmp_path: Path) -> None:
    LocalStore.open(tmp_path / "line.sqlite").close()
    with sqlite3.connect(tmp_path / "line.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(errors.LocalStoreUnusable, match="newer"):
        LocalStore.open(tmp_path / "line.sqlite")


def test_a_file_of_an_older_workbench_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "line.sqlite"
    first = LocalStore.open(path)
    first.add_reserve("L", ["A1"])
    first.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE unseen")
        connection.execute("PRAGMA user_version=1")
    connection.close()
    store = LocalStore.open(path)
    assert (store.id, store.in_reserve("L"), store.unseen()) == (first.id, 1, [])
    store.close()


def test_whatever_a_result_holds_it_reaches_the_database(tmp_path: Path, url: str) -> None:
    office = office_of(tmp_path, url, lot_of(rule=SCANNED))
    run_id = str(uuid4())
    office.begin("A1", run_id=run_id, slot="v1")
    strange = {"name": "a\0b\ud800", "value": float("nan"), "passed": True}
    office.finish(attempt_of("A1", run_id=run_id, measurements=(strange,)))
    (tried,) = office._central.ask(lambda lots: lots.unit("A1")).attempts
    assert tried.measurements == ({"name": "a\ufffdb\ufffd", "value": "nan", "passed": True},)
    office.close()
