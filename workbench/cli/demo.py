"""`workbench demo`: the main job, shown on boards that do not exist."""

from __future__ import annotations

import secrets
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from workbench.cli import options as opt
from workbench.cli import stderr, stdout, words
from workbench.errors import Blame, WorkbenchError

if TYPE_CHECKING:
    from workbench.boards.bench import Bench
    from workbench.station.demo import Images, Report
    from workbench.station.run import Run

SEEDS: Final = 1000
WIDEST: Final = 100
"""Columns of the words at the end, on a wide terminal."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the demo's bench is, or is made. Default: demo-bench; with --line, demo-line.",
            show_default=False,
        ),
    ] = None,
    line: Annotated[
        bool, typer.Option("--line", help="Open the screen of a line instead, to work it yourself.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Picks the moment of the power cut; the same number, the same moment. Default: any.",
            show_default=False,
        ),
    ] = None,
    firmware: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the firmware samples were built. Default: firmware-samples/build of the checkout.",
            show_default=False,
        ),
    ] = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Show on four virtual boards what the workbench does, in about a minute.

    Makes a bench of boards that do not exist, flashes them through pyOCD, reads everything back, talks to
    them over serial, cuts the power of one in the middle of a second flash, looks at what its chip holds, and
    recovers. Then it makes that board a secure unit, updates it over its serial line, attacks it, and cuts
    its power while it installs an update. At last every board, and one with a TPM, gets an identity from a
    CA of the demo. Touches no real board. At the end the boards are off.

    \b
    Examples:
      workbench demo
      workbench demo --seed 7 --folder /tmp/demo
      workbench demo --line
    """
    from workbench.cli.demo_face import demo_face
    from workbench.station.demo import BOARDS, FIRMWARE, FOLDER, TARGET, find_images, make_bench
    from workbench.station.places import database_url, journal_dir
    from workbench.station.run import Run

    if line:
        from workbench.cli.demo_line import open_line
        from workbench.station.demo_line import FOLDER as LINE

        raise typer.Exit(open_line(folder or LINE, firmware or FIRMWARE, plain=plain))
    folder = folder or FOLDER
    output = opt.Output(json=json, plain=plain)
    images = find_images(firmware or FIRMWARE)
    bench = make_bench(folder)
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    face, began_s = demo_face(output), time.monotonic()
    if not json:
        stderr.say(f"\n  workbench demo: {BOARDS} virtual boards in {folder}, power cut by seed {chosen}\n")
    run = Run.begin(
        "demo",
        target=TARGET,
        journal_dir=journal_dir(bench.folder),
        records=database_url(bench.folder),
        listeners=[face],
    )
    try:
        report = _carry_out(run, bench, images, chosen, output)
    finally:
        face.close()
    if not json:
        _tell(report, images, folder, output)
        stdout.say(words.of_verdict("PASS", "demo", None, time.monotonic() - began_s, run.run_id))


def _carry_out(run: Run, bench: Bench, images: Images, seed: int, output: opt.Output) -> Report:
    """The run; with `--json` its last event has told an error already.

    What went wrong may come from what an earlier demo left behind, which nobody needs.
    """
    from workbench.station.demo import carry_out

    try:
        with run:
            return carry_out(run, bench, images, seed)
    except (WorkbenchError, KeyboardInterrupt) as error:
        if isinstance(error, WorkbenchError) and error.blame is not Blame.STOPPED:
            error.action += f"; {bench.folder} may be removed, the demo makes it anew"
        if output.json and run.verdict is not None:
            raise typer.Exit(run.exit_code) from None
        raise


def _tell(report: Report, images: Images, folder: Path, output: opt.Output) -> None:
    """The end: words, a table, and where to go on."""
    from workbench.cli.demo_words import HEADINGS, summary, table_rows, try_next

    width = min(shutil.get_terminal_size().columns, WIDEST) - 2
    stdout.say()
    for paragraph in summary(report, images):
        stdout.say(textwrap.fill(paragraph, width) + "\n")
    stdout.table(HEADINGS, table_rows(report), plain=output.plain)
    stdout.say("\nTry next:")
    for command, purpose in try_next(report, folder, _short(images), program()):
        stdout.say(f"  {command}\n      {purpose}")
    stdout.say()


def program() -> str:
    """How to call this program: by its name where the shell finds it, else by its path."""
    return "workbench" if shutil.which("workbench") else str(from_here(Path(sys.argv[0]).absolute()))


def _short(images: Images) -> Images:
    return type(images)(from_here(images.first), from_here(images.second), from_here(images.folder))


def from_here(path: Path) -> Path:
    """The same file, named from the current folder where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
