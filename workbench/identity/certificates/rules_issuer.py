"""Rules about a certificate and its issuer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from workbench.identity.certificates.rule import Case, moment, rule

ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_SHA384: Final = bytes.fromhex("300a06082a8648ce3d040303")
"""AlgorithmIdentifier without parameters, RFC 5758 section 3.2."""
_ROUNDING: Final = timedelta(seconds=1)
_ALGORITHMS: Final = {"ecdsa-p256": ECDSA_SHA256, "ecdsa-p384": ECDSA_SHA384}
_HASHES: Final = {ECDSA_SHA256: SHA256(), ECDSA_SHA384: SHA384()}


@rule("signature-algorithm", "RFC 5280 sections 4.1.1.2 and 4.1.2.3; RFC 5758 section 3.2")
def algorithm(case: Case) -> Iterator[str]:
    """The same algorithm inside and outside, with the hash that fits the issuer's curve."""
    if case.view.inner_algorithm != case.view.outer_algorithm:
        yield "the algorithm that is signed is not the one beside the signature"
    kind, allowed = case.issuer.key_algorithm, case.profile.key.issuer_algorithms
    if kind not in allowed:
        yield f"the issuer's key is {kind}, and the profile allows {', '.join(allowed)}"
    elif case.view.inner_algorithm != _ALGORITHMS[kind]:
        yield f"signed with an algorithm that does not belong to {kind}"


@rule("signature-wrong", "RFC 5280 section 6.1.3 (a) (1)")
def signature(case: Case) -> Iterator[str]:
    """The issuer's key signed it."""
    key, hash_algorithm = case.issuer.key, _HASHES.get(case.view.outer_algorithm)
    if not case.signed or not isinstance(key, ec.EllipticCurvePublicKey) or hash_algorithm is None:
        return
    try:
        key.verify(case.view.signature, case.view.tbs, ec.ECDSA(hash_algorithm))
    except InvalidSignature:
        yield "the issuer's key did not sign it"


@rule("issuer-name", "RFC 5280 section 4.1.2.4")
def issuer_name(case: Case) -> Iterator[str]:
    """The issuer's name is the subject of the issuer's certificate, byte by byte."""
    if case.view.issuer != case.issuer.subject:
        yield "the issuer's name is not the subject of the issuer's certificate"


@rule("issuer-may-not", "RFC 5280 sections 4.2.1.3 and 4.2.1.9")
def issuer_may(case: Case) -> Iterator[str]:
    """The issuer is a CA that may sign certificates, and CAs where this is one."""
    constraints = case.issuer.constraints
    if constraints is None or not constraints[0]:
        yield "the issuer is no CA"
    elif case.profile.is_ca and not case.is_root and constraints[1] == 0:
        yield "the issuer may have no CA below it"
    if "keyCertSign" not in case.issuer.key_usage:
        yield "the issuer's key may not sign certificates"


@rule("validity-beyond-issuer", "RFC 5280 section 6.1.3 (a) (2); TCG DevID section 8")
def within_issuer(case: Case) -> Iterator[str]:
    """Begins in the issuer's certificate's time, and ends in it unless it is without end."""
    if moment(case.view.not_before) < moment(case.issuer.not_before):
        yield "it begins before its issuer's certificate"
    if moment(case.view.not_before) > moment(case.issuer.not_after):
        yield "it begins after its issuer's certificate ended"
    if case.profile.validity.days is not None and moment(case.view.not_after) > moment(case.issuer.not_after):
        yield "it ends after its issuer's certificate"


@rule("not-before", "TCG DevID section 8: notBefore is the time of creation")
def not_before(case: Case) -> Iterator[str]:
    """Begins when it is issued, as far as that is known: not later, and not earlier than backdate_s."""
    if case.now is None:
        return
    begin = moment(case.view.not_before)
    earliest = case.now - timedelta(seconds=case.profile.validity.backdate_s) - _ROUNDING
    if begin > case.now:
        yield f"begins {case.view.not_before.text}, after it is issued"
    if begin < earliest:
        yield f"begins {case.view.not_before.text}, long before it is issued"


@rule("authority-key-identifier", "RFC 5280 section 4.2.1.1; TCG DevID section 8: MUST")
def authority_key(case: Case) -> Iterator[str]:
    """Names the issuer's key, as the issuer's certificate names it."""
    found, right = case.view.authority_key_identifier, case.issuer.subject_key_identifier
    if found is None and case.profile.extensions.authority_key_identifier:
        yield "the authority key identifier is missing"
    if found is not None and right is not None and found != right:
        yield "the authority key identifier is not the issuer's key identifier"


@rule("key-of-issuer", "the certificate would let its holder act as the CA")
def key_of_issuer(case: Case) -> Iterator[str]:
    """The certified key is not the issuer's."""
    if not case.is_root and case.view.spki == case.issuer.spki:
        yield "it certifies the issuer's own key"


SIGNATURE_RULES: Final = (signature,)
"""What looks at the signature's own bytes; no other rule does, but for their being DER."""

RULES: Final = (
    algorithm,
    signature,
    issuer_name,
    issuer_may,
    within_issuer,
    not_before,
    authority_key,
    key_of_issuer,
)
