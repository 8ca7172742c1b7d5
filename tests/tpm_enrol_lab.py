"""A line for boards with a TPM: virtual boards, a test CA that serves, a ledger, an escrow key; all made
for the test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from workbench.database.engine import open_engine
from workbench.events import Emit, ignore
from workbench.identity.ca.client import CaClient, open_ca
from workbench.identity.ca.create import NewCa, create_ca
from workbench.identity.ca.errors import CaUnreachable
from workbench.identity.ledger import Ledger
from workbench.identity.tpm.policy import EkMode, EkPolicy
from workbench.identity.tpm_enroll.flow import enroll
from workbench.identity.tpm_enroll.means import Means, Order
from workbench.identity.tpm_enroll.outcome import UnitOutcome
from workbench.identity.tpm_enroll.recipe import Escrow, Recipe
from workbench.identity.tpm_enroll.verify import Findings
from workbench.virtual.tpm_boards import TpmBoard, plug
from workbench.wires.tpm.tpm import Tpm, open_tpm

MODEL: Final = "gateway-1"
STATION: Final = "line-1"
PASSPHRASE: Final = b"a passphrase for the tests"


def evidence_digest(findings: Findings) -> str:
    """Stands for the signed evidence file."""
    return hashlib.sha256(repr(findings.observed).encode()).hexdigest()


@dataclass
class Line:
    """Where units are enrolled.  `ca` may be taken away to see what happens."""

    folder: Path
    ca: Callable[[], AbstractContextManager[CaClient]]
    roots: tuple[bytes, ...]
    ledger: Ledger
    escrow_key: ec.EllipticCurvePrivateKey
    boards: list[TpmBoard] = field(default_factory=list)

    @property
    def escrow_folder(self) -> Path:
        return self.folder / "escrow"

    @property
    def escrow_pem(self) -> bytes:
        return self.escrow_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def board(self, name: str) -> TpmBoard:
        """A board with power."""
        board = plug(self.folder / "boards", name)
        self.boards.append(board)
        board.power.on()
        return board

    def recipe(self, **changes: Any) -> Recipe:
        return replace(
            Recipe(
                model=MODEL,
                ek=EkPolicy(mode=EkMode.REQUIRE_CERTIFICATE, roots=self.roots),
                escrow=Escrow(self.escrow_key.public_key(), self.escrow_folder),
            ),
            **changes,
        )

    def order(self, serial: str, **changes: Any) -> Order:
        made = Order(
            serial=serial, target="tpm-board", station=STATION, recipe=self.recipe(), permit_lock=True
        )
        return replace(made, **changes)

    def means(self, board: TpmBoard, emit: Emit = ignore, **changes: Any) -> Means:
        made = Means(
            connect=lambda: open_tpm(board.tcti),
            power=board.power,
            ca=self.ca,
            ledger=self.ledger,
            now=lambda: datetime.now(UTC),
            conclude=evidence_digest,
            emit=emit,
        )
        return replace(made, **changes)

    def enrol(self, board: TpmBoard, serial: str, **changes: Any) -> UnitOutcome:
        """Switches the board on if it is off, and enrols it as it comes."""
        board.power.on()
        return enroll(self.order(serial, **changes), self.means(board))

    def close(self) -> None:
        for board in self.boards:
            board.power.off()
        self.ledger.close()


@contextmanager
def open_line(folder: Path, database: str | None = None) -> Iterator[Line]:
    """A line with a CA that serves as long as it is open."""
    first = plug(folder / "boards", "of-the-vendor")  # its power makes the vendor's root
    first.power.on()
    first.power.off()
    pem = first.vendor_roots.read_bytes()
    new = NewCa(name="TEST line", organization="TEST Widgets", test=True, vendor_roots=pem)
    create_ca(folder / "ca", new, PASSPHRASE)
    roots = tuple(c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(pem))
    url = database or f"sqlite:///{folder / 'ledger.sqlite'}"
    with ExitStack() as stack:
        stack.enter_context(open_ca(folder / "ca", lambda: PASSPHRASE))
        line = Line(
            folder,
            lambda: open_ca(folder / "ca", lambda: PASSPHRASE),
            roots,
            Ledger(open_engine(url), station=STATION),
            ec.generate_private_key(ec.SECP256R1()),
        )
        stack.callback(line.close)
        yield line


def no_ca() -> AbstractContextManager[CaClient]:
    """A CA that does not answer."""
    raise CaUnreachable("the CA does not answer")


@contextmanager
def tpm_of(board: TpmBoard) -> Iterator[Tpm]:
    """The board's TPM, for looking at it or doing it harm."""
    with open_tpm(board.tcti) as tpm:
        tpm.startup()
        yield tpm
