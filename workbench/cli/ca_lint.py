"""`workbench ca lint`: what is wrong with a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.identity.certificates.finding import Finding

File = Annotated[Path, typer.Argument(metavar="FILE", help="Certificate in PEM or DER.", show_default=False)]
ProfileName = Annotated[
    str,
    typer.Option(
        "--profile", "-p", metavar="PROFILE", help="What it should be: a name or a file.", show_default=False
    ),
]
Issuer = Annotated[
    Path | None,
    typer.Option(
        "--issuer", metavar="FILE", help="Certificate of its issuer; a root needs none.", show_default=False
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca", metavar="DIR", help="Folder of the CA: its certificates and profiles.", show_default=False
    ),
]
Beside = Annotated[
    Path | None,
    typer.Option(
        "--idevid", metavar="FILE", help="For an IAK: the IDevID of the same unit.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(lint)


def lint(
    certificate: File,
    profile: ProfileName,
    issuer: Issuer = None,
    ca: Ca = None,
    idevid: Beside = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Hold a certificate against its profile, TCG's and IEEE's rules, and pkilint's.

    Exit code 4 where it breaks one; notices do not count. The rules are in docs/certificates.md.

    \b
    Examples:
      workbench ca lint unit.crt --profile idevid --ca ca
      workbench ca lint root.crt --profile root
    """
    from workbench.identity.certificates.lint import lint as lint_certificate
    from workbench.identity.certificates.lint import refuse_findings
    from workbench.identity.certificates.pair import lint_pair
    from workbench.identity.certificates.profile import load_profile
    from workbench.identity.certificates.read import issuer_among, read_certificates

    with reporting("ca lint", opt.Output(json=json, plain=plain)) as report:
        found = load_profile(profile, folder=None if ca is None else ca / "profiles")
        subject, *others = read_certificates(certificate)
        if issuer is not None:
            others = read_certificates(issuer)
        elif ca is not None:
            others += [c for name in ("issuing.crt", "root.crt") for c in read_certificates(ca / name)]
        findings = lint_certificate(subject, found, issuer_among(subject, others, found))
        if idevid is not None:
            findings += lint_pair(read_certificates(idevid)[0], subject)
        report.result |= {"profile": found.name, "findings": len(findings)}
        for finding in findings:
            report.observe("finding", _value(finding))
        if not json:
            _show(certificate, findings, plain=plain)
        refuse_findings(findings, found)


def _value(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.name.lower(),
        "message": finding.message,
        "reference": finding.reference,
        "source": finding.source,
    }


def _show(path: Path, findings: list[Finding], *, plain: bool) -> None:
    if not findings:
        stdout.say(f"{path}: nothing is wrong with it")
        return
    rows = [[f.severity.name, f.code, f.message, f.reference] for f in findings]
    stdout.table(["severity", "rule", "what", "asked for by"], rows, plain=plain)
