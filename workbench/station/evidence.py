"""The station's part in evidence: its key, that key's certificate, and the folder where evidence is kept.

evidence/
  station.key.pem     P-256, encrypted (PKCS #8) or, for tests, in the open; mode 0600
  station.csr.pem     request for its certificate
  station.chain.pem   its certificate, then the CAs', the root last
  log.jsonl           the hash-chained log
  units/…json         one file of evidence for each unit that was verified
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.identity.evidence import dsse
from workbench.identity.evidence.build import build_evidence
from workbench.identity.evidence.chain import check_chain, check_signer
from workbench.identity.evidence.content import Content
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.statement import Place, Signer
from workbench.images import files
from workbench.settings import STATE_FOLDER
from workbench.station.evidence_log import log_station, opened
from workbench.station.journal import utc_now
from workbench.station.places import JOURNALS
from workbench.station.run_log_head import observed_head

FOLDER: Final = "evidence"
KEY_FILE: Final = "station.key.pem"
CSR_FILE: Final = "station.csr.pem"
CHAIN_FILE: Final = "station.chain.pem"

Passphrase = Callable[[], bytes]


class EvidenceKeyUnusable(WorkbenchError):
    """The station has no key for evidence, or it cannot be used."""

    code = "evidence-key-unusable"
    blame = Blame.STATION
    default_cause = "`workbench evidence init` was not run here, or the passphrase is another one"
    default_action = "run `workbench evidence init`, or give the right passphrase; the unit stays as it is"


class EvidenceChainInvalid(InputError):
    """Certificates are not ones for this station's key for evidence."""

    code = "evidence-chain-invalid"
    default_cause = "certificates of another key, by another profile, or without the CAs' own"
    default_action = "have the request certified with profile evidence-signer, and give the whole chain"


@dataclass(frozen=True, slots=True)
class Concluded:
    """Evidence that was written: its file, the file's SHA-256 in hex, and its line in the log."""

    path: Path
    sha256: str
    line: int


def evidence_folder(bench_folder: Path) -> Path:
    """Folder of the station's key, log and evidence, beside the bench file."""
    return bench_folder / STATE_FOLDER / FOLDER


def make_key(folder: Path, station: str, passphrase: bytes | None) -> bytes:
    """Makes the station's key unless it is there, and gives the request for its certificate, in DER.

    Without a passphrase the key lies in the open, readable by its owner only.  Raises EvidenceKeyUnusable,
    ImageFileUnwritable.
    """
    files.make_private_folder(folder)
    path = folder / KEY_FILE
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        lock = ser.BestAvailableEncryption(passphrase) if passphrase else ser.NoEncryption()
        files.write_new(path, made.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, lock))
    key = load_key(folder, lambda: passphrase or b"")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    files.write(folder / CSR_FILE, csr.public_bytes(ser.Encoding.PEM))
    return csr.public_bytes(ser.Encoding.DER)


def begin(
    folder: Path, station: str, passphrase: Passphrase | None, issue: Callable[[bytes], list[bytes]]
) -> list[bytes]:
    """Gives the station its key, unless it has one, and a certificate for it; the chain, DER, the root last.

    `issue` has the request (PKCS#10, DER) certified by profile evidence-signer and gives the chain.  Without
    `passphrase` a new key lies in the open.  Raises what `make_key` and `install_chain` raise.
    """
    words = passphrase() if passphrase is not None else None
    chain = issue(make_key(folder, station, words))
    install_chain(folder, chain, lambda: words or b"", station)
    return chain


def load_key(folder: Path, passphrase: Passphrase | None) -> ec.EllipticCurvePrivateKey:
    """The station's key; `passphrase` is asked only where it is encrypted.  Raises EvidenceKeyUnusable."""
    path = folder / KEY_FILE
    if not path.is_file():
        raise EvidenceKeyUnusable(f"there is no {path}")
    pem = files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES)
    words = None
    if b"ENCRYPTED" in pem and (passphrase is None or not (words := passphrase())):
        raise EvidenceKeyUnusable(f"{path} is encrypted, and no passphrase was given")
    try:
        key = ser.load_pem_private_key(pem, words)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceKeyUnusable(
            f"{path} cannot be opened", cause="a wrong passphrase, or damage"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise EvidenceKeyUnusable(f"{path} holds no P-256 key")
    return key


def install_chain(folder: Path, chain: list[bytes], passphrase: Passphrase | None, station: str) -> None:
    """Keeps the certificate and its CAs', DER, the root last; notes the certificate in the log.

    Raises EvidenceChainInvalid, EvidenceKeyUnusable, EvidenceUnwritable.
    """
    public = load_key(folder, passphrase).public_key()
    try:
        path = check_chain(chain, chain[-1:], _now())
        certified = check_signer(path[0])
    except EvidenceRefused as error:
        raise EvidenceChainInvalid(error.what) from error
    if dsse.key_id(certified) != dsse.key_id(public):
        raise EvidenceChainInvalid("the certificate is for another key than this station's")
    pem = b"".join(found.public_bytes(ser.Encoding.PEM) for found in path)
    files.write(folder / CHAIN_FILE, pem)
    with opened(folder, station) as log:
        digest = sha256(chain[0]).hexdigest()
        log.append("signer", {"certificate_sha256": digest, "key_id": dsse.key_id(public)})


def load_chain(folder: Path) -> list[bytes]:
    """The station's certificate and its CAs', DER, the root last; raises EvidenceKeyUnusable."""
    path = folder / CHAIN_FILE
    if not path.is_file():
        raise EvidenceKeyUnusable(
            f"there is no {path}", cause="the station's key for evidence has no certificate yet"
        )
    return load_certificates(path)


def load_certificates(path: Path) -> list[bytes]:
    """Certificates of a PEM or DER file, in DER; raises EvidenceChainInvalid, ImageFileUnreadable."""
    data = files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES)
    try:
        if b"-----BEGIN" in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise EvidenceChainInvalid(f"{path} holds no certificate") from error
    return [certificate.public_bytes(ser.Encoding.DER) for certificate in found]


class EvidenceDesk:
    """The station's key, opened once; concludes any number of units.  Safe for many processes at once."""

    def __init__(
        self, folder: Path, station: str, key: ec.EllipticCurvePrivateKey, chain: list[bytes]
    ) -> None:
        self._folder = folder
        self._station = station
        self._key = key
        self._chain = tuple(chain)

    @classmethod
    def open(cls, folder: Path, station: str, passphrase: Passphrase | None = None) -> Self:
        """Opens the key; raises EvidenceKeyUnusable, also where key and log are another station's."""
        _refuse_other_station(folder, station)
        return cls(folder, station, load_key(folder, passphrase), load_chain(folder))

    def conclude(self, content: Content, secrets: tuple[bytes, ...] = ()) -> Concluded:
        """Signs and keeps the evidence of a unit: file and log entry are on the disk when this returns.

        It also says how far the station's log of runs had come, where that lies beside the folder.
        `secrets` are known ones that must not be in it.  Raises SecretRefused, ValueNotStorable,
        EvidenceRefused (such as for a certificate that has run out), EvidenceUnwritable, EvidenceLogDamaged.
        """
        runs = observed_head(self._folder.parent / JOURNALS)
        content = replace(content, observed={**content.observed, **runs})
        with opened(self._folder, self._station) as log:
            place = Place(log.line, log.prev)
            signer = Signer(self._chain, utc_now())
            data = build_evidence(content, place, signer, self._sign, secrets)
            path = log.keep(data, content.unit.unit_id, content.unit.serial, signer.signed_at)
        return Concluded(path, sha256(data).hexdigest(), place.line)

    def _sign(self, data: bytes) -> bytes:
        return self._key.sign(data, ec.ECDSA(SHA256()))


def _refuse_other_station(folder: Path, station: str) -> None:
    """Whoever verifies the evidence compares the station that it names with the one of the log."""
    own = log_station(folder)
    if own is not None and own != station:
        raise EvidenceKeyUnusable(
            f"the key and log in {folder} are those of the station {own}, not of {station}",
            cause="`workbench evidence init` was run under another name",
            action=f"give --station {own}",
        )


def _now() -> datetime:
    return datetime.now(UTC)
