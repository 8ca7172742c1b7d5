"""`workbench identity rma`: ends a unit's record, so that its label or chip may be enrolled again."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.identity_show import open_ledger
from workbench.cli.report import reporting
from workbench.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(rma)


def rma(
    units: Annotated[
        list[str],
        typer.Argument(
            metavar="UNIT...",
            help="The old records: IDs of units as `workbench identity show` gives them, whole.",
            show_default=False,
        ),
    ],
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="Why, for those who ask later.", show_default=False),
    ],
    operator: Annotated[
        str | None, typer.Option("--operator", metavar="NAME", help="Who decides. Default: this user.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the records end for good.")] = False,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """End the records of units for good, so that one unit may take over their label, chip and keys.

    This is the only way out of quarantine, and the only way to give a label or a chip an identity again. All
    of it stays in the history. Enrol the unit with --rma and the ID that this prints, once the CA's operator
    has agreed as well with `workbench ca approve`. Certificates of further old units are revoked with
    `workbench ca revoke`.

    \b
    Example:
      workbench identity rma 0b0e7d2c-7a34-4b8b-9a4e-1f1f0a1a5f00 --reason "board replaced" --yes
    """
    from workbench.identity.ledger import UnitUnknown

    with reporting("identity rma", opt.Output(json=json, plain=plain)) as report:
        requests = []
        with open_ledger(bench) as ledger:
            for unit_id in units:
                old = ledger.find(unit_id=unit_id)
                if old is None:
                    raise UnitUnknown(
                        f"the ledger has no unit {unit_id[:40]!r}", action="give the whole ID of the unit"
                    )
                requests.append(old.request_id)
                if not json:
                    stdout.say(f"{old.unit_id}  {old.serial}  {old.model}  {old.state}  {old.reason or ''}")
            _ask(units, yes=yes, json=json)
            first, *more = units
            rma_id = ledger.rma(first, reason, operator or getpass.getuser(), tuple(more))
        report.result |= {"rma_id": rma_id, "units": units, "requests": requests}
        if not json:
            stdout.say(f"have the CA's operator run: workbench ca approve CA-FOLDER {requests[0]} --reason …")
            stdout.say(f"{rma_id}: enrol the unit with --rma {rma_id}")


def _ask(units: list[str], *, yes: bool, json: bool) -> None:
    """The safe answer is the default; raises InputError."""
    if yes:
        return
    asked = sys.stdin.isatty() and not json
    if not asked or not typer.confirm(f"End {len(units)} record(s) for good?", default=False, err=True):
        raise InputError(
            "nothing was ended",
            cause="nobody agreed",
            action="run it again and answer y, or give --yes",
        )
