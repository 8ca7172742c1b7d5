"""`workbench identity verify`: hold the unit in a slot against the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import identity_options as typed
from workbench.cli import options as opt
from workbench.cli.image_options import PassphraseFile

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
    image: Annotated[
        Path | None,
        typer.Option(
            "--image",
            metavar="FILE",
            help="Release that a microcontroller must run: its hash and its version.",
            show_default=False,
        ),
    ] = None,
    label: typed.Label = None,
    keys: typed.Keys = None,
    passphrase_file: PassphraseFile = None,
    off: typed.OffTime = 0.5,
    bench: opt.Bench = None,
    slot_option: opt.OneSlotOption = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify an enrolled unit: its keys, its certificates, its locks, and what it runs.

    Everything is read from the unit and compared with the ledger, its keys are challenged, and what must
    fail is tried. A microcontroller attests what it runs; the ledger remembers that, so that an older
    attestation is refused later. Nothing else is changed, neither in the unit nor in the ledger.

    \b
    Examples:
      workbench identity verify t1 --ca ca
      workbench identity verify t1 --ca ca --serial A-0001 --no-restart
      workbench identity verify v1 --ca ca --image release-1.4.0.img
    """
    from workbench.cli.job import Verb, perform

    choice = opt.choose(
        bench,
        [name for name in (slot, slot_option) if name],
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        json=json,
        plain=plain,
    )
    order = typed.Typed(
        serial=serial,
        ca=ca,
        vendor_roots=vendor_roots,
        allow=tuple(allow or ()),
        label=label,
        off_s=off,
        keys=keys,
        passphrase_file=passphrase_file,
        image=image,
    )

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
        accept_chip=job.choice.accept_chip,
        ask=stderr.ask,
    )
    job.run.result |= outcome_result(outcome)
