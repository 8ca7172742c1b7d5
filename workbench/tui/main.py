"""`python -m workbench.tui`: from a command line to a line that is open, a face that shows it, and its end.

Every end of the program goes through here, and none shows a traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.errors import EXIT_CODES, Blame, InputError, WorkbenchError
from workbench.languages import _, language, said, set_language
from workbench.tui import wording
from workbench.tui.crash import keep_crash
from workbench.tui.palette import colours_for
from workbench.tui.people import StationPeople
from workbench.tui.station import Station
from workbench.tui.symbols import symbols_for
from workbench.wires.clean import clean

if TYPE_CHECKING:
    from workbench.boards.bench import Bench
    from workbench.station.line.line import Line

DEFAULT_PORT: Final = 8610
PAINTS_AT_MOST: Final = 250
"""Of a second, so that a key waits 4 ms for its paint at most; without keys the line is painted 8 times."""


class RecipeMissing(InputError):
    """The line needs a recipe."""

    code = "line-recipe-missing"
    default_cause = "no recipe was named"
    default_action = "name one: `workbench tui RECIPE`; `workbench recipe new` makes one"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out a command line; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _run(options)
    except WorkbenchError as error:
        return _tell(error)
    except KeyboardInterrupt:
        return EXIT_CODES[Blame.STOPPED]
    except Exception as error:
        return _tell(keep_crash(error))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="workbench tui", description="The line on a screen: scan, look, take out."
    )
    made.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="recipe of the units to make")
    made.add_argument("--lot", type=Path, metavar="FILE", help="lot: quantity, serial numbers, labels")
    made.add_argument("-b", "--bench", type=Path, metavar="FILE", help="bench file or its folder")
    made.add_argument("-s", "--slot", action="append", metavar="SLOT", help="only this slot; may be repeated")
    made.add_argument("--plain", action="store_true", help="lines of words instead of a screen")
    made.add_argument("--watch", action="store_true", help="only look at the line that another one works")
    made.add_argument("--web", action="store_true", help="serve the screen to a browser on this machine")
    made.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="PORT", help="port of --web")
    made.add_argument("--language", metavar="CODE", help="language of the words; default: station.toml")
    made.add_argument(
        "--engineer", action="store_true", help="open the engineer's screens (asks for the PIN)"
    )
    return made


def show(station: Station, *, plain: bool = False) -> int:
    """Shows the line with the face that fits the terminal.

    A screen that meets a defect is followed by the plain face on the same line, so that units at work go on.
    """
    from workbench.tui.plain import run_plain

    if plain or not is_terminal():
        return run_plain(station)
    environ = os.environ
    colours = colours_for(environ)
    if colours == "none":
        environ["NO_COLOR"] = "1"
    station = replace(station, colours=colours, symbols=symbols_for(environ))
    error = _run_app(station)
    if error is None:
        return 0
    _tell(error)
    say(_("The screen has failed. The units at work go on, in lines of words:"))
    return run_plain(station)


def _run_app(station: Station) -> WorkbenchError | None:
    """The screen; returns the defect that ended it, if one did."""
    if not in_browser():
        for name in ("COLUMNS", "LINES"):  # a size that somebody exported would hide that of the window
            os.environ.pop(name, None)
    os.environ.setdefault("TEXTUAL_FPS", str(PAINTS_AT_MOST))  # read when Textual is loaded
    from workbench.tui.app import StationApp

    try:
        app = StationApp(station)
        app.run()
        app.close_hand()
    except Exception as error:
        return keep_crash(error)
    return app.crashed


def in_browser() -> bool:
    """Whether the screen is drawn in a browser: `--web` runs this program again for each tab."""
    return bool(os.environ.get("TEXTUAL_DRIVER"))


def is_terminal() -> bool:
    """Whether the terminal can do more than print lines.  Textual draws on standard error."""
    if in_browser():
        return True
    ends = (sys.stdin, sys.stdout, sys.stderr)
    return all(end.isatty() for end in ends) and os.environ.get("TERM", "dumb") not in ("dumb", "")


def say(text: str) -> None:
    """Words for a person, when no face does it."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def _tell(error: WorkbenchError) -> int:
    """Says it in the language that was set, as the faces do."""
    say(f"{error.code}: {wording.sentence(said(error.what))}")
    say("  " + _("Cause: {cause}").format(cause=wording.sentence(said(error.cause))))
    say("  " + _("What to do: {action}").format(action=wording.sentence(said(error.action))))
    return error.exit_code


def _run(options: argparse.Namespace) -> int:
    from workbench.boards.bench import BENCH_FILE, load_bench
    from workbench.station.station_file import load_station

    set_language(options.language or "en")
    path = options.bench
    bench = load_bench(path / BENCH_FILE if path is not None and path.is_dir() else path)
    settings = load_station(bench.path.parent)
    set_language(options.language or settings.station.language)
    if options.web:
        return _serve(options, bench)
    people = StationPeople(bench.path.parent, sign_in=settings.station.sign_in)
    with ExitStack() as stack:
        made = _seen(options, bench, people, stack)
        own = settings.station
        made = replace(
            made, sound=own.sound, notice=said(own.notice or ""), straight_to_engineer=options.engineer
        )
        return show(made, plain=options.plain)


def _seen(options: argparse.Namespace, bench: Bench, people: StationPeople, stack: ExitStack) -> Station:
    """The line to work, or to look at; a further tab of a browser looks at what the first one works."""
    from workbench.station.line.errors import LineBusy

    if options.watch:
        return _watched(bench, people, stack)
    try:
        return _worked(options, bench, people, stack)
    except LineBusy:
        if not in_browser():
            raise
        return _watched(bench, people, stack)


def _worked(options: argparse.Namespace, bench: Bench, people: StationPeople, stack: ExitStack) -> Station:
    """A line of this process, open until the stack ends."""
    from workbench.station.line.line import Line
    from workbench.station.lots.lot_file import load_lot
    from workbench.station.recipes.recipe import load_recipe

    if options.recipe is None:
        raise RecipeMissing("no recipe was named")
    recipe = load_recipe(options.recipe)
    lot = load_lot(options.lot) if options.lot is not None else None
    line = stack.enter_context(Line.open(bench, recipe, lot, slots=options.slot))
    gives = lot is not None and lot.rule.gives
    return Station(
        seen=line, line=line, people=people, hands_out=gives, engineer=_engineer(bench, line, stack)
    )


def _watched(bench: Bench, people: StationPeople, stack: ExitStack) -> Station:
    """The line of another process."""
    from workbench.station.line.watch import LineWatcher

    watcher = stack.enter_context(LineWatcher(bench))
    return Station(seen=watcher, line=None, people=people, engineer=_engineer(bench, watcher, stack))


def _engineer(bench: Bench, line: Any, stack: ExitStack) -> Any:
    """How an app shows the engineer's screens of this bench; what they have started ends with the stack."""
    desks: list[Any] = []

    def open_screens(app: Any, leave: Any) -> None:
        from workbench.tui.engineer.alone import desk_of
        from workbench.tui.engineer.screens import show as show_screen

        if not desks:
            desks.append(desk_of(bench, line, read_only=not hasattr(line, "scan")))
            stack.callback(desks[0].close)
        desks[0].leave = leave
        show_screen(app, desks[0])

    return open_screens


def _serve(options: argparse.Namespace, bench: Bench) -> int:
    """The screen in a browser: this program again, for each tab."""
    from workbench.tui import web

    arguments = [str(options.recipe.absolute())] if options.recipe is not None else []
    if options.lot is not None:
        arguments += ["--lot", str(options.lot.absolute())]
    for name in options.slot or ():
        arguments += ["--slot", name]
    if options.engineer:
        arguments.append("--engineer")
    arguments += ["--bench", str(bench.path), "--language", language()]
    return web.serve(arguments, port=options.port, state_dir=bench.state_dir, say=say)


if TYPE_CHECKING:
    _line: type[Line]
