"""`workbench bench`: make, show and switch off benches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.commands import new_app
from workbench.cli.complete import target_names
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.boards.detect import Proposal

app = new_app(help="Make, show and switch off benches.", no_args_is_help=True)


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where bench.toml goes.", show_default=False)
    ] = Path("."),
    virtual: Annotated[
        int | None,
        typer.Option(
            "--virtual", metavar="COUNT", help="How many virtual boards, slots v1, v2, …", show_default=False
        ),
    ] = None,
    target: Annotated[
        str, typer.Option("--target", metavar="TARGET", help="Kind of board.", autocompletion=target_names)
    ] = "microbit-v1",
    tpms: Annotated[
        int,
        typer.Option("--tpms", metavar="COUNT", min=0, help="How many virtual TPM boards, slots t1, t2, …"),
    ] = 0,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Make a bench of virtual boards.

    Writes bench.toml, and never overwrites one. For real boards see `workbench bench detect`.

    \b
    Example:
      workbench bench init --virtual 4
    """
    from workbench.boards.bench_write import TPM_BOARD, write_virtual_bench

    with reporting("bench init", opt.Output(json=json, plain=plain)) as report:
        if virtual is None and not tpms:
            raise InputError(
                "it is not clear what kind of bench to make",
                cause="--virtual was not given",
                action="`workbench bench init --virtual 4` for virtual boards, "
                "`workbench bench detect` for real ones",
            )
        boards = virtual or 0
        path = write_virtual_bench(folder, boards, target, tpms=tpms)
        report.result |= {"file": str(path), "slots": boards + tpms, "target": target, "tpms": tpms}
        if not json:
            kinds = [(boards, target), (tpms, TPM_BOARD)]
            made = " and ".join(f"{words.count(n, 'slot')} with a virtual {kind}" for n, kind in kinds if n)
            stdout.say(f"wrote {path}: {made}")
            flash = "`workbench flash --slot v1 FILE`, `workbench console v1`, " if boards else ""
            stdout.say(f"next: {flash}`workbench slot list`, `workbench bench down`")


@app.command()
def show(bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Show the bench: where its file is, and what its slots are bound to.

    What the boards do at this moment shows `workbench slot list`.

    \b
    Example:
      workbench bench show
    """
    from workbench.cli.job import bench_of

    with reporting("bench show", opt.Output(json=json, plain=plain)) as report:
        found = bench_of(bench)
        rows = []
        for slot in found.slots.values():
            value: dict[str, Any] = {
                "name": slot.name,
                "target": slot.target.name,
                "probe": slot.probe.unique_id if slot.probe else None,
                "usb_path": slot.probe.usb_path if slot.probe else None,
                "serial": slot.serial,
                "power": slot.power is not None,
                "tpm": slot.tpm,
                "capabilities": sorted(slot.capabilities),
            }
            report.observe("slot", value)
            probe, serial = value["probe"] or "none", slot.serial or "none"
            can = ", ".join(value["capabilities"])
            rows.append([slot.name, slot.target.name, probe, serial, slot.tpm or "none", can])
        report.result |= {"name": found.name, "file": str(found.path), "slots": len(found.slots)}
        if not json:
            stdout.say(f"bench {found.name}: {found.path}")
            stdout.table(["slot", "target", "probe", "serial", "TPM", "can"], rows, plain=plain)


@app.command()
def detect(
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", metavar="FILE", help="Write the proposal to this file or folder.", show_default=False
        ),
    ] = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Propose a bench file for the boards that are plugged in.

    Shows it; with --write it is written, and no file is ever overwritten. Nothing is done to the boards.

    \b
    Examples:
      workbench bench detect
      workbench bench detect --write .
    """
    from workbench.boards.bench import BENCH_FILE
    from workbench.boards.bench_write import proposal_text, write_new

    with reporting("bench detect", opt.Output(json=json, plain=plain)) as report:
        text = proposal_text(_proposal())
        report.result["text"] = text
        if write is not None:
            path = write_new(write / BENCH_FILE if write.is_dir() else write, text)
            report.result["file"] = str(path)
        if not json:
            stdout.say(text if write is None else f"wrote {path}; look at it, then run `workbench doctor`")


def _proposal() -> Proposal:
    from workbench.boards.detect import propose_bench, serial_ports
    from workbench.boards.target import Target, list_targets
    from workbench.boards.usb import usb_devices
    from workbench.probes.find import list_probes

    targets = [target for target in list_targets(bench_folder=Path.cwd()) if isinstance(target, Target)]
    return propose_bench(list_probes(), serial_ports(), targets, usb_devices())


@app.command()
def down(
    bench: opt.Bench = None,
    kick: opt.Kick = False,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Switch off every slot of the bench that has a power switch.

    What the boards' flash holds stays. A slot that somebody uses stays on, and is an error, unless with
    --kick.

    \b
    Example:
      workbench bench down
    """
    from workbench.cli.power import switch_off_all

    switch_off_all(opt.choose(bench, None, kick=kick, json=json, plain=plain))
