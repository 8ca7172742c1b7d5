"""`workbench ca lint` says what is wrong with a certificate, in words and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from tests.certificate_lab import PROFILES, Issued, issued
from workbench.cli import ca_lint
from workbench.cli.commands import new_app

PEM = {name: issued(name).certificate.public_bytes(Encoding.PEM) for name in PROFILES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of each profile, and a CA's folder."""
    for name in PROFILES:
        (tmp_path / f"{name}.crt").write_bytes(PEM[name])
    return tmp_path


def _lint(folder: Path, *arguments: str) -> Result:
    app = new_app(help="")
    app.callback()(_nothing)
    ca_lint.register(app)
    at = [str(folder / a) if a.endswith(".crt") else a for a in arguments]
    return CliRunner().invoke(app, ["lint", *at])


def _nothing() -> None:
    """The group."""


@pytest.mark.parametrize("name", PROFILES)
def test_good_certificate_passes(name: str, folder: Path) -> None:
    done = _lint(folder, f"{name}.crt", "--profile", name, "--ca", str(folder))
    assert done.exit_code == 0, done.output
    assert "nothing is wrong with it" in done.output


def test_wrong_certificate_is_told_with_its_rules(folder: Path) -> None:
    done = _lint(folder, "iak.crt", "-p", "idevid", "--issuer", "issuing.crt", "--json")
    assert done.exit_code == 4
    events = [json.loads(line) for line in done.stdout.splitlines()]
    findings = [e["value"] for e in events if e.get("what") == "finding"]
    assert {f["code"] for f in findings} == {"certificate-policies", "tpm-policies"}
    assert {f["severity"] for f in findings} == {"error"}
    assert events[-1]["error"]["code"] == "certificate-lint-failed"


def test_iak_is_held_against_its_idevid(folder: Path) -> None:
    done = _lint(folder, "iak.crt", "-p", "iak", "--issuer", "issuing.crt", "--idevid", "idevid.crt")
    assert done.exit_code == 0, done.output
    done = _lint(folder, "iak.crt", "-p", "iak", "--issuer", "issuing.crt", "--idevid", "mcu-idevid.crt")
    assert done.exit_code == 4
    assert "pair-alt-names" in done.output


def test_chain_in_one_file_and_der_are_taken(folder: Path) -> None:
    (folder / "chain.crt").write_bytes(PEM["ldevid"] + PEM["issuing"] + PEM["root"])
    assert _lint(folder, "chain.crt", "-p", "ldevid").exit_code == 0
    (folder / "der.crt").write_bytes(_der(issued("ldevid")))
    assert _lint(folder, "der.crt", "-p", "ldevid", "--issuer", "issuing.crt").exit_code == 0


@pytest.mark.parametrize(
    ("content", "arguments", "code"),
    [
        (PEM["ldevid"], ("-p", "ldevid"), "certificate-issuer-missing"),
        (PEM["ldevid"], ("-p", "ldevid", "--issuer", "root.crt"), "certificate-issuer-missing"),
        (PEM["ldevid"], ("-p", "ldevip"), "certificate-profile-unknown"),
        (PEM["ldevid"][:200], ("-p", "ldevid"), "certificate-unreadable"),
        (b"hello", ("-p", "ldevid"), "certificate-unreadable"),
        (b"", ("-p", "ldevid"), "certificate-unreadable"),
        (None, ("-p", "ldevid"), "certificate-unreadable"),
    ],
)
def test_wrong_file_is_named(
    content: bytes | None, arguments: tuple[str, ...], code: str, folder: Path
) -> None:
    if content is not None:
        (folder / "given.crt").write_bytes(content)
    done = _lint(folder, "given.crt", *arguments, "--json")
    assert done.exit_code == 2, done.output
    assert json.loads(done.stdout.splitlines()[-1])["error"]["code"] == code


def test_command_is_in_the_group() -> None:
    from workbench.cli.ca import app

    names = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    assert isinstance(app, typer.Typer)
    assert "lint" in names


def _der(found: Issued) -> bytes:
    return found.der
