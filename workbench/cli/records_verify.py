"""`workbench records verify`: whether runs were changed, removed or added after they were recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import evidence_options, stdout, words
from workbench.cli import options as opt
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.identity.evidence.errors import EvidenceRefused
    from workbench.station.run_log_check import Checked
    from workbench.station.run_log_head import Head, SignedHead

SHOWN = 20
"""Findings that are listed; --json has all."""


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(verify)


def verify(
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="HEAD",
            help="A head that was kept elsewhere, LINE:SHA256 or a report's file: the log must have it.",
            show_default=False,
        ),
    ] = None,
    root: evidence_options.Root = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify that no run of this station was changed, removed or added after it was recorded.

    Compares the station's log of runs, all journals and the database, and the log with the newest head that
    the station signed in a unit's evidence. Exit code 4 where something does not fit. Keep the head that is
    printed, or a report: with --head a later check also finds that everything was made anew. See
    docs/records.md.

    \b
    Examples:
      workbench records verify
      workbench records verify --head lot-7.html
      workbench records verify --head 217:9c1e… --root factory-root.pem
    """
    from workbench.cli.records import open_records
    from workbench.station.places import journal_dir
    from workbench.station.run_log_check import RecordsAltered

    with reporting("records verify", opt.Output(json=json, plain=plain)) as report:
        with open_records(bench) as (records, folder):
            anchor = None if head is None else _kept(head, root, bench)
            signed, refused = _signed(folder, root)
            checked = records.verify(journal_dir(folder), anchor, signed)
        for found in checked.altered:
            report.observe("altered", {"kind": found.kind, "what": found.what, "run_id": found.run_id})
        report.result |= {
            "lines": checked.lines,
            "runs": checked.runs,
            "earlier": checked.earlier,
            "altered": len(checked.altered),
            "head": str(checked.head) if checked.head else None,
            "signed_head": str(signed.head) if signed else None,
        }
        if not json:
            _say(checked, signed, plain=plain)
        if checked.altered:
            raise RecordsAltered(f"{words.count(len(checked.altered), 'finding')} in the records")
        if refused is not None:
            raise refused


def _say(checked: Checked, signed: SignedHead | None, *, plain: bool) -> None:
    if checked.altered:
        rows = [[f.kind, (f.run_id or "")[:8], f.what] for f in checked.altered[:SHOWN]]
        stdout.table(["finding", "run", "what"], rows, plain=plain)
        if len(checked.altered) > SHOWN:
            stdout.say(f"and {len(checked.altered) - SHOWN} more; --json lists all")
    else:
        stdout.say(f"{words.count(checked.runs, 'run')}, and all of it fits")
    if checked.earlier:
        stdout.say(f"{words.count(checked.earlier, 'run')} from before the log was begun, not judged")
    if checked.head:
        stdout.say(f"head {checked.head}")
    if signed is not None:
        stdout.say(f"signed head {signed.head}, in the evidence of {signed.serial}")
    elif checked.head:
        stdout.say("no head is signed: keep this one, or a report, where nobody who writes here can")


def _kept(given: str, root: list[Path] | None, bench: Path | None) -> Head:
    """The head that was typed, or that the file holds; raises InputError, EvidenceRefused."""
    from workbench.station.run_log_head import Head, kept_head

    if (head := Head.parse(given)) is not None:
        return head
    if not Path(given).is_file():
        raise InputError(
            f"'{given[:80]}' is no head of a log, and no file",
            action="give it as it was printed, LINE:SHA256, or name a report's file",
        )
    return kept_head(Path(given), _roots(root, bench))


def _roots(root: list[Path] | None, bench: Path | None) -> Iterator[bytes]:
    """Read only where evidence is to be believed."""
    yield from evidence_options.roots_of(root, bench)


def _signed(folder: Path, root: list[Path] | None) -> tuple[SignedHead | None, EvidenceRefused | None]:
    """The newest head in this station's evidence; or why it is not to be believed.  Raises InputError."""
    from workbench.identity.evidence.errors import EvidenceRefused
    from workbench.station.evidence import CHAIN_FILE, evidence_folder, load_certificates, load_chain
    from workbench.station.run_log_head import signed_head

    evidence = evidence_folder(folder)
    if not (root or (evidence / CHAIN_FILE).is_file()):
        return None, None
    trusted = [der for path in root or () for der in load_certificates(path)] or load_chain(evidence)[-1:]
    try:
        return signed_head(evidence, trusted), None
    except EvidenceRefused as refused:
        return None, refused
    except OSError as error:
        raise InputError(f"{evidence}: {error.strerror or error}") from error
