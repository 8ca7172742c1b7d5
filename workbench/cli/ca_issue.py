"""`workbench ca issue`: certificates for signers and servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli import ca_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError

Text = str | None


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(issue)


def _text(flag: str, words: str) -> Any:
    return typer.Option(flag, metavar="TEXT", help=words, show_default=False)


def issue(
    folder: typed.Folder,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            "-p",
            metavar="PROFILE",
            help="Certificate profile: release-signer, update-server, evidence-signer, ldevid, or your own.",
        ),
    ],
    csr: Annotated[
        Path | None,
        typer.Option("--csr", metavar="FILE", help="PKCS#10 request (PEM or DER).", show_default=False),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="Public key (PEM or DER).", show_default=False),
    ] = None,
    common_name: Annotated[Text, _text("--cn", "Common name. Default: the request's.")] = None,
    serial_number: Annotated[Text, _text("--serial", "Product serial number in the subject.")] = None,
    organization: Annotated[Text, _text("--organization", "Default: the request's, or none.")] = None,
    organizational_unit: Annotated[Text, _text("--unit", "Organizational unit.")] = None,
    country: Annotated[Text, _text("--country", "Two letters.")] = None,
    dns: Annotated[
        list[str] | None,
        typer.Option("--dns", metavar="NAME", help="DNS name of a server.", show_default=False),
    ] = None,
    ip: Annotated[
        list[str] | None,
        typer.Option("--ip", metavar="ADDRESS", help="IP address of a server.", show_default=False),
    ] = None,
    request_id: Annotated[
        Text,
        typer.Option(
            "--request-id",
            metavar="UUID",
            help="Number of the request; the same number with the same content gives the same certificate.",
            show_default=False,
        ),
    ] = None,
    chain: Annotated[bool, typer.Option("--chain", help="The issuing certificate behind it.")] = False,
    out: typed.Out = None,
    credential: typed.Credential = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Issue a certificate by a profile, for a PKCS#10 request or a public key.

    Units get theirs from `workbench identity enroll`, after the checks of their keys; this is for release
    signers, update servers, signers of evidence and LDevIDs. A private key is never needed here.

    \b
    Examples:
      workbench ca issue factory-ca --profile update-server --csr server.csr --dns updates.example -o s.crt
      workbench ca issue factory-ca --profile release-signer --public-key signer.pem --cn "Releases 2026"
    """
    from cryptography import x509

    from workbench.cli.ca_request import fields_of, source_of
    from workbench.identity.ca.client import open_ca

    with reporting("ca issue", opt.Output(json=json, plain=plain)) as report:
        if (csr is None) == (public_key is None):
            raise InputError("name a request or a public key: --csr or --public-key")
        source = source_of(csr, public_key)
        given = {
            "common_name": common_name,
            "serial_number": serial_number,
            "organization": organization,
            "organizational_unit": organizational_unit,
            "country": country,
            "dns_names": dns,
            "ip_addresses": ip,
        }
        ask = typed.passphrase_of(credential, "passphrase or PIN of the CA")
        with open_ca(folder, ask) as ca:
            ca.unlock(ask())
            fields = fields_of(source, given)
            issued = ca.issue(profile, fields=fields, request_id=request_id, **source)
        ders = [*issued.certificates.values(), *(issued.chain[:-1] if chain else ())]
        found = [x509.load_der_x509_certificate(der) for der in ders]
        value = typed.certificate_value(found[0])
        report.observe("certificate", dict(value))
        report.result |= {"sha256": value["sha256"], "serial_number": value["serial_number"]}
        typed.put_pem(found, out, json=json)
        if out is not None and not json:
            stdout.say(f"{out}: {value['subject']}, number {value['serial_number']}")
