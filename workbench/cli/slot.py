"""`workbench slot`: list slots, switch their power, free them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.commands import new_app
from workbench.cli.complete import slot_names
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.boards.bench import Slot

app = new_app(help="List slots, switch their power, free them.", no_args_is_help=True)

SlotName = Annotated[
    str, typer.Argument(metavar="SLOT", help="Slot of the board.", autocompletion=slot_names)
]


@app.command("list")
def list_(bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """List the slots: what is in them, whether they have power, and who uses them.

    \b
    Example:
      workbench slot list
    """
    from workbench.cli.job import bench_of

    with reporting("slot list", opt.Output(json=json, plain=plain)) as report:
        rows = []
        for slot in bench_of(bench).slots.values():
            value = _state(slot)
            report.observe("slot", value)
            rows.append(
                [
                    slot.name,
                    slot.target.name,
                    value["power"] if value["broken"] is None else f"{value['power']}, broken",
                    _user(value["lease"]),
                    value["chip_id"] or "not seen yet",
                ]
            )
        if not json:
            stdout.table(["slot", "target", "power", "used by", "chip seen last"], rows, plain=plain)


@app.command()
def power(
    slot: SlotName,
    act: Annotated[
        Literal["status", "on", "off", "cycle", "cut"],
        typer.Argument(metavar="[ACT]", help="status, on, off, cycle or cut.", show_default=False),
    ] = "status",
    off_for: Annotated[
        float,
        typer.Option("--off-for", metavar="SECONDS", min=0.0, max=600.0, help="With cycle: how long off."),
    ] = 0.5,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            metavar="N",
            min=0,
            help="With cut: after so many flash operations.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        Literal["clean", "torn"], typer.Option(help="With cut: whether the last operation is left half done.")
    ] = "clean",
    seed: Annotated[int, typer.Option("--seed", help="With cut and torn: which bits were done.")] = 0,
    bench: opt.Bench = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Switch a slot's power, or say how it is.

    `cut` switches off at a chosen moment in the middle of a later flash, where the switch can do that: an
    operation is one word written or one erase. `status` tells then where it came.

    \b
    Examples:
      workbench slot power v1
      workbench slot power v1 cycle
      workbench slot power v1 cut --after 5000 --mode torn --seed 7
    """
    from workbench.cli import power as switching
    from workbench.cli.job import Job, Verb, bench_of, perform

    if (after is not None) != (act == "cut"):
        raise InputError(
            "`cut` and --after belong together",
            cause="the moment of a cut is counted in flash operations",
            action="workbench slot power SLOT cut --after N",
        )
    choice = opt.choose(bench, [slot], kick=kick, wait=wait, json=json, plain=plain)
    if act == "status":
        with reporting("slot power", choice.output) as report:
            value = switching.look(bench_of(bench).slot(slot))
            report.observe("power", value)
            if not json:
                stdout.say(switching.look_words(value))
        return

    def work(job: Job) -> None:
        if act == "cut":
            switching.cut(job, after or 0, mode, seed)
        else:
            switching.switch(job, act, off_for)

    perform(Verb(f"power {act}", work, switching.result_words), choice)


@app.command()
def release(
    slot: SlotName,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Make whoever uses a slot stop cleanly, and free it.

    The slot of a process that has died is free without this.

    \b
    Example:
      workbench slot release v1
    """
    from workbench.boards.leases import default_owner, lease_slot, lease_status
    from workbench.cli.job import bench_of

    with reporting("slot release", opt.Output(json=json, plain=plain)) as report:
        place = bench_of(bench).slot(slot)
        before = _lease(place)
        with lease_slot(place, default_owner(), "slot release", kick=True):
            pass
        report.result |= {"slot": slot, "was": before, "state": lease_status(place.state_dir).state}
        if not json:
            who = _user(before)
            stdout.say(f"{slot} was free" if who == "nobody" else f"{slot} is free now; it was used by {who}")


@app.command()
def acknowledge(
    slot: SlotName,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Say that somebody has looked at a broken slot: recipes run in it again.

    A slot is broken when a step hung in it, when an irreversible step ended in an error, or when its process
    died twice. While a line is open, do it there.

    \b
    Example:
      workbench slot acknowledge v1
    """
    from workbench.cli.job import bench_of
    from workbench.station.line.acknowledge import acknowledge_slot

    with reporting("slot acknowledge", opt.Output(json=json, plain=plain)) as report:
        was = acknowledge_slot(bench_of(bench), slot)
        report.result |= {
            "slot": slot,
            "was": None if was is None else asdict(was[0]),
            "serial": was and was[1],
        }
        if not json and was is None:
            stdout.say(f"{slot} was not broken")
        elif not json and was is not None:
            stdout.say(f"{slot} takes units again; it was broken: {was[0].code}: {was[0].what}")


@app.command()
def exchange(
    slot: SlotName,
    board: Annotated[
        str | None,
        typer.Option(
            "--board",
            metavar="ID",
            help="One that was taken out before. Default: a blank one.",
            show_default=False,
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the boards that were taken out.")] = False,
    bench: opt.Bench = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Take the board out of a virtual slot, and put a new, blank one in.

    It is what hands do with real boards. The slot is switched off; the board that was in it is kept, and may
    be put back by its ID.

    \b
    Examples:
      workbench slot exchange v1
      workbench slot exchange v1 --board 4f1c9a0e5b7d2e36
    """
    from workbench.boards.exchange import boards_taken_out, exchange_board
    from workbench.boards.leases import default_owner, lease_slot
    from workbench.cli.job import bench_of

    with reporting("slot exchange", opt.Output(json=json, plain=plain)) as report:
        place = bench_of(bench)
        if list_:
            report.result |= {"slot": slot, "boards": list(boards_taken_out(place, slot))}
            if not json:
                stdout.table(["board"], [[name] for name in report.result["boards"]], plain=plain)
            return
        with lease_slot(place.slot(slot), default_owner(), "slot exchange", kick=kick, wait_s=wait):
            old, new = exchange_board(place, slot, board)
        report.result |= {"slot": slot, "was": old, "is": new}
        if not json:
            stdout.say(f"{slot}: board {old} was taken out, {new} is in its place, without power")


def _state(slot: Slot) -> dict[str, Any]:
    from workbench.boards.sightings import last_sighting
    from workbench.errors import WorkbenchError

    try:
        state: str = slot.power.state() if slot.power is not None else "no switch"
    except WorkbenchError as error:
        state = error.code
    try:
        seen = last_sighting(slot)
    except WorkbenchError:
        seen = None
    return {
        "name": slot.name,
        "target": slot.target.name,
        "power": state,
        "broken": _broken(slot),
        "lease": _lease(slot),
        "chip_id": seen.chip_id if seen else None,
        "chip_seen": seen.last_seen if seen else None,
    }


def _broken(slot: Slot) -> str | None:
    """Code of the error for which recipes do not run in it before somebody has looked."""
    from workbench.station.line.latch import latched

    found = latched(slot.state_dir)
    return None if found is None else found[0].code


def _lease(slot: Slot) -> dict[str, Any]:
    from workbench.boards.leases import lease_status

    status = lease_status(slot.state_dir)
    return {
        "state": status.state,
        "owner": status.owner,
        "purpose": status.purpose,
        "pid": status.pid,
        "host": status.host,
        "since": _time(status.since),
        "expires": _time(status.expires),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _user(lease: dict[str, Any]) -> str:
    if lease["state"] in ("free", "abandoned"):
        return "nobody"
    until = datetime.fromisoformat(lease["expires"]).astimezone().strftime("%H:%M")
    words = f"{lease['owner']} for {lease['purpose']}, until {until}, process {lease['pid']}"
    return words if lease["state"] == "leased" else f"{words} ({lease['state']})"
