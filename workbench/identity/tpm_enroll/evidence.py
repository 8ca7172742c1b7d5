"""Phase 3a: what proves to the CA that the keys live in this TPM: CertifyCreation and Certify with the
CA's nonce, and the TCG-CSR-IDEVID around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.identity.tpm.csr import CsrFields, build_contents, build_csr
from workbench.identity.tpm.names import digest
from workbench.identity.tpm.request import qualifying_data
from workbench.identity.tpm.structures import Alg, RsaKey

if TYPE_CHECKING:
    from workbench.identity.tpm_enroll.keys import Key
    from workbench.wires.tpm.tpm import Tpm

NO_SCHEME: Final = int(Alg.NULL)
CLOCK_UPDATE_MS: Final = 1 << 22
"""Longest time between two savings of a TPM's clock (TPM 2.0 Library, Part 1, 36.3), ms."""


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom the CSR is: product model, product serial, station; `ek_cert` is DER, None where there is
    none.
    """

    model: str
    serial: str
    station: str
    ek_cert: bytes | None


def make_csr(tpm: Tpm, iak: Key, idevid: Key, subject: Subject, nonce: bytes) -> bytes:
    """The TCG-CSR-IDEVID (13.1), bound to the CA's nonce and signed by the IDevID."""
    qualifying = qualifying_data(nonce, subject.serial, subject.station)
    signer, other = iak.place.handle, idevid.place.handle
    own_attest = tpm.certify_creation(signer, iak.created, signer, qualifying)
    other_attest = tpm.certify(other, signer, qualifying, idevid.policy)
    hash_alg = idevid.area.name_alg
    contents = build_contents(
        CsrFields(
            model=subject.model.encode(),
            serial=subject.serial.encode(),
            ca_data=nonce,
            boot_log=b"",
            ek_cert=subject.ek_cert or b"",
            iak_public=iak.public,
            iak_ticket=iak.created.ticket,
            iak_attest=own_attest.attest,
            iak_attest_signature=own_attest.signature,
            idevid_public=idevid.public,
            idevid_attest=other_attest.attest,
            idevid_attest_signature=other_attest.signature,
        ),
        hash_alg,
    )
    signature = sign(tpm, other, idevid.area.key, digest(hash_alg, contents), hash_alg)
    return build_csr(contents, signature)


def make_clock_safe(tpm: Tpm) -> None:
    """After a power cut a TPM does not vouch for its clock: sets it beyond anything it can have shown
    before.
    """
    clock = tpm.clock()
    if not clock.safe:
        tpm.clock_set(clock.clock_ms + CLOCK_UPDATE_MS)


def sign(tpm: Tpm, handle: int, key: object, hashed: bytes, hash_alg: int) -> bytes:
    """TPMT_SIGNATURE by an IDevID over a digest; an RSA key, whose template leaves the scheme open, signs
    RSASSA.
    """
    scheme = int(Alg.RSASSA) if isinstance(key, RsaKey) else NO_SCHEME
    return tpm.sign(handle, hashed, hash_alg, scheme=scheme)
