"""`workbench ca show` and `export`: what can be seen of a certificate authority without its passphrase."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    app.command()(show)
    app.command()(export)


def show(
    folder: typed.Folder,
    certificates: Annotated[
        bool, typer.Option("--certificates", help="The certificates that it issued, the newest first.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")] = 50,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Show a certificate authority: its certificates, where its keys are, what it issued. No passphrase.

    \b
    Examples:
      workbench ca show factory-ca
      workbench ca show factory-ca --certificates --json
    """
    from workbench.identity.ca.inspect import inspect_ca, issued_certificates

    with reporting("ca show", opt.Output(json=json, plain=plain)) as report:
        found = inspect_ca(folder)
        value = {
            "name": found.name,
            "test": found.test,
            "root": typed.certificate_value(found.root),
            "issuing": typed.certificate_value(found.issuing),
            "keys": dict(found.keys),
            "serving": found.serving,
            "issued": found.issued,
            "revoked": found.revoked,
        }
        report.observe("ca", value)
        if not json:
            for line in _lines(value):
                stdout.say(line)
        if certificates:
            rows = issued_certificates(folder, limit)
            for row in rows:
                report.observe("certificate", dict(row))
            if not json:
                names = ["serial_number", "profile", "subject", "issued_at", "revoked"]
                stdout.table(
                    ["number", "profile", "subject", "issued", "revoked"],
                    [[row[name] for name in names] for row in rows],
                    plain=plain,
                )


def export(
    folder: typed.Folder,
    what: Annotated[
        Literal["root", "issuing", "chain", "crl", "root-crl"], typer.Option("--what", help="Which part.")
    ] = "root",
    out: typed.Out = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Write a CA's public parts for others: root or issuing certificate, both, or a CRL. Needs no passphrase.

    \b
    Examples:
      workbench ca export factory-ca -o root.pem
      workbench ca export factory-ca --what crl -o issuing.crl.pem
    """
    from workbench.identity.ca.inspect import public_part

    with reporting("ca export", opt.Output(json=json, plain=plain)) as report:
        data = public_part(folder, what)
        typed.put_text(data, out, json=json)
        report.result |= {"what": what, "file": None if out is None else str(out)}
        if out is not None and not json:
            stdout.say(f"{out}: {what} of {folder}")


def _lines(value: dict[str, Any]) -> list[str]:
    lines = [f"name      {value['name']}{', for tests only' if value['test'] else ''}"]
    for role in ("root", "issuing"):
        found = value[role]
        lines += [
            f"{role:<9} {found['subject']}",
            f"          valid until {found['not_after'][:10]}, number {found['serial_number']}",
            f"          sha256 {found['sha256']}",
        ]
    lines += [f"{role + ' key':<14} {where}" for role, where in value["keys"].items()]
    state = "a worker serves it" if value["serving"] else "no worker serves it"
    lines.append(f"issued    {value['issued']} certificates, {value['revoked']} of them revoked; {state}")
    return lines
