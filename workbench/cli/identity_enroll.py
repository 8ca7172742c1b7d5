"""`workbench identity enroll`: give the unit in a slot its identity, and lock it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import identity_options as typed
from workbench.cli import options as opt
from workbench.cli.image_options import PassphraseFile

if TYPE_CHECKING:
    from workbench.cli.job import Job


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(enroll)


def enroll(
    slot: opt.OneSlot = None,
    serial: typed.Serial = "",
    model: typed.Model = "",
    ca: typed.Ca = None,
    station: typed.Station = None,
    credential: typed.CaCredential = None,
    key_credential: typed.KeyCredential = None,
    escrow_key: typed.EscrowKey = None,
    escrow_folder: typed.EscrowFolder = None,
    vendor_roots: typed.VendorRoots = None,
    template: typed.Template = "H-3",
    unique: typed.Unique = None,
    allow: typed.Allow = None,
    label: typed.Label = None,
    rma: Annotated[
        str | None,
        typer.Option(
            "--rma", metavar="ID", help="The unit replaces the one of this RMA.", show_default=False
        ),
    ] = None,
    keys: typed.Keys = None,
    passphrase_file: PassphraseFile = None,
    permit_lock: typed.PermitLock = False,
    production: typed.Production = False,
    off: typed.OffTime = 0.5,
    dry_run: opt.DryRun = False,
    bench: opt.Bench = None,
    slot_option: opt.OneSlotOption = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Give a unit an identity that nobody can change or copy, lock it, and try to break the lock.

    A board with a TPM gets IDevID and IAK in the TPM; a microcontroller a key of its own. A run that was
    cut off is run again with the same words: it ends in the same identity, or in quarantine and says so.
    While the CA cannot be reached, a unit is held with its keys and goes on later.

    \b
    Examples:
      workbench identity enroll t1 --serial A1 --model gw --ca ca --dry-run
      workbench identity enroll t1 --serial A1 --model gw --ca ca --escrow-key e.pem --permit-lock
    """
    from workbench.cli.job import Verb, perform
    from workbench.errors import InputError

    choice = opt.choose(
        bench,
        [name for name in (slot, slot_option) if name],
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        json=json,
        plain=plain,
    )
    if dry_run:
        from workbench.cli.dry_run import show_enroll

        show_enroll(choice)
        return
    if not serial or not model:
        raise InputError("serial number and model are needed", action="give --serial and --model")
    order = typed.Typed(
        serial=serial,
        model=model,
        ca=ca,
        station=station,
        credential=credential,
        key_credential=key_credential,
        escrow_key=escrow_key,
        escrow_folder=escrow_folder,
        vendor_roots=vendor_roots,
        template=template,
        unique=unique,
        allow=tuple(allow or ()),
        label=label,
        rma=rma,
        permit_lock=permit_lock,
        production=production,
        off_s=off,
        keys=keys,
        passphrase_file=passphrase_file,
    )

    def work(job: Job) -> None:
        _enroll(job, order)

    perform(Verb("identity enroll", work, typed.result_words, typed.brief), choice)


def _enroll(job: Job, order: typed.Typed) -> None:
    from workbench.cli import stderr
    from workbench.station.enroll import enroll as give
    from workbench.station.enroll import outcome_error, outcome_result

    job.state = "run the command again with the same words: the unit goes on where it was"
    outcome = give(
        job.slot,
        order.wanted(job.bench),
        job.run.emit,
        step=job.run.step,
        commit=job.run.commit,
        kick=job.choice.kick,
        wait_s=job.choice.wait_s,
        accept_chip=job.choice.accept_chip,
        ask=stderr.ask,
        run_id=job.run.run_id,
    )
    job.run.result |= outcome_result(outcome)
    error = outcome_error(outcome)
    if error is not None:
        job.run.fail(error)
