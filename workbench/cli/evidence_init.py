"""`workbench evidence init`: the station's key for evidence, and its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import evidence_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.ca_options import Credential, passphrase_of
from workbench.cli.report import reporting
from workbench.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(init)


def init(
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="DIR", help="Folder of the CA that certifies it.", show_default=False),
    ] = None,
    chain: Annotated[
        Path | None,
        typer.Option(
            "--chain",
            metavar="FILE",
            help="Its certificate and those of the CAs, PEM, the root last, where the CA is elsewhere.",
            show_default=False,
        ),
    ] = None,
    station: Annotated[
        str | None,
        typer.Option("--station", metavar="NAME", help="Default: this machine's name.", show_default=False),
    ] = None,
    credential: Credential = None,
    key_credential: Annotated[
        Path | None,
        typer.Option(
            "--key-credential",
            metavar="FILE",
            help="File with the passphrase of the station's key, mode 0600. Default: a prompt.",
            show_default=False,
        ),
    ] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Leave the key in the open: for virtual boards and tests.")
    ] = False,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Make the station's key that signs evidence, and have it certified by profile evidence-signer.

    A key that is there is kept. Without --ca, the request is written for a CA elsewhere: certify it with
    `workbench ca issue --profile evidence-signer --csr`, then come back with --chain.

    \b
    Examples:
      workbench evidence init --ca factory-ca
      workbench evidence init --chain station.chain.pem
    """
    from workbench.station import evidence

    with reporting("evidence init", opt.Output(json=json, plain=plain)) as report:
        if ca is not None and chain is not None:
            raise InputError("name a CA or a chain, and not both")
        folder, name = typed.folder_of(bench), station or _host()
        is_new = not (folder / evidence.KEY_FILE).exists()
        key = "passphrase of the station's key"
        ask = passphrase_of(key_credential, key, again=is_new, option="--key-credential")
        passphrase = None if unencrypted else ask
        report.result |= {"folder": str(folder), "station": name, "new_key": is_new}
        if ca is None and chain is None:
            evidence.make_key(folder, name, None if passphrase is None else passphrase())
            report.result["request"] = str(folder / evidence.CSR_FILE)
            if not json:
                stdout.say(f"{folder / evidence.CSR_FILE}: have it certified, then run this with --chain")
            return

        def issue(csr: bytes) -> list[bytes]:
            if chain is not None:
                return evidence.load_certificates(chain)
            assert ca is not None
            return _by_ca(ca, csr, name, credential)

        made = evidence.begin(folder, name, passphrase, issue)
        report.result["chain"] = len(made)
        if not json:
            stdout.say(f"{folder / evidence.KEY_FILE}: {'made' if is_new else 'kept'}, and certified")


def _by_ca(folder: Path, csr: bytes, name: str, credential: Path | None) -> list[bytes]:
    from workbench.identity.ca.client import open_ca

    ask = passphrase_of(credential, "passphrase or PIN of the CA")
    with open_ca(folder, ask) as ca:
        ca.unlock(ask())
        issued = ca.issue("evidence-signer", fields={"common_name": name}, csr=csr)
    return [*issued.certificates.values(), *issued.chain]


def _host() -> str:
    import platform

    return platform.node() or "station"
