"""`workbench recipe new`: a recipe file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

TEXT: Final = """\
# A recipe: what units are to become.  docs/recipes.md explains every key; `workbench recipe check` this file.

[recipe]
name = "{name}"
title = "{name}"
target = "{target}"
# start = "confirm"           # ask before each unit; "scan" begins at the scan

[permit]                      # what cannot be undone, by name; the default is no
lock = false
replace-identity = false
erase = false

[release]
firmware = "firmware.hex"     # what step flash writes and step verify compares

[limits]
step_s = 120                  # longest time of a step that has none of its own, seconds
unit_s = 900                  # longest time of a unit

[database]
on_loss = "stop"              # "continue": goes on with reserved serial numbers
reserve = 10

[[plan]]
step = "flash"

[[plan]]
step = "verify"
"""


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(new)


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, such as sensor.toml.")],
    target: Annotated[
        str, typer.Option("--target", metavar="TARGET", help="Kind of board, see `workbench target list`.")
    ] = "microbit-v1",
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Write a recipe to begin with. No file is ever overwritten.

    \b
    Example:
      workbench recipe new sensor.toml --target microbit-v1
    """
    from workbench.boards.bench_write import write_new
    from workbench.boards.target import load_target
    from workbench.errors import InputError

    with reporting("recipe new", opt.Output(json=json, plain=plain)) as report:
        load_target(target, bench_folder=Path.cwd())
        if file.suffix != ".toml":
            raise InputError(f"{file} does not end in .toml", action="name a file such as sensor.toml")
        name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in file.stem)
        path = write_new(file, TEXT.format(name=name.lstrip("._-")[:64] or "recipe", target=target))
        report.result["file"] = str(path)
        if not json:
            stdout.say(f"wrote {path}; fill it in, then run `workbench recipe check {path}`")
