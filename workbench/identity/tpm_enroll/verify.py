"""Phase 5a: everything read again after a cold restart, proofs over fresh nonces, and what must fail tried.

What is compared comes from the ledger; what is reported was seen.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.evidence.content import Tried
from workbench.identity.tpm.names import digest
from workbench.identity.tpm.public_key import verify_signature
from workbench.identity.tpm.quote import QuoteWanted, verify_quote
from workbench.identity.tpm.structures import Alg, ClockInfo, build_public, parse_signature
from workbench.identity.tpm_enroll import ek as ek_phase
from workbench.identity.tpm_enroll import evidence, keys, preflight, store, trials
from workbench.identity.tpm_enroll.errors import BoardNotRestarted, LockIsOpen, TpmVerificationFailed
from workbench.identity.tpm_enroll.recipe import OWNER_NV, PLATFORM_OPEN
from workbench.wires.tpm.values import Hierarchy

if TYPE_CHECKING:
    from workbench.identity.ledger.values import Unit
    from workbench.identity.tpm.structures import PublicArea
    from workbench.identity.tpm.templates import Kind
    from workbench.identity.tpm_enroll.ek import Ek
    from workbench.identity.tpm_enroll.preflight import Sight
    from workbench.identity.tpm_enroll.recipe import Recipe
    from workbench.identity.tpm_enroll.store import Stored
    from workbench.wires.tpm.tpm import Tpm

NONCE_BYTES: Final = 32
PCRS: Final = tuple(range(8))
"""What a quote shows: the registers of the boot firmware."""
GIVEN_UP: Final = {
    PLATFORM_OPEN: trials.PLATFORM_ACTS,
    OWNER_NV: frozenset({"owner-undefine-idevid", "owner-undefine-iak"}),
}
"""Acts that may be possible where the recipe allows that by name."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom to verify: the ledger's unit, its EK as it was met before the restart, the certificates over
    its own.

    `password`: the lockout password, where this very run has set it and nobody has to be asked.
    """

    unit: Unit
    recipe: Recipe
    ek: Ek
    chain: tuple[bytes, ...]
    password: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen on a unit after its restart."""

    subject: Subject
    before: Sight
    after: Sight
    stored: dict[Kind, Stored]
    quote: dict[str, Any]
    observed: dict[str, Any]
    tried: tuple[Tried, ...]


def verify_unit(tpm: Tpm, subject: Subject, before: Sight, *, restarted: bool = True) -> Findings:
    """Reads, compares, challenges and tries.  `restarted`: the board must have been without power since
    `before`.

    Raises TpmVerificationFailed, TpmKeyDiffers, TpmCertificateDiffers, TpmSignatureInvalid,
    IdentityRefused.
    """
    tpm.startup()
    after = preflight.look(tpm)
    if restarted:
        verify_restarted(before, after)
    preflight.verify_no_lockout(after)
    tpm.secure(ek_phase.again(tpm, subject.ek), subject.ek.name)
    names = recorded_names(subject.unit)
    areas = {place.kind: keys.verify_kept(tpm, place, names[place.kind]) for place in subject.recipe.places}
    stored = {place.kind: _verify_certificate(tpm, subject, place.kind) for place in subject.recipe.places}
    challenge(tpm, subject, areas["idevid"])
    quoted = quote(tpm, subject, areas["iak"], before)
    tried = _try(tpm, subject, after, areas["iak"])
    end = tpm.properties()
    if end.lockout_counter != after.properties.lockout_counter:
        raise TpmVerificationFailed("the lockout counter changed while forbidden acts were tried")
    if end != after.properties:
        raise TpmVerificationFailed(
            "the TPM says other things of itself in a session that nobody can change than before it",
            cause="something between station and TPM changes its answers, or the TPM lies",
        )
    observed = {
        "platform_closed": not end.ph_enable,
        "clear_disabled": end.disable_clear,
        "lockout_auth_set": end.lockout_auth_set,
        "lockout_counter": end.lockout_counter,
        "dictionary_attack": [end.max_auth_fail, end.lockout_interval_s, end.lockout_recovery_s],
        "reset_count": [before.clock.reset_count, after.clock.reset_count],
        "restarted": restarted,
    }
    return Findings(subject, before, after, stored, quoted, observed, tried)


def refuse_open(findings: Findings) -> None:
    """Raises LockIsOpen for acts that were not seen to fail, unless the recipe gives them up by name."""
    given_up = frozenset[str]().union(*(GIVEN_UP.get(name, ()) for name in findings.subject.recipe.allow))
    still_open = [found for found in trials.broken(findings.tried) if found.act not in given_up]
    if still_open:
        said = "; ".join(f"{f.act}: {f.observed}, must give {f.expected}" for f in still_open)
        raise LockIsOpen(f"the unit's identity is not immutable: {said}")


def verify_restarted(before: Sight, after: Sight) -> None:
    """The TPM was reset in between, and is no copy that went back in time.

    Raises BoardNotRestarted, TpmVerificationFailed.
    """
    told = (
        f"the TPM counts {after.clock.reset_count} resets, and {before.clock.reset_count} before the restart"
    )
    if after.clock.reset_count == before.clock.reset_count:
        raise BoardNotRestarted(told)
    gone_back = after.clock.safe and after.clock.clock_ms < before.clock.clock_ms
    if after.clock.reset_count < before.clock.reset_count or gone_back:
        raise TpmVerificationFailed(
            f"{told}; its clock shows {after.clock.clock_ms} ms, and {before.clock.clock_ms} before",
            cause="an older copy of the TPM's memory came back",
        )


def verify_certificate(der: bytes, spki_sha256: str, chain: tuple[bytes, ...]) -> x509.Certificate:
    """A certificate for the key with that fingerprint, signed by the first of `chain`, each by the next.

    Raises TpmVerificationFailed.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if hashlib.sha256(spki).hexdigest() != spki_sha256:
            raise TpmVerificationFailed("a certificate is for another key than the unit's")
        if chain:
            certificate.verify_directly_issued_by(x509.load_der_x509_certificate(chain[0]))
            _verify_chain(chain)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise TpmVerificationFailed(f"a certificate does not lead to the CA's root: {error}") from error
    return certificate


@lru_cache(maxsize=8)
def _verify_chain(chain: tuple[bytes, ...]) -> None:
    """Each is signed by the next; once for all units of a CA.  Raises as cryptography does."""
    certificates = [x509.load_der_x509_certificate(raw) for raw in chain]
    for below, issuer in pairwise(certificates):
        below.verify_directly_issued_by(issuer)


def recorded_names(unit: Unit) -> dict[str, bytes]:
    """Names of the unit's keys as the ledger has them, by kind."""
    return {kind: bytes.fromhex(str(told["name"])) for kind, told in unit.details["keys"].items()}


def challenge(tpm: Tpm, subject: Subject, area: PublicArea) -> None:
    """The IDevID signs a fresh nonce.  Raises TpmSignatureInvalid."""
    message = b"workbench challenge\0" + secrets.token_bytes(NONCE_BYTES)
    handle = subject.recipe.place("idevid").handle
    signature = evidence.sign(tpm, handle, area.key, digest(area.name_alg, message), area.name_alg)
    verify_signature(area, parse_signature(signature), message)


def quote(tpm: Tpm, subject: Subject, area: PublicArea, before: Sight) -> dict[str, Any]:
    """The IAK quotes the boot registers over a fresh nonce; what it showed.  Raises IdentityRefused."""
    evidence.make_clock_safe(tpm)
    nonce, clock, found = secrets.token_bytes(NONCE_BYTES), before.clock, before.properties
    pcrs = tpm.pcr_read({int(Alg.SHA256): PCRS})
    made = tpm.quote(subject.recipe.place("iak").handle, nonce, {int(Alg.SHA256): PCRS})
    wanted = QuoteWanted(
        build_public(area),
        nonce,
        pcrs,
        found.firmware[0] << 32 | found.firmware[1],
        ClockInfo(clock.clock_ms, clock.reset_count, clock.restart_count, clock.safe),
    )
    checked = verify_quote(made.attest, made.signature, wanted)
    return {
        "pcrs_sha256": {str(number): value.hex() for number, value in pcrs[int(Alg.SHA256)].items()},
        "pcr_digest": checked.pcr_digest.hex(),
        "firmware": f"{checked.firmware:016x}",
        "reset_count": checked.clock.reset_count,
    }


def _verify_certificate(tpm: Tpm, subject: Subject, kind: Any) -> Stored:
    unit = subject.unit
    found = store.verify_stored(tpm, subject.recipe.place(kind), unit.certificates[kind])
    verify_certificate(unit.certificates[kind], unit.keys[kind], subject.chain)
    return found


def _try(tpm: Tpm, subject: Subject, after: Sight, iak: PublicArea) -> tuple[Tried, ...]:
    if subject.password is not None:
        tpm.use_auth(Hierarchy.LOCKOUT, subject.password)
    outside = digest(iak.name_alg, secrets.token_bytes(NONCE_BYTES))
    plan = trials.trials_of(
        tpm, subject.recipe, after.properties, outside, iak.name_alg, by_lockout=subject.password is not None
    )
    return trials.try_all(tpm, plan)
