"""`workbench evidence verify`: whether a unit's evidence is to be believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import evidence_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.identity.evidence.log import Entry
    from workbench.identity.evidence.verify import Verified


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(verify)


def verify(
    file: typed.File,
    root: typed.Root = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log", metavar="FILE", help="The station's log, which must have it.", show_default=False
        ),
    ] = None,
    require_held: Annotated[
        bool, typer.Option("--require-held", help="Refuse evidence that tells of a lock that was broken.")
    ] = False,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify the evidence of a unit: signature, chain to the root, certificates, place in the station's log.

    Exit code 4 where it is refused, with the reason. scripts/verify_evidence.py does the same on machines
    without the workbench.

    \b
    Examples:
      workbench evidence verify A1.0f3c….json
      workbench evidence verify A1.0f3c….json --root factory-root.pem --log log.jsonl --require-held
    """
    from workbench.identity.evidence.verify import verify_evidence

    with reporting("evidence verify", opt.Output(json=json, plain=plain)) as report:
        roots = typed.roots_of(root, bench)
        entries = None if log is None else _entries(log)
        found = verify_evidence(typed.read(file), roots, entries, require_held=require_held)
        report.result |= {
            "sha256": found.sha256,
            "serial": found.predicate["unit"]["serial"],
            "signer": found.signer,
            "root_sha256": found.root_sha256,
            "broken": list(found.broken),
            "not_tried": list(found.not_tried),
            "in_log": found.in_log,
        }
        if not json:
            for line in _words(found):
                stdout.say(line)


def _entries(log: Path) -> Iterator[Entry]:
    """Read only when the evidence itself was believed."""
    from workbench.errors import InputError
    from workbench.station.evidence_log import read_log_file

    try:
        yield from read_log_file(log)
    except OSError as error:
        raise InputError(f"{log}: {error.strerror or error}") from error


def _words(found: Verified) -> Iterator[str]:
    unit, signer = found.predicate["unit"], found.predicate["signer"]
    yield f"unit      {unit['serial']}, model {unit['model']}, {unit['kind']} {unit['hardware_id']}"
    yield f"signed    {signer['signed_at']} by {found.signer}, root {found.root_sha256[:16]}…"
    yield f"log       {'the log has it' if found.in_log else 'not compared: no --log'}"
    yield f"enforced  by {unit['enforced_by'] or 'unknown'}"
    for act in found.broken:
        yield f"BROKEN    {act}: this did not hold"
    for act in found.not_tried:
        yield f"NOT TRIED {act}"
    yield "VERIFIED"
