"""A rehearsal: the whole enrolment of a board with a TPM, with everything that it needs, in a temporary
folder.

What is made there is a test CA and a virtual board's identity; nothing of it is kept.  Prints nothing.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.events import ignore

if TYPE_CHECKING:
    from workbench.boards.bench import Bench
    from workbench.identity.tpm_enroll.outcome import UnitOutcome
    from workbench.station.enroll import Wanted

SERIAL: Final = "REHEARSAL-1"
MODEL: Final = "rehearsal"


def rehearse(template: str, tell: Callable[[str], None]) -> UnitOutcome:
    """Enrols a new virtual board; `tell` hears the steps' titles."""
    from workbench.boards.bench import load_bench
    from workbench.boards.bench_write import write_virtual_bench
    from workbench.station.enroll import enroll

    @contextmanager
    def step(_name: str, title: str) -> Iterator[None]:
        tell(title)
        yield

    with tempfile.TemporaryDirectory(prefix="workbench-rehearsal-") as name:
        folder = Path(name)
        bench = load_bench(write_virtual_bench(folder, 0, tpms=1))
        slot = next(iter(bench.slots.values()))
        power = slot.need_power()
        try:
            power.on()
            wanted = prepare(bench, template)
            return enroll(slot, wanted, ignore, step=step)
        finally:
            power.off()


def prepare(bench: Bench, template: str = "H-3") -> Wanted:
    """A test CA, an escrow key and an evidence key for a bench of virtual boards, and an order for a unit.

    Its boards with TPMs must have had power once: that makes the vendor who vouches for them.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from workbench.identity.ca.create import NewCa, create_ca
    from workbench.images import files
    from workbench.station.enroll import TpmWanted, Wanted
    from workbench.station.evidence import evidence_folder
    from workbench.station.places import database_url

    passphrase = secrets.token_hex(16).encode()
    roots = files.read(vendor_roots(bench), max_bytes=files.MAX_KEY_FILE_BYTES)
    ca = bench.folder / "ca"
    new = NewCa(name="TEST rehearsal", organization="TEST rehearsal", test=True, vendor_roots=roots)
    create_ca(ca, new, passphrase)
    escrow = bench.folder / "escrow.pub.pem"
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    files.write(escrow, key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    wanted = Wanted(
        serial=SERIAL,
        model=MODEL,
        station="rehearsal",
        ca=ca,
        ledger=database_url(bench.folder),
        evidence=evidence_folder(bench.folder),
        ca_passphrase=lambda: passphrase,
        permit_lock=True,
        tpm=TpmWanted(template=template, escrow_key=escrow, escrow_folder=bench.folder / "escrow"),
    )
    certify_station(wanted)
    return wanted


def vendor_roots(bench: Bench) -> Path:
    """Root certificates of the vendor of a bench's virtual TPMs, PEM."""
    return bench.state_dir / "twins" / "tpm-vendor" / "roots.pem"


def certify_station(wanted: Wanted) -> None:
    """Makes the station's evidence key, in the open, and has the CA certify it."""
    from workbench.identity.ca.client import open_ca
    from workbench.station.evidence import begin

    def issue(csr: bytes) -> list[bytes]:
        with open_ca(wanted.ca, wanted.ca_passphrase) as ca:
            ca.unlock(wanted.ca_passphrase())
            issued = ca.issue("evidence-signer", fields={"common_name": wanted.station}, csr=csr)
        return [*issued.certificates.values(), *issued.chain]

    begin(wanted.evidence, wanted.station, None, issue)
