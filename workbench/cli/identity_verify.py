"""`workbench identity verify`: hold the unit in a slot against the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import identity_options as typed
from workbench.cli import options as opt

if TYPE_CHECKING:
    from workbench.cli.job import Job


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(verify)


def verify(
    slot: opt.OneSlot = None,
    serial: typed.Serial = "",
    ca: typed.Ca = None,
    vendor_roots: typed.VendorRoots = None,
    allow: typed.Allow = None,
    restart: Annotated[
        bool, typer.Option("--restart/--no-restart", help="Switch the board off and on first.")
    ] = True,
    off: typed.OffTime = 0.5,
    bench: opt.Bench = None,
    slot_option: opt.OneSlotOption = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify an enrolled unit with a TPM: its keys, its certificates, its locks.

    Everything is read from the TPM and compared with the ledger, both keys are challenged, and what must
    fail is tried. Changes neither unit nor ledger.

    \b
    Examples:
      workbench identity verify t1 --ca ca
      workbench identity verify t1 --ca ca --serial A-0001 --no-restart
    """
    from workbench.cli.job import Verb, perform

    choice = opt.choose(
        bench, [name for name in (slot, slot_option) if name], kick=kick, wait=wait, json=json, plain=plain
    )
    order = typed.Typed(serial=serial, ca=ca, vendor_roots=vendor_roots, allow=tuple(allow or ()), off_s=off)

    def work(job: Job) -> None:
        _verify(job, order, restart=restart)

    perform(Verb("identity verify", work, typed.result_words, typed.brief), choice)


def _verify(job: Job, order: typed.Typed, *, restart: bool) -> None:
    from workbench.cli import stderr
    from workbench.station.enroll import outcome_result
    from workbench.station.enroll import verify as look

    job.state = "nothing of the unit was changed"
    outcome = look(
        job.slot,
        order.wanted(job.bench),
        job.run.emit,
        restart=restart,
        step=job.run.step,
        kick=job.choice.kick,
        wait_s=job.choice.wait_s,
        ask=stderr.ask,
    )
    job.run.result |= outcome_result(outcome)
