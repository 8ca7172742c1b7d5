"""`workbench ca renew`: a new certificate for the issuing CA, with the root's key."""

from __future__ import annotations

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(renew)


def renew(
    folder: typed.Folder,
    credential: typed.Credential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Renew the issuing CA's certificate; its key stays, and what it issued stays valid.

    Needs the root's key where ca.toml says it is, its passphrase, and that no worker serves the CA.

    \b
    Example:
      workbench ca renew factory-ca --credential root.pass
    """
    from workbench.identity.ca.root_work import renew_issuing

    with reporting("ca renew", opt.Output(json=json, plain=plain)) as report:
        ask = typed.passphrase_of(credential, "passphrase of the root's key")
        made = renew_issuing(folder, ask())
        value = typed.certificate_value(made)
        report.observe("certificate", dict(value))
        report.result |= {"sha256": value["sha256"]}
        if not json:
            stdout.say(f"{folder / 'issuing.crt'}: valid until {value['not_after'][:10]}")
