"""The demo's last part: a test CA of the demo's own, an identity for each board, evidence for each.

As in `demo_secure`, what is done at one board takes the bench's file and the slot's name, works in a process
of its own, and returns what was observed in a form that JSON can carry.  Prints nothing.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.boards.bench import Bench, load_bench
from workbench.errors import Blame, WorkbenchError
from workbench.events import Emit, Observed

if TYPE_CHECKING:
    from workbench.identity.tpm_enroll.outcome import UnitOutcome
    from workbench.station.enroll import Wanted

FOLDER: Final = "identity"
STATION: Final = "demo"
MODEL: Final = "workbench-demo"
CA_NAME: Final = "Workbench demo"
PRELOAD: Final = ("workbench.station.enroll", "workbench.identity.ca.client", "workbench.database.engine")
"""Worth importing once, before processes are forked."""


class NotVerified(WorkbenchError):
    """A unit of the demo did not get its identity."""

    code = "demo-identity-not-verified"
    blame = Blame.UNIT
    default_cause = "see the reason above"
    default_action = "run `workbench identity show` on the unit"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the demo's CA, ledger, evidence and escrow are."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Folder of the CA."""
        return self.folder / "ca"

    @property
    def credential(self) -> Path:
        """File with the CA's passphrase."""
        return self.folder / "ca.pass"

    @property
    def ledger(self) -> str:
        """URL of the ledger."""
        return f"sqlite:///{self.folder.absolute() / 'ledger.db'}"

    @property
    def evidence(self) -> Path:
        """Folder of the station's evidence."""
        return self.folder / "evidence"

    @property
    def escrow_key(self) -> Path:
        """Public half of the offline key."""
        return self.folder / "escrow.pub.pem"

    @property
    def root(self) -> Path:
        """The CA's root certificate."""
        return self.ca / "root.crt"


@dataclass(frozen=True, slots=True)
class Identified:
    """A unit with its identity.  `tried`: attempts on the locked unit, by how they ended."""

    serial: str
    hardware_id: str
    state: str
    tried: dict[str, int]


def desk_of(bench: Bench) -> Desk:
    """The demo's desk beside its bench."""
    return Desk(bench.folder / FOLDER)


def open_desk(bench: Bench, emit: Emit) -> Desk:
    """Makes CA, station key and offline key anew; what an earlier demo left is removed with its boards."""
    from workbench.identity.ca.create import NewCa, create_ca
    from workbench.images import files
    from workbench.station import evidence

    desk = desk_of(bench)
    shutil.rmtree(desk.folder, ignore_errors=True)
    files.make_private_folder(desk.folder)
    passphrase = secrets.token_hex(16).encode("ascii")
    files.write_new(desk.credential, passphrase)
    new = NewCa(name=CA_NAME, organization=CA_NAME, test=True, vendor_roots=_vendor_roots(bench))
    create_ca(desk.ca, new, passphrase)
    _make_escrow_key(desk)

    def issue(csr: bytes) -> list[bytes]:
        with serving(desk) as ca:
            ca.unlock(passphrase)
            issued = ca.issue("evidence-signer", fields={"common_name": STATION}, csr=csr)
        return [*issued.certificates.values(), *issued.chain]

    evidence.begin(desk.evidence, STATION, None, issue)
    emit(Observed(what="ca", value={"name": CA_NAME, "root": str(desk.root.relative_to(bench.folder))}))
    return desk


def serving(desk: Desk) -> AbstractContextManager[Any]:
    """The CA's worker for the time of the block."""
    from workbench.identity.ca.client import open_ca

    return open_ca(desk.ca, _passphrase(desk))


def identify_mcu(bench: Path, name: str, firmware: Path, emit: Emit) -> Identified:
    """Makes the board a secure unit that generates its own key, has it certified, and locks it."""
    from workbench.station.demo_secure import demo_profile, firmware_for, keys_for
    from workbench.station.enroll import enroll
    from workbench.station.provision import provision

    loaded = load_bench(bench)
    slot = loaded.slot(name)
    profile, keys = demo_profile(), keys_for(slot)
    made = firmware_for(slot, profile, firmware)
    provision(slot, profile, keys, made, emit, permit_identity=True, device_key="on-chip")
    return _identified(enroll(slot, _wanted(desk_of(loaded), name), emit), name, emit)


def identify_tpm(bench: Path, name: str, emit: Emit) -> Identified:
    """Gives a board's TPM its IDevID and IAK, and locks it."""
    from workbench.station.enroll import enroll

    loaded = load_bench(bench)
    return _identified(enroll(loaded.slot(name), _wanted(desk_of(loaded), name), emit), name, emit)


def refuse_unverified_evidence(desk: Desk) -> int:
    """Checks every evidence file against the root, as anybody can; returns how many there are.

    Raises EvidenceRefused.
    """
    from workbench.identity.evidence.verify import verify_evidence
    from workbench.station.evidence import load_certificates

    roots = load_certificates(desk.root)
    found = sorted((desk.evidence / "units").glob("*.json"))
    for path in found:
        verify_evidence(path.read_bytes(), roots)
    return len(found)


def serial_of(slot: str) -> str:
    """Serial number on the label of the board in that slot."""
    return f"DEMO-{slot.upper()}"


def _wanted(desk: Desk, name: str) -> Wanted:
    from workbench.station.enroll import TpmWanted
    from workbench.station.enroll import Wanted as Asked

    return Asked(
        serial=serial_of(name),
        model=MODEL,
        station=STATION,
        ca=desk.ca,
        ledger=desk.ledger,
        evidence=desk.evidence,
        ca_passphrase=_passphrase(desk),
        permit_lock=True,
        tpm=TpmWanted(escrow_key=desk.escrow_key, escrow_folder=desk.folder / "escrow"),
    )


def _identified(outcome: UnitOutcome, slot: str, emit: Emit) -> Identified:
    if outcome.state != "verified":
        raise outcome.error or NotVerified(f"slot {slot}: {outcome.serial} is {outcome.state}: {outcome.why}")
    tried: dict[str, int] = {}
    for attempt in outcome.tried:
        tried[attempt.outcome] = tried.get(attempt.outcome, 0) + 1
    value: dict[str, Any] = {"serial": outcome.serial, "hardware_id": outcome.hardware_id, "tried": tried}
    emit(Observed(what="identified", value=value))
    return Identified(outcome.serial, outcome.hardware_id, outcome.state, tried)


def _passphrase(desk: Desk) -> Callable[[], bytes]:
    return lambda: desk.credential.read_bytes().strip()


def _make_escrow_key(desk: Desk) -> None:
    """The private half would lie offline; a demo throws it away."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from workbench.images import files

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    files.write_new(desk.escrow_key, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _vendor_roots(bench: Bench) -> bytes:
    """The roots that the bench's TPMs lead to, as their vendor publishes them."""
    return (bench.state_dir / "twins" / "tpm-vendor" / "roots.pem").read_bytes()
