"""`workbench ca approve`."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(approve)


def approve(
    folder: typed.Folder,
    requests: Annotated[
        list[str],
        typer.Argument(
            metavar="REQUEST...",
            help="Requests of the old units, as `workbench identity show` gives them.",
            show_default=False,
        ),
    ],
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="Why, for those who ask later.", show_default=False),
    ],
    credential: typed.Credential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Agree that units are replaced: an RMA in the ledger alone gives nobody a second certificate.

    A new unit may then take over what the old one held. The old certificates are revoked when the new ones
    are issued.

    \b
    Example:
      workbench ca approve factory-ca 6f1d… --reason "board replaced"
    """
    from workbench.identity.ca.client import open_ca

    with reporting("ca approve", opt.Output(json=json, plain=plain)) as report:
        ask = typed.passphrase_of(credential, "passphrase or PIN of the CA")
        with open_ca(folder, ask) as ca:
            ca.unlock(ask())
            for request_id in requests:
                ca.approve_replacement(request_id, reason)
                if not json:
                    stdout.say(f"{request_id}: its unit may be replaced")
        report.result |= {"requests": requests, "reason": reason}
