"""`workbench evidence show`: what an evidence file says, without a judgement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from workbench.cli import evidence_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(show)


def show(file: typed.File, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Show what the evidence of a unit says. It is not verified: that is `workbench evidence verify`.

    \b
    Example:
      workbench evidence show A1.0f3c….json
    """
    from workbench.identity.evidence.verify import read_statement

    with reporting("evidence show", opt.Output(json=json, plain=plain)) as report:
        told = read_statement(typed.read(file))["predicate"]
        report.observe("evidence", told)
        report.result |= {"serial": told["unit"]["serial"], "verified": False}
        if json:
            return
        stdout.say("not verified; this is what the file says")
        for line in _lines(told):
            stdout.say(line)
        rows = [[t["act"], t["expected"], t["observed"], t["outcome"].upper()] for t in told["tried"]]
        if rows:
            stdout.table(["tried", "had to be", "was", "outcome"], rows, plain=plain)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    for name, value in told["unit"].items():
        if value is not None:
            yield f"{name.replace('_', ' '):<16} {value}"
    yield f"{'station':<16} {told['station']}, {told['times']['started']} to {told['times']['finished']}"
    yield f"{'signed at':<16} {told['signer']['signed_at']}, line {told['log']['line']} of the log"
    for key in told["keys"]:
        yield f"{'key':<16} {key['role']}: {key['spki_sha256']} ({key['origin']})"
    for found in told["certificates"]:
        yield f"{'certificate':<16} {found['role']}: read back {found['read_back_sha256'] or 'NOT READ BACK'}"
    for part in told["flashed"]:
        yield f"{'flashed':<16} {part['name']} {part['version'] or ''}: {part['sha256']}"
    for kind in ("intended", "observed", "versions"):
        for name, value in told[kind].items():
            yield f"{kind:<16} {name}: {value}"
