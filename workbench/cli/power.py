"""Switching power from the command line; used by `slot power` and `bench down`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import typer

from workbench.boards.bench import Slot
from workbench.boards.power import CuttingSwitch, PowerSwitch
from workbench.cli import stderr, words
from workbench.cli.faces import make_face
from workbench.cli.job import Job, bench_of
from workbench.cli.options import Choice
from workbench.errors import InputError, Stopped, WorkbenchError
from workbench.events import Notice, Observed
from workbench.station.places import database_url, journal_dir
from workbench.station.run import Run
from workbench.station.slots import hold

if TYPE_CHECKING:
    from workbench.boards.power import CutMode

Act = Literal["on", "off", "cycle"]


class CannotCut(InputError):
    """The slot's power switch cannot cut at a chosen flash operation."""

    code = "cannot-cut"
    default_cause = "its driver can only switch on and off"
    default_action = (
        "use a slot that can: `workbench bench show` names it among what a slot can do (power-cut)"
    )


def switch(job: Job, act: Act, off_s: float) -> None:
    """Switches one slot, and says what was observed then."""
    with job.hold(power=False) as held, job.run.step("power", f"power {act}"):
        power = held.slot.need_power()
        remark = None
        if act == "on":
            remark = power.on()
        elif act == "off":
            power.off()
        else:
            power.cycle(off_s)
        if remark:
            job.run.emit(Notice(level="warning", text=remark))
        observe(job, power)


def cut(job: Job, after: int, mode: CutMode, seed: int) -> None:
    """Arms a cut; the board is switched on for it, since the count begins now."""
    with job.hold() as held:
        kind = counted(held.slot)
        with job.run.step("power", f"power will be cut after {words.count(after, kind)}"):
            cutting(held.slot).arm_cut(after, mode, seed)
            job.run.result |= {"armed": True, "after_operations": after, "mode": mode, "seed": seed}
            job.run.result["counted"] = kind
            observe(job, held.slot.need_power())


def counted(slot: Slot) -> str:
    """What a cut in this slot is counted in."""
    return "flash operation" if slot.target.chip_table is not None else "TPM command"


def look(slot: Slot) -> dict[str, Any]:
    """State of the power, and of the last cut where the switch can cut.  Holds nothing."""
    power = slot.need_power()
    value: dict[str, Any] = {"slot": slot.name, "state": power.state()}
    report = power.cut_report() if isinstance(power, CuttingSwitch) else None
    if report is not None:
        value["cut"] = {
            "operations": report.operations,
            "mode": report.mode,
            "seed": report.seed,
            "kind": report.kind,
            "address": report.address,
            "counted": counted(slot),
        }
    return value


def look_words(value: dict[str, Any]) -> str:
    """The same in words."""
    text = f"{value['slot']}: power {value['state']}"
    if (cut := value.get("cut")) is not None:
        text += (
            f"; the last cut came after {words.count(cut['operations'], cut['counted'])} ({cut['mode']}), "
            f"at a {cut['kind']} operation at {words.address(cut['address'])}"
        )
    return text


def cutting(slot: Slot) -> CuttingSwitch:
    """The switch, if it can cut; raises SlotLacks, CannotCut."""
    power = slot.need_power()
    if not isinstance(power, CuttingSwitch):
        raise CannotCut(f"the power switch of slot {slot.name} cannot cut at a flash operation")
    return power


def observe(job: Job, power: PowerSwitch) -> None:
    """What the switch says, as an event and in the result."""
    state = power.state()
    job.run.emit(Observed(what="power", value=state))
    job.run.result["power"] = state


def result_words(result: dict[str, Any]) -> list[str]:
    """The power as it was observed."""
    lines = [f"power is {result['power']}"]
    if result.get("armed"):
        use = "flash" if result["counted"] == "flash operation" else "use"
        lines.append(
            f"it will be cut after {words.count(result['after_operations'], result['counted'])} "
            f"({result['mode']}); {use} the board now"
        )
    return lines


def switch_off_all(choice: Choice) -> None:
    """One run for the whole bench: every slot with a switch, each whatever the others did."""
    bench = bench_of(choice.bench)
    face = make_face(choice.output, _down_words)
    with Run.begin(
        "bench down",
        journal_dir=journal_dir(bench.folder),
        records=database_url(bench.folder),
        listeners=[face],
    ) as run:
        switched = {slot.name: _switch_off(run, slot, choice) for slot in bench.slots.values() if slot.power}
        run.result["slots"] = switched
    raise typer.Exit(run.exit_code)


def _switch_off(run: Run, slot: Slot, choice: Choice) -> str:
    """What the switch says afterwards."""
    assert slot.power is not None
    try:
        if slot.power.state() == "off":
            return "off"
        with (
            run.step(f"off {slot.name}", f"switching off slot {slot.name}"),
            hold(
                slot, purpose="bench down", emit=run.emit, kick=choice.kick, power=False, ask=stderr.ask
            ) as held,
        ):
            power = held.slot.need_power()
            power.off()
            return power.state()
    except Stopped:
        raise
    except WorkbenchError as error:
        run.fail(error)
        return error.code


def _down_words(result: dict[str, Any]) -> list[str]:
    return [f"{name}: {state}" for name, state in result["slots"].items()] or ["no slot has a power switch"]
