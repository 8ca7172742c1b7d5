"""`workbench recipe`: what units are to become, explained and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import recipe_new, stdout
from workbench.cli.commands import new_app
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.station.recipes.check import RecipeCheck
    from workbench.station.recipes.recipe import Recipe

app = new_app(help="Write, explain and check recipes: what units are to become.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file, see docs/recipes.md.")]


@app.command()
def check(file: File, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Explain a recipe in words, list what cannot be undone, refuse what cannot hold on this bench.

    No board is touched.

    \b
    Examples:
      workbench recipe check sensor.toml
      workbench recipe check sensor.toml --bench line-2/bench.toml --json
    """
    from workbench.cli.job import bench_of
    from workbench.station.recipes.check import check_recipe, refuse_impossible
    from workbench.station.recipes.recipe import load_recipe

    with reporting("recipe check", opt.Output(json=json, plain=plain)) as report:
        recipe = load_recipe(file)
        found = check_recipe(recipe, bench_of(bench))
        report.observe("recipe", _value(recipe, found))
        report.result |= {
            "recipe": recipe.name,
            "sha256": recipe.sha256,
            "holds": not found.problems,
            "slots": list(found.fitting),
        }
        if not json:
            _say(found, plain)
        refuse_impossible(found)
        if not json:
            how = (
                "a scan starts a unit at once" if found.starts == "scan" else "each unit has to be confirmed"
            )
            stdout.say(f"it holds on {', '.join(found.fitting)}; {how}")


@app.command()
def show(file: File, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Show what a recipe says and which files it names, without a bench.

    \b
    Example:
      workbench recipe show sensor.toml
    """
    from workbench.station.recipes.recipe import load_recipe
    from workbench.station.recipes.words import recipe_words

    with reporting("recipe show", opt.Output(json=json, plain=plain)) as report:
        recipe = load_recipe(file)
        files = [
            {"role": named.role, "file": str(named.path), "sha256": named.sha256} for named in recipe.files
        ]
        report.observe("recipe", _value(recipe, None) | {"files": files})
        report.result |= {"recipe": recipe.name, "sha256": recipe.sha256}
        if json:
            return
        for line in recipe_words(recipe, ()):
            stdout.say(line)
        rows = [[named.role, (named.sha256 or "MISSING")[:16], str(named.path)] for named in recipe.files]
        stdout.table(["part", "SHA-256", "file"], rows, plain=plain)


recipe_new.register(app)


def _say(found: RecipeCheck, plain: bool) -> None:
    for line in found.words:
        stdout.say(line)
    if found.irreversible:
        stdout.say("cannot be undone:")
        for planned in found.irreversible:
            stdout.say(f"  {planned.key}: {planned.title} (permission '{planned.permission}')")
    elif found.is_planned:
        stdout.say("everything it does can be undone")
    rows = [[slot.slot, slot.target, "yes" if slot.fits else "no", slot.why] for slot in found.slots]
    if rows:
        stdout.table(["slot", "target", "fits", "why not"], rows, plain=plain)


def _value(recipe: Recipe, found: RecipeCheck | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": recipe.name,
        "title": recipe.title,
        "model": recipe.model,
        "targets": list(recipe.targets),
        "production": recipe.production,
        "sha256": recipe.sha256,
        "plan": [{"step": entry.step, "name": entry.name} for entry in recipe.plan],
    }
    if found is None:
        return value
    irreversible = [
        {"step": planned.key, "title": planned.title, "permission": planned.permission}
        for planned in found.irreversible
    ]
    problems = [{"key": p.key, "value": p.value, "right": p.right} for p in found.problems]
    slots = [{"slot": s.slot, "target": s.target, "fits": s.fits, "why": s.why} for s in found.slots]
    return value | {
        "words": list(found.words),
        "irreversible": irreversible,
        "problems": problems,
        "slots": slots,
        "starts": found.starts,
    }
