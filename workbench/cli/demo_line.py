"""`workbench demo --line`: the screen of a line, on boards that do not exist."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli import stderr
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.station.demo_line import DemoLine


def open_line(folder: Path, firmware: Path, *, plain: bool) -> int:
    """Makes the line where it is not there yet, opens its screen, and switches its boards off at the end.

    Returns the screen's exit code.  Raises as `make_line` does.
    """
    from workbench.station.demo_line import make_line

    made = make_line(folder, firmware, say=stderr.say)
    try:
        _new_boards(made)
        with _hands(made):
            code = _screen(made, plain=plain)
        _tell(made)
        return code
    finally:
        _switch_off(made)


def _tell(made: DemoLine) -> None:
    """Where to go on."""
    from workbench.cli.demo import from_here, program
    from workbench.station.demo_line import LOT_ID

    called, bench = program(), from_here(made.folder)
    stderr.say(
        f"\n  The boards are off; {bench} keeps their state, labels, evidence and records.  Try next:\n"
    )
    for command, purpose in (
        (f"lot show {LOT_ID} --bench {bench}", "how many passed, and which failed"),
        (f"report lot {LOT_ID} --bench {bench} --html report.html", "the same as a page with pictures"),
        (f"recipe check {from_here(made.recipe)} --bench {bench}", "what becomes of a unit, in words"),
        (f"records verify --bench {bench}", "whether anything was changed behind the workbench's back"),
        ("demo --line", "go on with new boards"),
    ):
        stderr.say(f"  {called} {command}\n      {purpose}")


def _screen(made: DemoLine, *, plain: bool) -> int:
    words = [str(made.recipe), "--lot", str(made.lot), "--bench", str(made.bench.path)]
    # Ctrl-C is the screen's: a handler, because the screen would inherit that the signal is ignored
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(
            [sys.executable, "-m", "workbench.tui", *words, *(["--plain"] if plain else [])], check=False
        ).returncode
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _hands(made: DemoLine) -> Iterator[None]:
    """Somebody who puts new boards in where finished ones were taken out."""
    log = made.bench.state_dir / "hands.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        hands = subprocess.Popen(
            [sys.executable, "-m", "workbench.station.demo_hands", str(made.bench.path)],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    assert hands.stdin is not None
    try:
        yield
    finally:
        hands.stdin.close()
        hands.wait()


def _new_boards(made: DemoLine) -> None:
    """What an earlier day's line finished was taken out overnight; what it left in the middle stays."""
    from workbench.boards.exchange import exchange_board
    from workbench.station.lots.local import LocalStore, local_path

    path = local_path(made.bench.folder)
    if not path.exists():
        return
    store = LocalStore.open(path)
    try:
        kept = {unit.slot for unit in store.units() if unit.state == "in-work"}
        kept |= {attempt.slot or "" for _number, attempt in store.unseen()}
    finally:
        store.close()
    for name in made.bench.slots:
        if name not in kept:
            with contextlib.suppress(WorkbenchError):
                exchange_board(made.bench, name)


def _switch_off(made: DemoLine) -> None:
    for slot in made.bench.slots.values():
        with contextlib.suppress(WorkbenchError):
            slot.need_power().off()
