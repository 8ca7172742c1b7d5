"""Units through a line without a screen: which serial number into which slot, what is shown, how it ends."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.boards.bench import Bench
from workbench.cli import many, run_junit, signals, stderr, stdout, words
from workbench.cli.job import bench_of
from workbench.cli.options import Choice
from workbench.cli.report import Report, reporting, tell_alone
from workbench.cli.run_questions import ask
from workbench.errors import EXIT_CODES, Blame, InputError, Stopped, WorkbenchError
from workbench.station.side_by_side import Ending
from workbench.station.throttle import Stamped

if TYPE_CHECKING:
    from workbench.station.line.line import Line
    from workbench.station.line.state import ScanAnswer
    from workbench.station.lots.lot_file import Lot
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.plan import PlannedStep

Data = dict[str, Any]
VERB: Final = "unit"
_LOOK_S: Final = 0.2


class UnitsUnclear(InputError):
    """It is not clear which units are to be run in which slots."""

    code = "run-units-unclear"
    default_cause = "units are not exchanged by themselves: each unit of a run needs a slot of its own"
    default_action = (
        "name as many serial numbers as slots, or a lot that hands them out; `workbench tui` takes one unit "
        "after another"
    )


class UnitRefused(WorkbenchError):
    """A unit was not begun; the code that is shown is that of the reason."""

    code = "run-unit-refused"
    blame = Blame.INPUT
    default_cause = "the unit's serial number or lot, or the state of the slot; the reason has its own code"
    default_action = "do what the reason says; `workbench explain CODE` tells more of it"

    def __init__(self, told: Data) -> None:
        super().__init__(told["what"], cause=told["cause"], action=told["action"])
        self._told = told

    def as_dict(self) -> dict[str, str]:
        """The reason."""
        return dict(self._told)


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line asked for."""

    recipe: Path
    lot: Path | None = None
    serials: tuple[str, ...] = ()
    count: int | None = None
    operator: str | None = None
    junit: Path | None = None
    rma: str | None = None


@dataclass(slots=True)
class _Results:
    """What became of each slot: its run's events, its serial number, its end."""

    events: dict[str, list[Data]] = field(default_factory=dict)
    serials: dict[str, str] = field(default_factory=dict)
    endings: dict[str, Ending] = field(default_factory=dict)

    def hear(self, slot: str, event: Data) -> None:
        """An event of the run in the slot."""
        if event["event"] != "progress":
            self.events.setdefault(slot, []).append(event)
        if event["event"] == "run-finished":
            self.endings[slot] = Ending(event["verdict"], event["elapsed_s"], event["result"], event["error"])


def show_recipe(orders: Orders, choice: Choice) -> int:
    """`--dry-run`: what would be done, in words, or as `observed` events; touches no board and no lot."""
    from workbench.station.labels.layout import layout_of
    from workbench.station.lots.lot_file import refuse_foreign_lot
    from workbench.station.recipes.check import check_recipe, refuse_impossible

    with reporting("run", choice.output) as report:
        bench, recipe, lot = _load(orders, choice)
        if lot is not None:
            refuse_foreign_lot(lot, recipe)
            layout_of(lot.label, lot.path or orders.recipe)
        check = check_recipe(recipe, bench)
        refuse_impossible(check)
        names = list(choice.slots) or list(check.fitting)
        for name in names:
            bench.slot(name)
        if orders.serials or orders.count is not None:
            names = list(_units(orders, names, hands_out=lot is not None and lot.rule.gives))
        _observe_plan(report, check.plan, names)
        report.result |= {"dry_run": True, "recipe": recipe.name, "sha256": recipe.sha256, "slots": names}
        if not choice.output.json:
            for line in check.words:
                stdout.say_wrapped(line)
            stdout.say(f"slots: {', '.join(names)}; nothing was touched")
    return 0


def _observe_plan(report: Report, plan: Sequence[PlannedStep], slots: Sequence[str]) -> None:
    for name in slots:
        for number, planned in enumerate(plan, 1):
            step = {"slot": name, "number": number, "title": planned.title}
            report.observe("planned-step", {**step, **planned.as_json(done=False)})


def perform_recipe(orders: Orders, choice: Choice) -> int:
    """The recipe on the units; returns the exit code of the gravest error."""
    from workbench.station.line.line import Line

    bench, recipe, lot = _load(orders, choice)
    slots = choice.slots or _fitting(recipe, bench)
    units = _units(orders, slots, hands_out=lot is not None and lot.rule.gives)
    if orders.junit is not None:
        run_junit.refuse_unwritable(orders.junit)
    heard: queue.SimpleQueue[tuple[str, Data]] = queue.SimpleQueue()
    tell = many.json_line if choice.output.json else many.screen(choice, list(units))
    results = _Results()
    line = Line.open(
        bench,
        recipe,
        lot,
        slots=list(units),
        operator=orders.operator,
        sign_in=False,
        attended=_is_attended(choice),
        rma=orders.rma,
        heard=[lambda slot, event: heard.put((slot, event))],
    )
    try:
        cut_short = _work(line, units, heard, tell, results)
    finally:
        line.close()
        _hear_rest(units, heard, tell, results)
        if isinstance(tell, many.Lines):
            tell.close()
    if not choice.output.json:
        _summary(results, choice)
    if orders.junit is not None:
        run_junit.write_junit(orders.junit, recipe.name, results.events, results.serials, list(units))
    code = many.exit_code(results.endings.values())
    return EXIT_CODES[Blame.STOPPED] if cut_short and code != EXIT_CODES[Blame.BUG] else code


def _load(orders: Orders, choice: Choice) -> tuple[Bench, Recipe, Lot | None]:
    from workbench.station.lots.lot_file import load_lot
    from workbench.station.recipes.recipe import load_recipe

    bench = bench_of(choice.bench)
    recipe = load_recipe(orders.recipe)
    return bench, recipe, None if orders.lot is None else load_lot(orders.lot)


def _fitting(recipe: Recipe, bench: Bench) -> tuple[str, ...]:
    from workbench.station.recipes.check import check_recipe, refuse_impossible

    check = check_recipe(recipe, bench)
    refuse_impossible(check)
    return check.fitting


def _units(orders: Orders, slots: Sequence[str], *, hands_out: bool) -> dict[str, str | None]:
    """Serial number by slot, None for one that the lot hands out.  Raises UnitsUnclear."""
    serials, names = orders.serials, list(dict.fromkeys(slots))
    if serials and orders.count is not None:
        raise UnitsUnclear("both --serial and --count were given", cause="they exclude each other")
    if not serials and not hands_out:
        raise UnitsUnclear("no serial number was given", cause="there is no lot that hands them out")
    wanted = len(serials) or orders.count or len(names)
    if orders.rma is not None and wanted != 1:
        raise UnitsUnclear(
            f"--rma for {wanted} units",
            cause="an RMA is for one unit",
            action="name one slot with --slot and its unit with --serial",
        )
    if wanted > len(names):
        raise UnitsUnclear(
            f"{words.count(wanted, 'unit')} for {words.count(len(names), 'slot')}: {', '.join(names)}"
        )
    return dict(zip(names, serials, strict=False)) if serials else dict.fromkeys(names[:wanted])


def _is_attended(choice: Choice) -> bool:
    return sys.stdin.isatty() and not choice.output.json


def _work(
    line: Line,
    units: dict[str, str | None],
    heard: queue.SimpleQueue[tuple[str, Data]],
    tell: Callable[[str, Data], None],
    results: _Results,
) -> bool:
    """Begins all units, and hears them until the last has ended; Ctrl-C ends them after their step.

    Returns whether a second one ended them at once.
    """
    interrupts, asked = 0, False
    waiting: set[str] | None = None
    while True:
        try:
            if interrupts > 1:
                line.close(0.0)
                return True
            if interrupts and not asked:
                asked = True
                waiting = _ask_for_the_end(line, units, results)
            if waiting is None:
                waiting = {
                    name for name, serial in units.items() if _begin(line, name, serial, tell, results)
                }
            while waiting:
                _hear(line, heard, tell, results, waiting)
            return False
        except KeyboardInterrupt:
            interrupts += 1
        except BrokenPipeError:
            interrupts = max(interrupts, 1)


def _ask_for_the_end(line: Line, units: Iterable[str], results: _Results) -> set[str]:
    """Each run ends after its current step; returns the slots whose runs go on until then."""
    for name in units:
        line.cancel(name)
    stderr.say("each run ends after its current step; Ctrl-C once more ends it at once")
    return {name for name in units if name not in results.endings and line.state().slot(name).run_id}


def _hear(
    line: Line,
    heard: queue.SimpleQueue[tuple[str, Data]],
    tell: Callable[[str, Data], None],
    results: _Results,
    waiting: set[str],
) -> None:
    try:
        name, event = heard.get(timeout=_LOOK_S)
    except queue.Empty:
        return
    results.hear(name, event)
    if event["event"] == "run-finished":
        waiting.discard(name)
    tell(name, event)
    if event["event"] == "asked":
        ask(line, name, event)


def _hear_rest(
    units: dict[str, str | None],
    heard: queue.SimpleQueue[tuple[str, Data]],
    tell: Callable[[str, Data], None],
    results: _Results,
) -> None:
    """What was said while the line closed; a unit of which nothing was said at all was stopped."""
    with suppress(BrokenPipeError):
        while not heard.empty():
            name, event = heard.get_nowait()
            results.hear(name, event)
            tell(name, event)
    for name, serial in units.items():
        if name not in results.endings:
            shown = results.serials.setdefault(name, serial or "?")
            _tell_end(
                name, Stopped(f"unit {shown} in slot {name} was stopped by {signals.reason()}"), tell, results
            )


def _tell_end(slot: str, error: WorkbenchError, tell: Callable[[str, Data], None], results: _Results) -> None:
    """An end that no run tells of."""

    def hear(stamped: Stamped) -> None:
        event = stamped.as_json()
        results.hear(slot, event)
        with suppress(BrokenPipeError):
            tell(slot, event)

    tell_alone(VERB, error, hear)


def _begin(
    line: Line,
    slot: str,
    serial: str | None,
    tell: Callable[[str, Data], None],
    results: _Results,
) -> bool:
    """Whether the unit was begun; if not, that is its end."""
    answer = line.next_unit(slot) if serial is None else line.scan(serial, slot)
    if answer.kind == "proposed":
        answer = line.confirm(slot)
    results.serials[slot] = answer.serial or serial or "?"
    if answer.kind in ("started", "resumed"):
        return True
    _tell_end(slot, _refusal(answer, slot), tell, results)
    return False


def _refusal(answer: ScanAnswer, slot: str) -> WorkbenchError:
    if answer.error is not None:
        told = asdict(answer.error)
        if told["code"] == "slot-broken":
            told["action"] = f"look at slot {slot}, then run `workbench slot acknowledge {slot}`"
        return UnitRefused(told)
    return UnitsUnclear(f"'{answer.text}' is no serial number", cause="it means something else to a scanner")


def _summary(results: _Results, choice: Choice) -> None:
    for ending in results.endings.values():
        if ending.error is not None:
            stderr.say_error(ending.error)
    rows = [
        [name, results.serials.get(name, "?"), e.verdict, words.seconds(e.elapsed_s), _brief(e)]
        for name, e in results.endings.items()
    ]
    stdout.table(["slot", "serial", "verdict", "time", "result"], rows, plain=choice.output.plain)
    passed = sum(ending.verdict == "PASS" for ending in results.endings.values())
    stdout.say(f"run: {passed} of {words.count(len(results.endings), 'unit')} passed")


def _brief(ending: Ending) -> str:
    return ending.error["code"] if ending.error else str(ending.result.get("fingerprint") or "")[:12]
