"""What a certificate authority accepts: which templates, which EKs, which orders; and what a checked request
yields.

Data only.  `EkPolicy` and `TpmPolicy` say what is wanted, `CheckedTpm` what was found to be true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class EkMode(StrEnum):
    """What an EK must show before a unit is believed."""

    REQUIRE_CERTIFICATE = "require-certificate"
    """A certificate that leads to a pinned vendor root."""
    ALLOW_LIST = "allow-list"
    """A certificate as above; where the TPM has none, an EK whose digest is on the vendor's list."""
    REFUSE = "refuse"
    """No unit with a TPM at all: an authority that nobody told what to trust."""


class CrlMode(StrEnum):
    """What is done about revocation of EK certificates and of their authorities."""

    OFF = "off"
    """Not asked; the result says so."""
    GRACE = "grace"
    """A listed certificate is refused; a missing or old list is recorded and let pass."""
    FAIL_CLOSED = "fail-closed"
    """As `grace`, but a missing or old list refuses."""


@dataclass(frozen=True, slots=True)
class EkPolicy:
    """Which EKs are believed."""

    mode: EkMode = EkMode.REFUSE
    roots: tuple[bytes, ...] = ()
    """Pinned trust anchors, DER."""
    intermediates: tuple[bytes, ...] = ()
    """They only help to find the way, DER."""
    allow_list: frozenset[str] = frozenset()
    """SHA-256 (hex) of EK public keys as SubjectPublicKeyInfo DER."""
    crl_mode: CrlMode = CrlMode.OFF
    crls: tuple[bytes, ...] = ()
    """Revocation lists, DER."""
    crl_max_age_s: int = 7 * 86400
    """A list whose thisUpdate is older counts as stale, whatever its nextUpdate says."""
    quirks: frozenset[str] = frozenset()
    """Names out of `quirks.QUIRKS` that this authority lets pass."""
    templates: frozenset[str] | None = None
    """Ids of `ek.EK_TEMPLATES` that are accepted, None for all.  A TPM has an EK by each of them: name one
    where one TPM must never get two identities under two of its EKs.
    """


def _nobody(_kind: str, _value: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class TpmPolicy:
    """What a request must fulfil."""

    ek: EkPolicy
    templates: frozenset[str] = frozenset({"H-2", "H-3"})
    """Ids of `templates.SHAPES` that are accepted."""
    order_book: Callable[[str, str], bool] | None = None
    """`(serial, model) -> bool`, None where the authority has no order book."""
    holder: Callable[[str, str], str | None] = _nobody
    """`(kind, value) -> request id` of the request that already has that value, or None; kind is `serial`,
    `ek`, `idevid`, `iak` or `csr`; value is the serial number or a SHA-256 in hex.
    """
    replaces: str | None = None
    """Request id of the unit that this one replaces by RMA; what that one held does not count."""
    manufacturers: frozenset[str] | None = None
    """Accepted values of TPM_PT_MANUFACTURER, None for all."""
    firmware: frozenset[int] | None = None
    """Accepted firmware versions, None for all."""
    production: bool = False
    """An emulated TPM is refused."""
    max_station_skew_s: int = 120
    """How far the station's clock may be from the authority's."""
    require_creation: bool = True
    """The CSR must also hold TPM2_CertifyCreation of the IAK by itself."""
    max_resets: int | None = None
    """Highest resetCount that is believed of a unit in the factory, None for no limit."""


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """A key that a TPM made by one of the templates and keeps.

    template: `H-3` (which form of `unique` it had cannot be seen in a key); public: TPMT_PUBLIC; name: Name;
    spki: SubjectPublicKeyInfo DER.
    """

    template: str
    public: bytes
    name: bytes
    spki: bytes

    @property
    def spki_sha256(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, hex: the key's fingerprint in the ledger."""
        return hashlib.sha256(self.spki).hexdigest()


@dataclass(frozen=True, slots=True)
class CheckedEk:
    """An EK that is believed, and why."""

    template: str
    """Id of `ek.EK_TEMPLATES`."""
    trust: str
    """`certificate` or `allow-list`."""
    public: bytes
    """TPMT_PUBLIC."""
    digest: str
    """SHA-256 (hex) of the SubjectPublicKeyInfo."""
    hw_serial: str
    """hwSerialNum of the hardwareModuleName."""
    certificate: bytes | None = None
    """DER without padding, None under `allow-list`."""
    certificate_sha256: str | None = None
    """SHA-256 (hex) of the certificate."""
    permanent_id: str | None = None
    """identifierValue of the permanentIdentifier."""
    manufacturer: str | None = None
    """As in the certificate, `id:53544D20`; so are model and version."""
    model: str | None = None
    version: str | None = None
    path: tuple[str, ...] = ()
    """Subjects of the certificates from the EK's issuer to the pinned root, as RFC 4514 text."""
    notes: tuple[str, ...] = ()
    """What was let pass (quirks, revocation not asked, an old CRL), for the record."""


@dataclass(frozen=True, slots=True)
class CheckedTpm:
    """A request that passed every check.

    csr_sha256: hex, of the whole TCG-CSR-IDEVID.  firmware, reset_count, clock_ms: as the TPM attested them.
    """

    request_id: str
    serial: str
    model: str
    station: str
    idevid: CheckedKey
    iak: CheckedKey
    ek: CheckedEk
    csr_sha256: str
    firmware: int
    reset_count: int
    clock_ms: int
    notes: tuple[str, ...] = field(default=())
