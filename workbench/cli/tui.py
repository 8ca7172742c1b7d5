"""`workbench tui`: hands over to the terminal user interface, which is a program of its own.

The command line never loads the screen's library.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import options as opt


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(tui)


def tui(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="[RECIPE]", help="Recipe of the units to make.", show_default=False),
    ] = None,
    lot: Annotated[
        Path | None,
        typer.Option(
            "--lot", metavar="FILE", help="Lot: quantity, serial numbers, labels.", show_default=False
        ),
    ] = None,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines of words instead of a screen.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Only look at the line that another process works.")
    ] = False,
    web: Annotated[
        bool, typer.Option("--web", help="Serve the screen to a browser on this machine.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="Port of --web.", show_default=False)
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="CODE",
            help="Language of the words. Default: station.toml.",
            show_default=False,
        ),
    ] = None,
    engineer: Annotated[
        bool, typer.Option("--engineer", help="Open the engineer's screens; asks for the PIN.")
    ] = False,
) -> None:
    """Work a line on the screen: scan, look, take the unit out.

    Shows all slots at once, each with its step, its time and its verdict. See docs/technician.md. Without a
    terminal, and with --plain or TERM=dumb, the same words come line by line.

    \b
    Examples:
      workbench tui sensor.toml --lot lot-47.toml
      workbench tui sensor.toml --plain
      workbench tui --watch
    """
    words = [str(recipe)] if recipe is not None else []
    for name, value in (("--lot", lot), ("--bench", bench), ("--port", port), ("--language", language)):
        if value is not None:
            words += [name, str(value)]
    for chosen in slot or []:
        words += ["--slot", chosen]
    flags = {"--plain": plain, "--watch": watch, "--web": web, "--engineer": engineer}
    words += [name for name, wanted in flags.items() if wanted]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "workbench.tui", *words])
