"""Options that the verbs of `workbench ca` share, and how a passphrase is asked for.

A passphrase comes from a prompt or a credential file; it is never an argument or an environment variable.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.errors import InputError

if TYPE_CHECKING:
    from cryptography import x509

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The CA's folder.", show_default=False)]
Credential = Annotated[
    Path | None,
    typer.Option(
        "--credential",
        metavar="FILE",
        help="File with the passphrase or PIN, mode 0600; a bare name is looked for in "
        "$CREDENTIALS_DIRECTORY first. Default: a prompt.",
        show_default=False,
    ),
]
RootCredential = Annotated[
    Path | None,
    typer.Option(
        "--root-credential",
        metavar="FILE",
        help="The same for the root's key, if its passphrase is another one.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where it goes. Default: standard output, in PEM."),
]


def passphrase_of(
    credential: Path | None, what: str, *, again: bool = False, option: str = "--credential"
) -> Callable[[], bytes]:
    """Asks for the passphrase when it is called: the file's, or what somebody types, twice if it is new.
    `option` is the one that names the file.
    """

    def ask() -> bytes:
        from workbench.identity.ca.credential import read_credential

        if credential is not None:
            return read_credential(credential)
        if not sys.stdin.isatty():
            raise InputError(
                f"{what} is needed, and nobody is there to type it",
                cause="the command runs without a terminal",
                action=f"name a file with mode 0600: {option} FILE",
            )
        typed = getpass.getpass(f"{what}: ").encode()
        if again and getpass.getpass("the same again: ").encode() != typed:
            raise InputError("the two were not the same", action="run the command again")
        return typed

    return once(ask)


def once(ask: Callable[[], bytes]) -> Callable[[], bytes]:
    """Asks at most once."""
    known: list[bytes] = []

    def asking() -> bytes:
        if not known:
            known.append(ask())
        return known[0]

    return asking


def read_bounded(path: Path, *, max_bytes: int = 64 << 10) -> bytes:
    """A small file's bytes; raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if len(data) > max_bytes:
        raise InputError(f"{path} has more than {max_bytes} bytes", cause="a file of another kind")
    return data


def certificate_value(certificate: x509.Certificate) -> dict[str, str]:
    """A certificate as an observation."""
    from cryptography.hazmat.primitives.hashes import SHA256

    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial_number": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "sha256": certificate.fingerprint(SHA256()).hex(),
    }


def crl_value(der: bytes) -> dict[str, str | int]:
    """A CRL as a result."""
    from cryptography import x509

    found = x509.load_der_x509_crl(der)
    until = found.next_update_utc
    return {
        "crl_number": found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
        "revoked": len(found),
        "next_update": "" if until is None else until.isoformat(),
    }


def put_pem(certificates: Sequence[x509.Certificate], out: Path | None, *, json: bool) -> None:
    """Certificates in PEM to a file, or to standard output."""
    from cryptography.hazmat.primitives.serialization import Encoding

    put_text(b"".join(found.public_bytes(Encoding.PEM) for found in certificates), out, json=json)


def put_text(data: bytes, out: Path | None, *, json: bool) -> None:
    """Public text to a file that replaces an older one, or to standard output; with --json to a file only."""
    from workbench.cli import stdout
    from workbench.identity.ca.folder_files import replace_file

    if out is not None:
        replace_file(out, data)
    elif not json:
        stdout.say_raw(data.decode("ascii"))
