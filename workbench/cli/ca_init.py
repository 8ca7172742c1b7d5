"""`workbench ca init`: a new certificate authority."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(init)


def init(
    folder: typed.Folder,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the CA is called.")],
    organization: Annotated[
        str | None,
        typer.Option(
            "--organization",
            metavar="NAME",
            help="Maker of the units. Default: the CA's name.",
            show_default=False,
        ),
    ] = None,
    country: Annotated[
        str | None,
        typer.Option("--country", metavar="CC", help="Two letters, such as DE.", show_default=False),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="For tests only: marked TEST in its certificates.")
    ] = False,
    algorithm: Annotated[
        Literal["ecdsa-p256", "ecdsa-p384"], typer.Option(help="Kind of the CA's keys.")
    ] = "ecdsa-p256",
    pkcs11: Annotated[
        Path | None,
        typer.Option(
            "--pkcs11",
            metavar="MODULE",
            help="Keys are made in a token that this PKCS#11 module knows.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="LABEL", help="The token's label.", show_default=False),
    ] = None,
    root_in_file: Annotated[
        bool,
        typer.Option("--root-in-file", help="With --pkcs11: the root's key in an encrypted file."),
    ] = False,
    vendor_roots: Annotated[
        Path | None,
        typer.Option(
            "--vendor-roots",
            metavar="FILE",
            help="Root certificates (PEM) of the TPM vendors that are trusted.",
            show_default=False,
        ),
    ] = None,
    crl_url: Annotated[
        list[str] | None,
        typer.Option("--crl-url", metavar="URL", help="Where the CRL is published.", show_default=False),
    ] = None,
    credential: typed.Credential = None,
    root_credential: typed.RootCredential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Make a certificate authority: root, issuing CA, empty database, two empty CRLs.

    The folder appears whole, or not at all. Keys go into encrypted files, or are made in a PKCS#11 token and
    never leave it. Afterwards, take the root's key offline: it is needed again only to renew the issuing
    certificate and for the root's CRL.

    \b
    Examples:
      workbench ca init factory-ca --name "Acme 2026" --credential ca.pass
      workbench ca init test-ca --name Bench --test
      workbench ca init factory-ca --name Acme --pkcs11 /usr/lib/softhsm/libsofthsm2.so --token factory
    """
    from workbench.identity.ca.create import NewCa, Token, create_ca

    with reporting("ca init", opt.Output(json=json, plain=plain)) as report:
        if (pkcs11 is None) != (token is None):
            raise InputError("--pkcs11 and --token belong together")
        ask = typed.passphrase_of(
            credential, "PIN of the token" if pkcs11 else "passphrase for the CA's keys", again=pkcs11 is None
        )
        roots = None if vendor_roots is None else typed.read_bounded(vendor_roots, max_bytes=1 << 20)
        new = NewCa(
            name=name,
            organization=organization or name,
            test=test,
            country=country,
            algorithm=algorithm,
            token=None if pkcs11 is None or token is None else Token(str(pkcs11), token),
            root_in_file=root_in_file or pkcs11 is None,
            vendor_roots=roots,
            crl_urls=tuple(crl_url or ()),
        )
        root_ask = None
        if root_credential is not None:
            root_ask = typed.passphrase_of(root_credential, "passphrase for the root's key")
        elif root_in_file and pkcs11 is not None:
            root_ask = typed.passphrase_of(None, "passphrase for the root's key", again=True)
        create_ca(folder, new, ask(), None if root_ask is None else root_ask())
        report.result |= {"folder": str(folder), "name": name, "test": test}
        if not json:
            stdout.say(f"{folder}: certificate authority '{name}'{' for tests' if test else ''}")
            stdout.say_wrapped(
                "Take the root's key offline ('workbench ca show' says where it is), and keep a copy of the "
                "folder and of the passphrase."
            )
