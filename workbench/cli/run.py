"""`workbench run`: a recipe on the units in the slots, without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import options as opt
from workbench.cli.commands import new_app

app = new_app()

Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file, see docs/recipes.md.")]


@app.command()
def run(
    recipe: Recipe,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    lot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Lot file. Default: any serial number, any number of units.",
            show_default=False,
        ),
    ] = None,
    serial: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERIAL",
            help="Serial number of the unit; repeat it for several, in the order of the slots.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="So many units, with serial numbers of the lot. Default: one in each slot.",
            show_default=False,
        ),
    ] = None,
    operator: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who works, for the records.", show_default=False)
    ] = None,
    rma: Annotated[
        str | None,
        typer.Option(
            "--rma",
            metavar="ID",
            help="The unit takes over label or chip by this RMA, see `workbench identity rma`.",
            show_default=False,
        ),
    ] = None,
    dry_run: opt.DryRun = False,
    junit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the result as JUnit XML, for a CI server.", show_default=False
        ),
    ] = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Carry out a recipe on the units in the slots, without a screen.

    Each slot has a process of its own. Running the command confirms what the recipe wants confirmed;
    irreversible work needs the recipe's permission all the same. A unit that an earlier run left in the
    middle goes on where it was. Ctrl-C ends each run after its current step, a second one at once.

    \b
    Examples:
      workbench run sensor.toml --slot v1 --serial A1
      workbench run sensor.toml --serial A1 --serial A2 --junit result.xml
      workbench run sensor.toml --lot lot-7.toml --count 4 --json
      workbench run sensor.toml --dry-run
    """
    from workbench.cli.run_units import Orders, perform_recipe, show_recipe

    choice = opt.choose(bench, slot, json=json, plain=plain)
    orders = Orders(recipe, lot, tuple(serial or ()), count, operator, junit, rma)
    raise typer.Exit(show_recipe(orders, choice) if dry_run else perform_recipe(orders, choice))
