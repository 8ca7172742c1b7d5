"""`workbench operator`: who may work at the station, and the engineers' PIN."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.commands import new_app
from workbench.cli.report import reporting

app = new_app(help="Say who may work at the station, and set the engineers' PIN.", no_args_is_help=True)

Badge = Annotated[str, typer.Argument(metavar="BADGE", help="What the badge says when it is scanned.")]


@app.command("list")
def list_(bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """List who may work at the station.

    \b
    Example:
      workbench operator list
    """
    from workbench.station.operators import load_operators

    with reporting("operator list", opt.Output(json=json, plain=plain)) as report:
        known = load_operators(_folder(bench))
        for operator in known.operators:
            report.observe("operator", {"badge": operator.badge, "name": operator.name})
        report.result |= {"operators": len(known.operators), "pin_set": known.pin is not None}
        if json:
            return
        if known.operators:
            rows = [[operator.badge, operator.name] for operator in known.operators]
            stdout.table(["badge", "name"], rows, plain=plain)
        else:
            stdout.say("nobody yet; `workbench operator add BADGE NAME` adds somebody")
        if known.pin is None:
            stdout.say("the engineer mode has no PIN; `workbench operator pin` sets it")


@app.command()
def add(
    badge: Badge,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")],
    bench: opt.Bench = None,
    json: opt.Json = False,
) -> None:
    """Let somebody work at the station: scan the badge, then type the name.

    A badge says who works here; it proves nothing.

    \b
    Example:
      workbench operator add 10023 "Anna Berg"
    """
    from workbench.station.operators import load_operators, save_operators

    with reporting("operator add", opt.Output(json=json)) as report:
        folder = _folder(bench)
        path = save_operators(folder, load_operators(folder).having(badge.removeprefix("OP:"), name))
        report.result |= {"badge": badge.removeprefix("OP:"), "name": name, "file": str(path)}
        if not json:
            stdout.say(f"{name} may work here with badge {badge.removeprefix('OP:')}")


@app.command()
def remove(badge: Badge, bench: opt.Bench = None, json: opt.Json = False) -> None:
    """Take somebody off the list; what they did stays in the records.

    \b
    Example:
      workbench operator remove 10023
    """
    from workbench.station.operators import load_operators, save_operators

    with reporting("operator remove", opt.Output(json=json)) as report:
        folder = _folder(bench)
        known = load_operators(folder)
        gone = known.find(badge.removeprefix("OP:"))
        save_operators(folder, known.without(gone.badge))
        report.result |= {"badge": gone.badge, "name": gone.name}
        if not json:
            stdout.say(f"{gone.name} was removed")


@app.command()
def pin(
    credential: Annotated[
        Path | None,
        typer.Option("--credential", metavar="FILE", help="File of mode 0600 with the PIN. Default: ask."),
    ] = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
) -> None:
    """Set the PIN of the engineer mode, 6 to 12 digits; it is kept as an argon2id hash.

    \b
    Example:
      workbench operator pin
    """
    from workbench.cli.ca_options import passphrase_of
    from workbench.station.operators_pin import set_pin

    with reporting("operator pin", opt.Output(json=json)) as report:
        typed = passphrase_of(credential, "PIN of the engineer mode", again=True)()
        set_pin(_folder(bench), typed.decode("utf-8", "replace"))
        report.result["pin_set"] = True
        if not json:
            stdout.say("the engineer mode has a new PIN")


def _folder(bench: Path | None) -> Path:
    from workbench.cli.target import bench_folder

    return bench_folder(bench)
