"""`workbench evidence log`: the station's log of evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import evidence_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.commands import new_app
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.identity.evidence.log import Entry

app = new_app(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    parent.add_typer(app, name="log")


@app.callback()
def _group() -> None:
    """Check the station's log of evidence.

    \b
    Example:
      workbench evidence log verify
    """


@app.command()
def verify(
    log: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="The log. Default: this bench's own, with its evidence.",
            show_default=False,
        ),
    ] = None,
    root: typed.Root = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify that no entry of the log was changed, removed or added, and that its evidence is all there.

    Evidence is looked for in the folder units/ beside the log; each signed file holds the hash of the entry
    before it. Exit code 4 where something does not fit.

    \b
    Example:
      workbench evidence log verify
    """
    from workbench.errors import InputError
    from workbench.station.evidence_log import LOG_FILE, UNITS, read_log_file

    with reporting("evidence log verify", opt.Output(json=json, plain=plain)) as report:
        path = log or typed.folder_of(bench) / LOG_FILE
        try:
            entries = read_log_file(path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        roots = typed.roots_of(root, bench)
        checked = _check_files(entries, path.parent / UNITS, roots)
        report.result |= {"entries": len(entries), "evidence": checked, "last_sha256": entries[-1].sha256}
        if not json:
            stdout.say(f"{len(entries)} entries, {checked} files of evidence, and all of it fits")
            stdout.say(f"last entry {entries[-1].sha256}")


def _check_files(entries: list[Entry], folder: Path, roots: list[bytes]) -> int:
    """How many files of evidence there are; raises EvidenceRefused where one is missing or does not fit."""
    from workbench.identity.evidence.errors import EvidenceRefused
    from workbench.identity.evidence.log import file_name
    from workbench.identity.evidence.verify import verify_evidence

    named = {
        file_name(entry.data["serial"], entry.data["evidence_sha256"]): entry.data["evidence_sha256"]
        for entry in entries
        if entry.kind == "evidence"
    }
    there = {path.name for path in folder.glob("*.json")}
    for name in sorted(named.keys() - there):
        raise EvidenceRefused("log-lost-file", name)
    for name in sorted(there):
        found = verify_evidence(typed.read(folder / name), roots, entries)
        if named.get(name) != found.sha256:
            raise EvidenceRefused("log-lacks-it", name)
    return len(there)
