"""`workbench identity show`: what the ledger knows of a unit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.identity.ledger import Act, HistoryEntry, Ledger, Unit

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[UNIT]",
        help="Serial number, chip, request, fingerprint of a key or certificate, or how its ID begins. "
        "Default: a list of all units.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(show)


def show(
    unit: Name = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 20,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Show a unit's identity: keys, certificates, state, what comes next, acts, and everything that happened.

    A name that several records have, such as the label of a unit that was returned, shows all of them, the
    newest first.

    \b
    Examples:
      workbench identity show
      workbench identity show A1 --json
    """
    from workbench.identity.ledger import UnitUnknown

    with reporting("identity show", opt.Output(json=json, plain=plain)) as report:
        with open_ledger(bench) as ledger:
            if unit is None:
                found = ledger.units(limit=limit)
            elif not (found := ledger.search(unit.strip(), limit)):
                raise UnitUnknown(f"the ledger has no unit that {unit[:40]!r} names")
            told = [(one, ledger.acts(one.unit_id), ledger.history(one.unit_id)) for one in found]
        report.result["units"] = len(found)
        for one, acts, history in told:
            report.observe("unit", value(one, acts, history))
        if json:
            return
        if unit is None:
            rows = [[u.serial, u.model, u.kind, u.state, u.unit_id[:8], u.reason or ""] for u in found]
            stdout.table(["serial", "model", "kind", "state", "unit", "reason"], rows, plain=plain)
            return
        for one, acts, history in told:
            _say(one, acts, history, plain=plain)


@contextmanager
def open_ledger(bench: Path | None) -> Iterator[Ledger]:
    """The ledger of the bench, in the database of its records."""
    from workbench.cli.job import bench_of
    from workbench.database.engine import open_engine
    from workbench.identity.ledger import Ledger
    from workbench.station.places import database_url

    found = bench_of(bench)
    found.state_dir.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(open_engine(database_url(found.folder)))
    try:
        yield ledger
    finally:
        ledger.close()


def value(unit: Unit, acts: tuple[Act, ...], history: tuple[HistoryEntry, ...]) -> dict[str, Any]:
    """A unit as JSON; certificates in hex of their DER and as fingerprints."""
    from dataclasses import asdict

    from workbench.identity.state import next_for

    coming = next_for(unit.state, open_acts=unit.open_acts)
    told = {name: _plain(item) for name, item in asdict(unit).items() if name != "certificates"}
    return {
        **told,
        "certificates": {role: _certificate(der) for role, der in sorted(unit.certificates.items())},
        "next": {"look": coming.look, "do": str(coming.do), "words": coming.words},
        "acts": [{name: _plain(item) for name, item in asdict(act).items()} for act in acts],
        "history": [{name: _plain(item) for name, item in asdict(entry).items()} for entry in history],
    }


def _plain(item: Any) -> Any:
    return item.isoformat() if hasattr(item, "isoformat") else item


def _certificate(der: bytes) -> dict[str, str]:
    from hashlib import sha256

    from cryptography import x509

    found = x509.load_der_x509_certificate(der)
    return {
        "sha256": sha256(der).hexdigest(),
        "subject": found.subject.rfc4514_string(),
        "issuer": found.issuer.rfc4514_string(),
        "serial_number": f"{found.serial_number:x}",
        "not_before": found.not_valid_before_utc.isoformat(),
        "not_after": found.not_valid_after_utc.isoformat(),
        "der": der.hex(),
    }


def _say(unit: Unit, acts: tuple[Act, ...], history: tuple[HistoryEntry, ...], *, plain: bool) -> None:
    for line in _lines(unit):
        stdout.say(line)
    if acts:
        rows = [[str(a.seq), a.act, _brief(a.intent), _observed(a), a.station] for a in acts]
        stdout.table(["act", "what", "intended", "observed", "station"], rows, plain=plain)
    rows = [
        [f"{entry.time.astimezone():%Y-%m-%d %H:%M:%S}", entry.what, entry.state, entry.station]
        for entry in history
    ]
    stdout.table(["time", "happened", "state", "station"], rows, plain=plain)
    stdout.say()


def _lines(unit: Unit) -> Iterator[str]:
    from workbench.identity.state import next_for

    yield f"unit         {unit.unit_id}, {unit.kind}, model {unit.model}, target {unit.target}"
    yield f"serial       {unit.serial}"
    yield f"hardware     {unit.hardware_id}"
    yield f"state        {unit.state}{f': {unit.reason}' if unit.reason else ''}"
    yield f"next         {next_for(unit.state, open_acts=unit.open_acts).words}"
    yield f"request      {unit.request_id}"
    if unit.rma:
        yield f"rma          {unit.rma}, in place of request {', '.join(unit.replaces)}"
    if unit.ek_cert_sha256:
        yield f"EK cert      {unit.ek_cert_sha256}"
    for role, digest in sorted(unit.keys.items()):
        yield f"key          {role}: {digest} ({unit.origin})"
    for role, der in sorted(unit.certificates.items()):
        found = _certificate(der)
        yield f"certificate  {role}: {found['subject']}, number {found['serial_number']}"
        yield f"             SHA-256 {found['sha256']}, until {found['not_after'][:10]}"
    if unit.evidence_sha256:
        yield f"evidence     {unit.evidence_sha256}"


def _brief(told: Any) -> str:
    return ", ".join(f"{name} {item}" for name, item in told.items())[:60]


def _observed(act: Act) -> str:
    return "NOT OBSERVED" if act.observed is None else _brief(act.observed) or "nothing more"
