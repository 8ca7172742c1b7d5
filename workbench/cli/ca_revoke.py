"""`workbench ca revoke` and `crl`."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

Root = Annotated[
    bool, typer.Option("--root", help="The root's: needs its key, and that no worker serves the CA.")
]


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command()(revoke)
    app.command()(crl)


def revoke(
    folder: typed.Folder,
    number: Annotated[
        str,
        typer.Argument(metavar="NUMBER", help="The certificate's number, hexadecimal.", show_default=False),
    ],
    reason: Annotated[
        str,
        typer.Option(
            metavar="REASON",
            help="unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or "
            "privilegeWithdrawn.",
        ),
    ] = "unspecified",
    root: Root = False,
    credential: typed.Credential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Revoke a certificate for ever, and make a new CRL.

    \b
    Example:
      workbench ca revoke factory-ca 5f3a… --reason keyCompromise
    """
    from workbench.identity.ca.client import open_ca
    from workbench.identity.ca.root_work import revoke_issuing

    with reporting("ca revoke", opt.Output(json=json, plain=plain)) as report:
        ask = typed.passphrase_of(credential, "passphrase or PIN of the CA")
        if root:
            made = revoke_issuing(folder, ask(), number, reason)
        else:
            with open_ca(folder, ask) as ca:
                ca.unlock(ask())
                made = ca.revoke(number, reason)
        report.result |= {"serial_number": number, "reason": reason, **typed.crl_value(made)}
        if not json:
            stdout.say(f"{number} is revoked ({reason}); the new CRL is in {folder}")


def crl(
    folder: typed.Folder,
    root: Root = False,
    out: typed.Out = None,
    credential: typed.Credential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Make a new CRL: certificates that were revoked, and until when the list counts.

    It is also put into the CA's folder (issuing.crl or root.crl, DER). Make one in time before the old one's
    end, also when nothing was revoked.

    \b
    Example:
      workbench ca crl factory-ca --credential ca.pass -o issuing.crl.pem
    """
    from workbench.identity.ca.client import open_ca
    from workbench.identity.ca.crl import crl_pem
    from workbench.identity.ca.root_work import root_crl

    with reporting("ca crl", opt.Output(json=json, plain=plain)) as report:
        ask = typed.passphrase_of(credential, "passphrase or PIN of the CA")
        if root:
            made = root_crl(folder, ask())
        else:
            with open_ca(folder, ask) as ca:
                ca.unlock(ask())
                made = ca.crl()
        value = typed.crl_value(made)
        report.result |= value
        typed.put_text(crl_pem(made), out, json=json)
        if out is not None and not json:
            stdout.say(f"{out}: CRL {value['crl_number']} with {value['revoked']} entries")
