"""Units through a line without a screen: which serial number into which slot, what is shown, how it ends."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.boards.bench import Bench
from workbench.cli import many, stderr, stdout, words
from workbench.cli.job import bench_of
from workbench.cli.options import Choice
from workbench.cli.report import tell_alone
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.station.side_by_side import Ending
from workbench.station.throttle import Stamped

if TYPE_CHECKING:
    from workbench.station.line.line import Line
    from workbench.station.line.state import ScanAnswer
    from workbench.station.lots.lot_file import Lot
    from workbench.station.recipes.recipe import Recipe

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
    """`--dry-run`: what would be done, in words; touches no board."""
    from workbench.station.recipes.check import check_recipe, refuse_impossible

    bench, recipe, _lot = _load(orders, choice)
    check = check_recipe(recipe, bench)
    refuse_impossible(check)
    names = list(choice.slots) or list(check.fitting)
    for name in names:
        bench.slot(name)
    if choice.output.json:
        irreversible = [step.as_json() for step in check.irreversible]
        stdout.say_json({"words": list(check.words), "irreversible": irreversible, "slots": names})
        return 0
    for line in check.words:
        stdout.say_wrapped(line)
    stdout.say(f"slots: {', '.join(names)}; nothing was touched")
    return 0


def perform_recipe(orders: Orders, choice: Choice) -> int:
    """The recipe on the units; returns the exit code of the gravest error."""
    from workbench.station.line.line import Line

    bench, recipe, lot = _load(orders, choice)
    slots = choice.slots or _fitting(recipe, bench)
    units = _units(orders, slots, hands_out=lot is not None and lot.rule.gives)
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
        _work(line, units, heard, tell, results)
    finally:
        line.close()
        if isinstance(tell, many.Lines):
            tell.close()
    if orders.junit is not None:
        _write_junit(orders.junit, recipe.name, results)
    if not choice.output.json:
        _summary(results, choice)
    return many.exit_code(results.endings.values())


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
) -> None:
    """Begins all units, and hears them until the last has ended; Ctrl-C ends them after their step."""

    stopping = False
    waiting: set[str] = set()
    while True:
        try:
            if not waiting and not stopping:
                waiting = {
                    name for name, serial in units.items() if _begin(line, name, serial, tell, results)
                }
            while waiting:
                _hear(line, heard, tell, results, waiting)
            return
        except (KeyboardInterrupt, BrokenPipeError) as exc:
            if stopping and isinstance(exc, KeyboardInterrupt):
                line.close(0.0)
                return
            stopping = True
            for name in units:
                line.cancel(name)
            waiting = {
                name for name in units if name not in results.endings and line.state().slot(name).run_id
            }


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
        _ask(line, name, event)


def _ask(line: Line, slot: str, event: Data) -> None:
    """A run's question to the person at the terminal."""
    if event["kind"] == "confirm":
        line.answer(slot, event["prompt"], stderr.ask(event["text"]))
        return
    stderr.say(f"{slot}: {event['text']}, then press Enter:")
    line.answer(slot, event["prompt"], sys.stdin.readline().strip())


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
    error = _refusal(answer)

    def hear(stamped: Stamped) -> None:
        event = stamped.as_json()
        results.hear(slot, event)
        tell(slot, event)

    tell_alone(VERB, error, hear)
    return False


def _refusal(answer: ScanAnswer) -> WorkbenchError:
    if answer.error is not None:
        return UnitRefused(asdict(answer.error))
    return UnitsUnclear(f"'{answer.text}' is no serial number", cause="it means something else to a scanner")


def _write_junit(path: Path, name: str, results: _Results) -> None:
    from workbench.station.reports.junit import junit
    from workbench.station.reports.unit_run import from_events

    runs = [from_events(events, slot=slot) for slot, events in results.events.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(junit(runs, name))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


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
