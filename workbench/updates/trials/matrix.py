"""All trials of a unit, one after the other, with controls between them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.events import Progress
from workbench.updates.trials.cut_trials import EXPECTED as CUT_EXPECTED
from workbench.updates.trials.cut_trials import SCENES, cut_boot, cut_confirm, cut_upload
from workbench.updates.trials.cuts import SAMPLE
from workbench.updates.trials.forgeries import forgeries
from workbench.updates.trials.forgery import When, always
from workbench.updates.trials.image_trials import try_forgery
from workbench.updates.trials.line_trials import ATTACKS, try_line
from workbench.updates.trials.line_trials import EXPECTED as LINE_EXPECTED
from workbench.updates.trials.model import Row, Verdict, not_run
from workbench.updates.trials.unit import Unit
from workbench.updates.trials.update_trials import TRIALS, try_update
from workbench.updates.trials.workshop import Workshop

CONTROL_EVERY: Final = 16
"""After so many trials the good release must be accepted: a board that refuses everything holds nothing."""
CONTROL: Final = "control"

Restore = Callable[[], None]
"""Sets a board up anew that a trial has left unusable."""


class TrialUnknown(InputError):
    """There is no trial of that name."""

    code = "trial-unknown"
    default_cause = "a mistyped name"
    default_action = "see `workbench trial --list`; `flip-*` names all that begin so"


@dataclass(frozen=True, slots=True)
class Entry:
    """A trial that can be chosen."""

    name: str
    group: str
    title: str
    expected: str
    run: Callable[[Unit], Row]
    why_not: When = always
    """Why it does not apply to a profile."""


def entries(shop: Workshop, *, seed: int, sample: int | None = SAMPLE) -> list[Entry]:
    """All trials, in their order.  The workshop tells which regions an image of the profile has."""
    live: dict[str, tuple[str, Callable[..., Row]]] = {
        "cut-upload": ("power cuts while an image is uploaded", cut_upload),
        "cut-confirm": ("power cuts while an image is confirmed", cut_confirm),
    }
    return [
        *(
            Entry(f.name, "image", f.title, f.expected, partial(try_forgery, forgery=f), f.when)
            for f in forgeries(shop)
        ),
        *(
            Entry(name, "update", title, expected, partial(try_update, name=name))
            for name, (title, expected, _) in TRIALS.items()
        ),
        *(
            Entry(name, "line", title, LINE_EXPECTED, partial(try_line, name=name, seed=seed))
            for name, (title, _) in ATTACKS.items()
        ),
        *(
            Entry(name, "power", title, CUT_EXPECTED, partial(cut, name=name, seed=seed))
            for name, (title, cut) in live.items()
        ),
        *(
            Entry(
                name, "power", s.title, CUT_EXPECTED, partial(cut_boot, name=name, seed=seed, sample=sample)
            )
            for name, s in SCENES.items()
        ),
    ]


def chosen(all_: Sequence[Entry], only: Sequence[str]) -> list[Entry]:
    """Those whose name or group is named; `*` stands for anything.  Raises TrialUnknown."""
    if not only:
        return list(all_)
    for wanted in only:
        if not any(_fits(entry, wanted) for entry in all_):
            raise TrialUnknown(f"no trial is called '{re.sub(r'[^ -~]', '?', wanted)[:40]}'")
    return [entry for entry in all_ if any(_fits(entry, wanted) for wanted in only)]


def _fits(entry: Entry, wanted: str) -> bool:
    return fnmatchcase(entry.name, wanted) or entry.group == wanted


def run_matrix(unit: Unit, picked: Sequence[Entry], restore: Restore | None) -> Iterator[Row]:
    """Runs them, with controls between them, and yields each row as it is there.

    A unit that does not recover is set up anew where `restore` can; else the rest is not run.
    """
    yield _control(unit, "control-first", "the good release before all trials")
    lost: str | None = None
    for number, entry in enumerate(picked, 1):
        if lost is None:
            row = _guarded(unit, entry)
            yield row
            lost = _recover(unit, entry.name, restore)
        else:
            yield not_run(entry.name, entry.group, entry.title, entry.expected, lost)
        unit.site.emit(Progress(step="trials", done=number, total=len(picked), unit="trials"))
        if lost is None and number % CONTROL_EVERY == 0 and number < len(picked):
            yield _control(unit, f"control-{number}", f"the good release after {number} trials")
    if lost is None:
        yield _control(unit, "control-last", "the good release after all trials")


def _guarded(unit: Unit, entry: Entry) -> Row:
    """The trial; what the board does to the station in it is the board's failure."""
    began_s = time.monotonic()
    try:
        return entry.run(unit)
    except WorkbenchError as error:
        if error.blame is not Blame.UNIT:
            raise
        return Row(
            name=entry.name,
            group=entry.group,
            title=entry.title,
            expected=entry.expected,
            observed=f"{error.code}: {error.what}",
            verdict=Verdict.BROKEN,
            seconds=round(time.monotonic() - began_s, 2),
        )


def _recover(unit: Unit, name: str, restore: Restore | None) -> str | None:
    """Why the trials cannot go on, None where the unit runs what it must."""
    try:
        if unit.is_allowed(unit.settle()):
            return None
    except WorkbenchError as error:
        if error.blame is Blame.STOPPED:
            raise
    if restore is None:
        return f"{name} left the board unusable"
    restore()
    unit.begin()
    return unit.control()


def _control(unit: Unit, name: str, title: str) -> Row:
    began_s = time.monotonic()
    problem = unit.control()
    return Row(
        name=name,
        group=CONTROL,
        title=title,
        expected="accepted, confirmed",
        observed=problem or f"runs {unit.running}",
        verdict=Verdict.BROKEN if problem else Verdict.HELD,
        seconds=round(time.monotonic() - began_s, 2),
    )


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Numbers over the whole matrix."""
    count = Counter(str(row.verdict) for row in rows)
    cuts = sum(int(row.details.get("points", 0)) for row in rows if row.group == "power")
    return {
        "verdicts": dict(count),
        "cut_points": cuts,
        "broken": [r.name for r in rows if r.verdict == "BROKEN"],
    }
