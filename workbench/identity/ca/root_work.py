"""What needs the root's key: a new certificate for the issuing key, and the root's CRL.

Done in the operator's process, with the folder's lock: no worker may serve meanwhile.  Afterwards the root's
key can be moved away again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.identity.ca import ca_file as cf
from workbench.identity.ca import places
from workbench.identity.ca.certify import spki_sha256
from workbench.identity.ca.clock_guard import ClockGuard
from workbench.identity.ca.create import ROOT_CRL_FILE, NewCa, issuing_certificate, record_issuing
from workbench.identity.ca.crl import build_crl, check_reason
from workbench.identity.ca.errors import CaKeyUnavailable, CaRefused
from workbench.identity.ca.folder_files import replace_file
from workbench.identity.ca.key_store import SigningKey, open_signing_key
from workbench.identity.ca.locks import locked
from workbench.identity.ca.opened import read_chain
from workbench.identity.ca.store import Store


@dataclass(frozen=True, slots=True)
class _Root:
    settings: cf.CaFile
    issuing: x509.Certificate
    root: x509.Certificate
    key: SigningKey
    store: Store


def renew_issuing(folder: Path, passphrase: bytes) -> x509.Certificate:
    """A new certificate for the same issuing key, written to `issuing.crt`; what it issued stays valid.

    Raises CaBusy, CaFolderInvalid, CaKeyUnavailable, CaClockDisagrees, CaStoreFailed.
    """
    with _root(folder, passphrase) as found:
        now = ClockGuard().check(None, found.store.last_time(), found.root)
        key = found.issuing.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise CaKeyUnavailable("the issuing key is on no elliptic curve")
        head, product = found.settings.ca, found.settings.product
        new = NewCa(head.name, product.organization, test=head.test, country=product.country)
        made = issuing_certificate(new, found.root, found.key, key, now)
        record_issuing(found.store, made, found.key, now)
        replace_file(folder / cf.ISSUING_CERTIFICATE, made.public_bytes(Encoding.PEM))
        return made


def root_crl(folder: Path, passphrase: bytes) -> bytes:
    """A new CRL of the root in DER, also put into the folder; errors as `renew_issuing`."""
    with _root(folder, passphrase) as found:
        return _write_crl(folder, found)


def revoke_issuing(folder: Path, passphrase: bytes, serial_number: str, reason: str) -> bytes:
    """Revokes a certificate of the issuing CA, and gives the root's new CRL; also raises CaRefused."""
    check_reason(reason)
    with _root(folder, passphrase) as found:
        row = found.store.certificate(serial_number.lower().replace(":", "").lstrip("0"))
        if row is None or row.issuer_sha256 != _issuer(found):
            raise CaRefused(
                "the root issued no certificate with that number",
                reason="certificate-unknown",
                cause="a mistyped number, or a certificate of the issuing CA",
                action="look it up with 'workbench ca show'",
            )
        now = ClockGuard().check(None, found.store.last_time(), found.root)
        with found.store.writing():
            found.store.revoke(row.serial_number, reason, int(now.timestamp()))
        return _write_crl(folder, found)


def _write_crl(folder: Path, found: _Root) -> bytes:
    now = ClockGuard().check(None, found.store.last_time(), found.root)
    with found.store.writing():
        number = found.store.next_crl_number(cf.ROOT_CERTIFICATE, int(now.timestamp()))
    made = build_crl(
        found.root,
        found.store.revoked(_issuer(found)),
        number=number,
        now=now,
        days=found.settings.limits.root_crl_days,
        sign=found.key.sign,
    )
    replace_file(folder / ROOT_CRL_FILE, made)
    return made


def _issuer(found: _Root) -> bytes:
    return bytes.fromhex(spki_sha256(found.key.public_key))


@contextmanager
def _root(folder: Path, passphrase: bytes) -> Iterator[_Root]:
    settings = cf.read_ca_file(folder)
    issuing, root = read_chain(folder)
    with locked(places.lock_path(folder)):
        key = open_signing_key(settings.keys.root, folder, passphrase, call_s=settings.limits.key_call_s)
        store = Store(folder / cf.DATABASE)
        try:
            if key.public_key != root.public_key():
                raise CaKeyUnavailable(f"the root's key is not the one of {folder / cf.ROOT_CERTIFICATE}")
            yield _Root(settings, issuing, root, key, store)
        finally:
            store.close()
            key.close()
