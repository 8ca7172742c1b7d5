"""What the verbs of `workbench evidence` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(metavar="FILE", help="Evidence of a unit.", show_default=False)]
Root = Annotated[
    list[Path] | None,
    typer.Option(
        "--root",
        metavar="FILE",
        help="Root certificate to trust, PEM or DER. Default: the root of this bench's own station.",
        show_default=False,
    ),
]


def folder_of(bench: Path | None) -> Path:
    """The bench's folder for evidence."""
    from workbench.cli.job import bench_of
    from workbench.station.evidence import evidence_folder

    return evidence_folder(bench_of(bench).folder)


def roots_of(root: list[Path] | None, bench: Path | None) -> list[bytes]:
    """The roots that are trusted, in DER; raises InputError where there is none."""
    from workbench.station.evidence import load_certificates, load_chain

    if root:
        return [der for path in root for der in load_certificates(path)]
    return load_chain(folder_of(bench))[-1:]


def read(path: Path) -> bytes:
    """An evidence file, as far as evidence may be long."""
    from workbench.cli.ca_options import read_bounded
    from workbench.errors import InputError
    from workbench.identity.evidence.dsse import MAX_ENVELOPE_BYTES
    from workbench.identity.evidence.errors import EvidenceRefused

    if path.is_file() and path.stat().st_size > MAX_ENVELOPE_BYTES:
        raise EvidenceRefused("too-large")
    try:
        return read_bounded(path, max_bytes=MAX_ENVELOPE_BYTES)
    except InputError as error:
        raise InputError(error.what, action="name a file with the evidence of a unit") from error
