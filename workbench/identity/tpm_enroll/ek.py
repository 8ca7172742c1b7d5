"""Phase 1: the endorsement key, its certificate as raw DER, and whether both are believed.

The station decides with the same pure checks as the CA, so that a board that cannot be believed is
refused before anything is written.  A TPM without a certificate is only believed where a list of its
vendor names its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from workbench.identity.tpm.checks_ek import check_ek
from workbench.identity.tpm.ek import (
    CHAIN_FIRST,
    CHAIN_LAST,
    EK_TEMPLATES,
    SEARCH_ORDER,
    EkTemplate,
    ek_digest,
    ek_template,
)
from workbench.identity.tpm.ek_certificate import strip_padding
from workbench.identity.tpm.names import name_of
from workbench.identity.tpm.policy import CheckedEk
from workbench.identity.tpm.structures import parse_public
from workbench.identity.tpm_enroll.errors import TpmKeyDiffers
from workbench.wires.tpm.errors import TpmRefused
from workbench.wires.tpm.values import EkKind, First, Hierarchy

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.identity.tpm.policy import EkPolicy
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import TpmProperties

EK_INDICES: Final = (0x01C0_0002, CHAIN_LAST)
WITHOUT_CERTIFICATE: Final = ("H-3", "L-2", "L-1")
"""Templates that are tried where a TPM has no certificate at all, and the policy names none."""
BY_SEED: Final = ("L-2", "L-1")
"""EKs by which a TPM is known whatever certificates it shows: the first of these that it can make."""


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in the TPM's NV for one EK: certificate and chain as raw bytes, the low range's nonce."""

    template: EkTemplate
    certificate: bytes | None = None
    nonce: bytes = b""
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Ek:
    """An endorsement key that is believed.  `handle` is transient and ends with the connection."""

    handle: int
    public: bytes = field(repr=False)
    name: bytes = field(repr=False)
    found: Found = field(repr=False)
    checked: CheckedEk
    others: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of its SubjectPublicKeyInfo, hex: the unit's hardware ID."""
        return self.checked.digest

    @property
    def kind(self) -> EkKind:
        """Range of its template."""
        return self.found.template.range

    @property
    def certificate(self) -> bytes | None:
        """DER without padding, None where it was believed without."""
        return self.checked.certificate

    @property
    def certificate_sha256(self) -> str | None:
        """SHA-256 of the certificate, hex."""
        return self.checked.certificate_sha256

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Certificates that the TPM holds beside it."""
        return self.found.chain

    def as_json(self) -> dict[str, Any]:
        """For events, the ledger and the record."""
        return {
            "template": self.found.template.id,
            "trust": self.checked.trust,
            "spki_sha256": self.digest,
            "name": self.name.hex(),
            "certificate_sha256": self.certificate_sha256,
            "hardware_serial": self.checked.hw_serial,
            "path": list(self.checked.path),
            "notes": list(self.checked.notes),
        }


def find(tpm: Tpm, policy: EkPolicy, properties: TpmProperties, now: datetime) -> Ek:
    """The TPM's EK, made again from seed and template, and believed.

    `Ek.others` is what the TPM's seed makes whatever it shows: two EKs of one TPM have it in common.  Raises
    IdentityRefused with the reason, TpmStructureMalformed, TpmKeyDiffers.
    """
    found, others = read(tpm, _indices(tpm), policy.templates), by_seed(tpm)
    if found is None:
        ek = _without_certificate(tpm, policy, properties, now)
    else:
        handle, public, name = create(tpm, found)
        ek = Ek(handle, public, name, found, _check(public, found, policy, properties, now))
    return replace(ek, others=tuple(other for other in others if other != ek.digest))


def read(tpm: Tpm, there: frozenset[int], allowed: frozenset[str] | None = None) -> Found | None:
    """The first certificate in the search order, out of the NV indices that are there; None where there
    is none for a template that is `allowed` (None: for any).
    """
    template = next((t for t in _searched(SEARCH_ORDER, allowed) if t.cert_index in there), None)
    if template is None:
        return None
    chain = tuple(tpm.nv_read(index) for index in sorted(there) if CHAIN_FIRST <= index <= CHAIN_LAST)
    nonce = (
        tpm.nv_read(template.nonce_index) if template.nonce_index in there and template.nonce_index else b""
    )
    return Found(template, tpm.nv_read(template.cert_index), nonce, chain)


def certificates(tpm: Tpm) -> tuple[bytes, ...]:
    """Every EK certificate that is there, DER without padding, believed or not."""
    there = _indices(tpm)
    wanted = [template.cert_index for template in EK_TEMPLATES.values() if template.cert_index in there]
    return tuple(strip_padding(tpm.nv_read(index)) for index in wanted)


def by_seed(tpm: Tpm) -> tuple[str, ...]:
    """Digests of keys that depend on the TPM's endorsement seed alone, so that a TPM whose certificate is
    hidden or another one is still known.  None where it can make no such key.
    """
    for id in BY_SEED:
        try:
            handle, public, _ = create(tpm, Found(EK_TEMPLATES[id]))
        except TpmRefused:
            continue
        tpm.flush(handle)
        return (ek_digest(public),)
    return ()


def _indices(tpm: Tpm) -> frozenset[int]:
    return frozenset(i for i in tpm.handles(First.NV) if EK_INDICES[0] <= i <= EK_INDICES[1])


def _searched(order: tuple[str, ...], allowed: frozenset[str] | None) -> list[EkTemplate]:
    return [EK_TEMPLATES[id] for id in order if allowed is None or id in allowed]


def create(tpm: Tpm, found: Found) -> tuple[int, bytes, bytes]:
    """CreatePrimary of the EK: handle, TPMT_PUBLIC, and the Name computed from it.  Raises TpmKeyDiffers."""
    made = tpm.create_primary(Hierarchy.ENDORSEMENT, ek_template(found.template.id, found.nonce))
    name = name_of(parse_public(made.public))
    if name != made.name:
        raise TpmKeyDiffers("the Name that the TPM says of its endorsement key is not the key's")
    return made.handle, made.public, name


def again(tpm: Tpm, ek: Ek) -> int:
    """The same EK in a new connection; its handle.  Raises TpmKeyDiffers where another key comes out."""
    handle, _, name = create(tpm, ek.found)
    if name != ek.name:
        raise TpmKeyDiffers("the endorsement key is another one than before the restart")
    return handle


def _without_certificate(tpm: Tpm, policy: EkPolicy, properties: TpmProperties, now: datetime) -> Ek:
    """The first EK that the vendor's list names, of the templates that the policy names; else the refusal
    of one.
    """
    tried = WITHOUT_CERTIFICATE if policy.templates is None else SEARCH_ORDER
    templates = _searched(tried, policy.templates) or [EK_TEMPLATES[WITHOUT_CERTIFICATE[0]]]
    for template in templates:
        found = Found(template)
        handle, public, name = create(tpm, found)
        if ek_digest(public) in policy.allow_list or template is templates[-1] or not policy.allow_list:
            return Ek(handle, public, name, found, _check(public, found, policy, properties, now))
        tpm.flush(handle)
    raise AssertionError("the last template returns or raises")


def _check(
    public: bytes, found: Found, policy: EkPolicy, properties: TpmProperties, now: datetime
) -> CheckedEk:
    return check_ek(
        public,
        found.certificate,
        chain=found.chain,
        policy=policy,
        manufacturer=properties.manufacturer,
        now=now,
    )
