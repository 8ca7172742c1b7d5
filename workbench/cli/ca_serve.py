"""`workbench ca serve`: the signing worker in the foreground."""

from __future__ import annotations

from pathlib import Path

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import signals, stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(serve)


def serve(
    folder: typed.Folder,
    credential: typed.Credential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Serve a certificate authority to the stations of this machine, until Ctrl-C or SIGTERM.

    Only this process opens the issuing key. Stations reach it through the UNIX socket in the CA's folder,
    which is open to this user only. Without it, stations start a worker for themselves and need the
    passphrase.

    \b
    Examples:
      workbench ca serve factory-ca
      workbench ca serve factory-ca --credential ca.pass
    """
    from workbench.identity.ca.worker import serve as run_worker

    with reporting("ca serve", opt.Output(json=json, plain=plain)) as report:
        passphrase = typed.passphrase_of(credential, "passphrase or PIN of the CA")()
        signals.leave()  # the worker has its own ways with them

        def ready(path: Path) -> None:
            report.observe("serving", {"socket": str(path)})
            if not json:
                stdout.say(f"serving {folder} at {path}")

        run_worker(folder, passphrase, ready=ready)
        report.result |= {"folder": str(folder)}
